"""Makes test/goldens/robots.golden.json: what MuJoCo compiles from Gymnasium's and dm_control's own robot files.

Also holds our files of assets/robots against them in MuJoCo itself: the same controls must give the same motion.
Run with mujoco and gymnasium installed, and the folder of dm_control's suite as the argument:

    python scripts/goldens/robots.py DM_CONTROL_SUITE
"""

import json
import math
import pathlib
import sys

import gymnasium
import mujoco
import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
OUTPUT = ROOT / "test" / "goldens" / "robots.golden.json"
GYM = pathlib.Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
DM = pathlib.Path(sys.argv[1])

ROBOTS = {
    "hopper": GYM / "hopper.xml",
    "half-cheetah": GYM / "half_cheetah.xml",
    "walker2d": GYM / "walker2d_v5.xml",
    "ant": GYM / "ant.xml",
    "reacher": GYM / "reacher.xml",
    "inverted-pendulum": GYM / "inverted_pendulum.xml",
    "inverted-double-pendulum": GYM / "inverted_double_pendulum.xml",
    "dm-walker": DM / "walker.xml",
    "dm-cheetah": DM / "cheetah.xml",
    "dm-hopper": DM / "hopper.xml",
    "dm-reacher": DM / "reacher.xml",
    "dm-cartpole": DM / "cartpole.xml",
    "dm-pendulum": DM / "pendulum.xml",
}
TYPES = ["plane", "hfield", "sphere", "capsule", "ellipsoid", "cylinder", "box", "mesh"]
SIZES = {"plane": 0, "mesh": 0, "sphere": 1, "capsule": 2, "cylinder": 2, "box": 3}
KINDS = ["free", "ball", "slide", "hinge"]
STEPS = 100
TOLERANCE = 1e-7


def numbers(values):
    return [float(value) for value in np.asarray(values).ravel()]


def at_rest(model):
    """qpos0, but the middle of its range for a hinge whose range leaves a turn about zero, as parseMjcf puts it."""
    data = mujoco.MjData(model)
    for joint in range(model.njnt):
        low, high = model.jnt_range[joint]
        is_hinge = KINDS[model.jnt_type[joint]] == "hinge"
        if is_hinge and model.jnt_limited[joint] and (low < -math.pi or high > math.pi):
            data.qpos[model.jnt_qposadr[joint]] = (low + high) / 2
    mujoco.mj_forward(model, data)
    return data


def body(model, data, i):
    turn = data.ximat[i].reshape(3, 3)
    inertia = turn @ np.diag(model.body_inertia[i]) @ turn.T
    return {
        "name": model.body(i).name,
        "mass": float(model.body_mass[i]),
        "centre": numbers(data.xipos[i]),
        "inertia": numbers([inertia[j, k] for j, k in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]),
        "hasJoint": bool(model.body_jntnum[i] > 0),
    }


def joint(model, data, i):
    address = model.jnt_qposadr[i]
    kind = KINDS[model.jnt_type[i]]
    dof = model.jnt_dofadr[i]
    result = {"name": model.joint(i).name, "kind": kind, "body": int(model.jnt_bodyid[i])}
    if kind == "free":
        return result
    return result | {
        "axis": numbers(data.xaxis[i]),
        "anchor": numbers(data.xanchor[i]),
        "rest": float(data.qpos[address]),
        "range": numbers(model.jnt_range[i]) if model.jnt_limited[i] else None,
        "damping": float(np.ravel(model.dof_damping[dof])[0]),
        "armature": float(model.dof_armature[dof]),
        "stiffness": float(np.ravel(model.jnt_stiffness[i])[0]),
        "springRest": float(model.qpos_spring[address]),
        "dryFriction": float(model.dof_frictionloss[dof]),
        "margin": float(model.jnt_margin[i]),
        "solref": numbers(model.jnt_solref[i]),
        "solimp": numbers(model.jnt_solimp[i]),
    }


def geom(model, data, i):
    kind = TYPES[model.geom_type[i]]
    return {
        "body": int(model.geom_bodyid[i]),
        "kind": kind,
        "size": numbers(model.geom_size[i][: SIZES[kind]]),
        "position": numbers(data.geom_xpos[i]),
        "zAxis": numbers(data.geom_xmat[i].reshape(3, 3)[:, 2]),
        "friction": numbers(model.geom_friction[i]),
        "condim": int(model.geom_condim[i]),
        "contype": int(model.geom_contype[i]),
        "conaffinity": int(model.geom_conaffinity[i]),
        "margin": float(model.geom_margin[i]),
        "solref": numbers(model.geom_solref[i]),
        "solimp": numbers(model.geom_solimp[i]),
    }


def actuator(model, i):
    return {
        "joint": int(model.actuator_trnid[i][0]),
        "gear": float(model.actuator_gear[i][0]),
        "range": numbers(model.actuator_ctrlrange[i]) if model.actuator_ctrllimited[i] else None,
    }


def described(model):
    data = at_rest(model)
    return {
        "timestep": model.opt.timestep,
        "integrator": ["euler", "rk4", "implicit", "implicitfast"][model.opt.integrator],
        "gravity": numbers(model.opt.gravity),
        "touches": not model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_CONTACT,
        "totalMass": float(model.body_mass[1:].sum()),
        "bodies": [body(model, data, i) for i in range(1, model.nbody)],
        "joints": [joint(model, data, i) for i in range(model.njnt)],
        "geoms": [geom(model, data, i) for i in range(model.ngeom)],
        "actuators": [actuator(model, i) for i in range(model.nu)],
    }


def drift(theirs, ours, joints):
    """Largest difference in the coordinates of the first joints after STEPS steps of the same random controls from the same start."""
    rng = np.random.default_rng(0)
    datas = [mujoco.MjData(model) for model in (theirs, ours)]
    is_free = theirs.jnt_type[0] == 0
    count = joints + (6 if is_free else 0)
    velocities = joints + (5 if is_free else 0)
    start = rng.normal(0, 0.05, velocities)
    for data in datas:
        data.qvel[:velocities] = start
    largest = 0.0
    for _ in range(STEPS):
        control = rng.uniform(-1, 1, theirs.nu)
        for data, model in zip(datas, (theirs, ours)):
            data.ctrl[:] = control
            mujoco.mj_step(model, data)
        largest = max(largest, float(np.abs(datas[0].qpos[:count] - datas[1].qpos[:count]).max()))
    return largest


def main():
    golden = {"madeBy": "scripts/goldens/robots.py", "mujoco": mujoco.__version__, "gymnasium": gymnasium.__version__, "robots": {}}
    for name, path in ROBOTS.items():
        theirs = mujoco.MjModel.from_xml_path(str(path))
        ours = mujoco.MjModel.from_xml_path(str(ROOT / "assets" / "robots" / f"{name}.xml"))
        shared = theirs.njnt - (2 if name == "reacher" else 0)
        difference = drift(theirs, ours, shared)
        print(f"{name}: {difference:.1e} after {STEPS} steps")
        assert difference < TOLERANCE, name
        golden["robots"][name] = described(theirs)
    features = ROOT / "test" / "scene" / "files" / "features.xml"
    golden["robots"]["features"] = described(mujoco.MjModel.from_xml_path(str(features)))
    OUTPUT.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
