"""Gymnasium and native MuJoCo as a peer: reads one JSON request a line on stdin, answers each with one JSON line on stdout.

track  {env, seed, steps, start}  -> states, actions, observations, rewards of an episode; a state is qpos then qvel
speed  {env, wrapped, steps}      -> cpu_s of a block of steps with random actions, resets included; episodes go on from block to block
pile   {xml, steps}               -> cpu_s of the next steps of this scene, from its start where it was not the last one, and what it is like then
"""

import json
import os
import sys
import time
import warnings

os.environ["MUJOCO_GL"] = "disable"
os.environ["OMP_NUM_THREADS"] = "1"
warnings.filterwarnings("ignore")

import gymnasium  # noqa: E402
import mujoco  # noqa: E402
import numpy as np  # noqa: E402

THEIRS = {"Ant-v0": "Ant-v5", "HalfCheetah-v0": "HalfCheetah-v5", "Hopper-v0": "Hopper-v5", "Walker2d-v0": "Walker2d-v5"}
# Where in qpos a robot's height stands, and how far up it is taken to be in the air for all of a rollout, m.
HEIGHTS = {"Ant-v0": 2, "HalfCheetah-v0": 1, "Hopper-v0": 1, "Walker2d-v0": 1}
LIFT_M = 6.0
# Control steps of random motion before a late start.
LATE = 40
# Random actions drawn beforehand: drawing them is not what is timed.
DRAWN_ACTIONS = 1024

envs = {}
# The scene that is running: its text, model and data.
piled = None


def env_of(name, wrapped=False):
    key = (name, wrapped)
    if key not in envs:
        made = gymnasium.make(THEIRS[name])
        envs[key] = Player(made if wrapped else made.unwrapped, limit=made.spec.max_episode_steps)
    return envs[key]


class Player:
    """Steps an env with random actions, and begins anew where an episode ends."""

    def __init__(self, env, limit):
        self.env = env
        self.limit = limit
        env.action_space.seed(0)
        self.actions = [env.action_space.sample() for _ in range(DRAWN_ACTIONS)]
        self.drawn = 0
        self.age = limit
        self.resets = 0

    def block(self, steps):
        step, reset, actions, limit = self.env.step, self.env.reset, self.actions, self.limit
        drawn, age = self.drawn, self.age
        before = time.process_time()
        for _ in range(steps):
            if age >= limit:
                reset()
                self.resets += 1
                age = 0
            _, _, terminated, truncated, _ = step(actions[drawn % DRAWN_ACTIONS])
            drawn += 1
            age = limit if terminated or truncated else age + 1
        spent = time.process_time() - before
        self.drawn, self.age = drawn, age
        return spent


def state(env):
    return np.concatenate([env.data.qpos, env.data.qvel]).tolist()


def track(request):
    env = gymnasium.make(THEIRS[request["env"]]).unwrapped
    env.reset(seed=request["seed"])
    env.action_space.seed(request["seed"])
    if request["start"] == "late":
        for _ in range(LATE):
            env.step(env.action_space.sample())
    qpos, qvel = env.data.qpos.copy(), env.data.qvel.copy()
    if request["start"] == "air":
        qpos[HEIGHTS[request["env"]]] += LIFT_M
    # Nothing of the time before is left: warm start, time.
    mujoco.mj_resetData(env.model, env.data)
    env.set_state(qpos, qvel)
    states, actions, observations, rewards, contacts = [state(env)], [], [], [], 0
    for _ in range(request["steps"]):
        action = env.action_space.sample()
        observation, reward, _, _, _ = env.step(action)
        actions.append(action.tolist())
        states.append(state(env))
        observations.append(observation.tolist())
        rewards.append(float(reward))
        contacts += int(env.data.ncon > 0)
    return {"states": states, "actions": actions, "observations": observations, "rewards": rewards, "stepsInContact": contacts}


def speed(request):
    player = env_of(request["env"], request["wrapped"])
    return {"cpu_s": player.block(request["steps"]), "resets": player.resets}


def pile(request):
    global piled
    if piled is None or piled[0] != request["xml"]:
        model = mujoco.MjModel.from_xml_string(request["xml"])
        piled = (request["xml"], model, mujoco.MjData(model))
    _, model, data = piled
    before = time.process_time()
    for _ in range(request["steps"]):
        mujoco.mj_step(model, data)
    spent = time.process_time() - before
    bodies = data.xpos[1:]
    speeds = np.linalg.norm(data.qvel.reshape(-1, 6)[:, :3], axis=1)
    touching = {int(model.geom_bodyid[g]) for contact in data.contact for g in contact.geom} - {0}
    return {
        "cpu_s": spent,
        "meanHeight_m": float(bodies[:, 2].mean()),
        "highest_m": float(bodies[:, 2].max()),
        "meanSpeed_mps": float(speeds.mean()),
        "touchingBoxes": len(touching),
        "contacts": int(data.ncon),
    }


def about(_request):
    return {"gymnasium": gymnasium.__version__, "mujoco": mujoco.__version__, "numpy": np.__version__, "python": sys.version.split()[0]}


OPERATIONS = {"track": track, "speed": speed, "pile": pile, "about": about}


def answer(line):
    try:
        request = json.loads(line)
        return OPERATIONS[request["op"]](request)
    except Exception as error:  # the other side says what failed
        return {"error": f"{type(error).__name__}: {error}"}


# What anything else prints must not get between the answers.
answers, sys.stdout = sys.stdout, sys.stderr
for line in sys.stdin:
    answers.write(json.dumps(answer(line)) + "\n")
    answers.flush()
