"""Makes test/goldens/tasks.golden.json: what Gymnasium and dm_control observe, pay and end in given states.

Each row holds a state before a step, an action, the state after it as the original's own engine found it, and what the original then says.
Our tasks are fed the same states, so engines play no part. Run with mujoco, gymnasium and dm_control installed:

    python scripts/goldens/tasks.py
"""

import json
import math
import pathlib
from importlib.metadata import version

import gymnasium
import mujoco
import numpy as np
from dm_control import suite

OUTPUT = pathlib.Path(__file__).parents[2] / "test" / "goldens" / "tasks.golden.json"
ROWS = 12


def numbers(values):
    return [float(value) for value in np.asarray(values).ravel()]


def motors(model, action):
    """What each motor exerts, N·m or N."""
    return numbers(model.actuator_gear[:, 0] * action)


# Gymnasium: one row a state and action, terms of the reward by our names for them.

STANDARD = {"forward": "reward_forward", "healthy": "reward_survive", "effort": "reward_ctrl"}
GYMNASIUM = {
    "InvertedPendulum-v0": ("InvertedPendulum-v5", {}),
    "InvertedDoublePendulum-v0": (
        "InvertedDoublePendulum-v5",
        {"alive": "reward_survive", "distance": "distance_penalty", "velocity": "velocity_penalty"},
    ),
    "Reacher-v0": ("Reacher-v5", {"distance": "reward_dist", "effort": "reward_ctrl"}),
    "Hopper-v0": ("Hopper-v5", STANDARD),
    "HalfCheetah-v0": ("HalfCheetah-v5", {"forward": "reward_forward", "effort": "reward_ctrl"}),
    "Walker2d-v0": ("Walker2d-v5", STANDARD),
    "Ant-v0": ("Ant-v5", STANDARD | {"contact": "reward_contact"}),
}


def gymnasium_start(id, env, rng, row):
    """Near the usual start in the first rows, further and further out in later ones."""
    spread = 0.02 + 0.5 * row / ROWS
    qpos = env.init_qpos + spread * rng.normal(size=env.model.nq)
    qvel = env.init_qvel + 8 * spread * rng.normal(size=env.model.nv)
    if id == "Reacher-v0":
        qpos[2:] = rng.uniform(-0.2, 0.2, 2)
        qvel[2:] = 0
    if id == "Ant-v0":
        qpos[3:7] /= np.linalg.norm(qpos[3:7])
    if id == "InvertedDoublePendulum-v0" and row % 3 == 0:
        # Into a stop, so that the constraint on the cart says something.
        qpos[0], qvel[0] = 0.98, 1
    if id == "InvertedDoublePendulum-v0" and row % 3 == 1:
        # About to end, or ended.
        qpos[1] = rng.uniform(0.4, 0.9)
    return qpos, qvel


def stepped(id, env, action):
    """What `env.step` returns, but with positions of bodies and sites of the state it returns: its own are one physics step behind."""
    if id not in ("Reacher-v0", "InvertedDoublePendulum-v0", "Ant-v0"):
        observation, reward, terminated, _, info = env.step(action)
        return observation, reward, terminated, info
    x_before = env.data.qpos[0]
    env.do_simulation(action, env.frame_skip)
    mujoco.mj_forward(env.model, env.data)
    mujoco.mj_rnePostConstraint(env.model, env.data)
    terminated = False
    if id == "Reacher-v0":
        reward, info = env._get_rew(action)
    elif id == "Ant-v0":
        terminated = not env.is_healthy
        reward, info = env._get_rew((env.data.qpos[0] - x_before) / env.dt, action)
    else:
        x, _, y = env.data.site_xpos[0]
        terminated = bool(y <= 1)
        reward, info = env._get_rew(x, y, terminated)
    return env._get_obs(), reward, terminated, info


def of_gymnasium(id, name, terms):
    env = gymnasium.make(name).unwrapped
    env.reset(seed=0)
    rng = np.random.default_rng(1)
    rows = []
    for row in range(ROWS):
        qpos, qvel = gymnasium_start(id, env, rng, row)
        env.set_state(qpos, qvel)
        action = rng.uniform(env.action_space.low, env.action_space.high)
        observation, reward, terminated, info = stepped(id, env, action)
        paid = {ours: float(info[theirs]) for ours, theirs in terms.items()}
        result = {
            "before": {"qpos": numbers(qpos), "qvel": numbers(qvel)},
            "action": numbers(action),
            "motors": motors(env.model, action),
            "after": {"qpos": numbers(env.data.qpos), "qvel": numbers(env.data.qvel)},
            "observation": numbers(observation),
            "reward": float(reward),
            "terms": paid,
            "terminated": bool(terminated),
        }
        if id == "Ant-v0":
            result["after"]["contacts"] = numbers(env.data.cfrc_ext[1:])
        if id == "InvertedDoublePendulum-v0":
            result["after"]["stopForce"] = float(env.data.qfrc_constraint[0])
        rows.append(result)
    env.close()
    return {"original": name, "rows": rows}


# dm_control: the observation is its entries one after the other.

DM_CONTROL = {
    "DmCartPoleSwingUp-v0": ("cartpole", "swingup"),
    "DmPendulumSwingUp-v0": ("pendulum", "swingup"),
    "DmReacherEasy-v0": ("reacher", "easy"),
    "DmReacherHard-v0": ("reacher", "hard"),
    "DmWalkerWalk-v0": ("walker", "walk"),
    "DmWalkerRun-v0": ("walker", "run"),
    "DmCheetahRun-v0": ("cheetah", "run"),
    "DmHopperHop-v0": ("hopper", "hop"),
}


def state_of(domain, physics):
    qpos, qvel = numbers(physics.data.qpos), numbers(physics.data.qvel)
    if domain == "walker":
        # Its root names z before x.
        qpos[0], qpos[1] = qpos[1], qpos[0]
        qvel[0], qvel[1] = qvel[1], qvel[0]
    state = {"qpos": qpos, "qvel": qvel}
    if domain == "reacher":
        state["target"] = numbers(physics.named.data.geom_xpos["target", :2])
    if domain == "hopper":
        state["touch"] = numbers(physics.named.data.sensordata[["touch_toe", "touch_heel"]])
    return state


def dm_start(domain, id, physics, rng, row):
    """The task has drawn a start. What pays is rare from there, so some rows are put close to it."""
    moves = domain in ("walker", "cheetah", "hopper")
    if moves and row % 2 == 0:
        physics.data.qpos[2:] = 0.2 * rng.normal(size=physics.model.nq - 2)
        physics.data.qvel[:] = rng.normal(size=physics.model.nv)
        physics.named.data.qvel["rootx"] = rng.uniform(0, 12 if id in ("DmWalkerRun-v0", "DmCheetahRun-v0") else 3)
    if domain == "pendulum":
        physics.data.qpos[:] = rng.normal(0, 0.15) if row % 2 == 0 else rng.uniform(-math.pi, math.pi)
        physics.data.qvel[:] = 0.5 * rng.normal()
    if domain == "cartpole":
        physics.data.qpos[:] = rng.uniform(-1.5, 1.5), rng.uniform(-math.pi, math.pi)
        physics.data.qvel[:] = rng.normal(size=2) * (2, 5)
    if domain == "reacher":
        finger = physics.named.data.geom_xpos["finger", :2]
        if row % 2 == 0:
            reach = physics.named.model.geom_size["target", 0] + physics.named.model.geom_size["finger", 0]
            direction = rng.uniform(0, 2 * math.pi)
            offset = reach * (0.85 if row % 4 == 0 else 1.15)
            target = finger + offset * np.array([math.cos(direction), math.sin(direction)])
            physics.named.model.geom_pos["target", ["x", "y"]] = target
        physics.data.qvel[:] = 0.3 * rng.normal(size=2)


def of_dm_control(id, domain, name):
    env = suite.load(domain, name, task_kwargs={"random": 1})
    rng = np.random.default_rng(2)
    physics, spec = env.physics, env.action_spec()
    rows = []
    for row in range(ROWS):
        env.reset()
        with physics.reset_context():
            dm_start(domain, id, physics, rng, row)
        before = state_of(domain, physics)
        action = rng.uniform(spec.minimum, spec.maximum)
        step = env.step(action)
        assert not step.last()
        rows.append(
            {
                "before": before,
                "action": numbers(action),
                "motors": motors(physics.model, action),
                "after": state_of(domain, physics),
                "observation": numbers(np.concatenate([np.ravel(entry) for entry in step.observation.values()])),
                "reward": float(step.reward),
                "terms": {},
                "terminated": False,
            }
        )
    return {"original": f"{domain}-{name}", "rows": rows}


def main():
    tasks = {id: of_gymnasium(id, *row) for id, row in GYMNASIUM.items()}
    tasks |= {id: of_dm_control(id, *row) for id, row in DM_CONTROL.items()}
    for id, task in tasks.items():
        paid = [row["reward"] for row in task["rows"]]
        ended = sum(row["terminated"] for row in task["rows"])
        print(f"{id}: rewards {min(paid):.3g} to {max(paid):.3g}, {ended} of {ROWS} end")
    versions = {name: version(name) for name in ("gymnasium", "dm_control", "mujoco")}
    OUTPUT.write_text(json.dumps({"madeBy": "scripts/goldens/tasks.py", **versions, "tasks": tasks}, separators=(",", ":")) + "\n")


main()
