"""Plays given actions in Python and writes what comes back, raw: for each step observation, reward (float64), terminated, truncated (uint8).

One question a line: `{"id", "lanes", "workers", "steps", "seed", "actions", "out", "url", "token"}`; actions is a file
of float32 or int32 `[steps, lanes, …]`. One lane is played by `Env`, its episodes one after the other, unless
`"vector": true`; several by `VectorEnv`.
"""

import json
import sys

import groundtwin
import numpy as np


def actions_of(question, space):
    dtype = np.int32 if space.dtype.kind in "iu" else np.float32
    flat = np.fromfile(question["actions"], dtype)
    return flat.reshape(question["steps"], *space.shape)


def observed(observation):
    if isinstance(observation, dict):
        return b"".join(observed(observation[key]) for key in sorted(observation))
    return np.ascontiguousarray(observation).tobytes()


def played(question):
    where = {"url": question["url"], "token": question["token"]}
    with open(question["out"], "wb") as out:
        if question["lanes"] == 1 and not question["vector"]:
            play_one(question, where, out)
        else:
            play_many(question, where, out)
    return {"played": question["steps"]}


def play_many(question, where, out):
    workers = {} if question["workers"] == 1 else {"workers": question["workers"]}
    env = groundtwin.VectorEnv(question["id"], num_envs=question["lanes"], **workers, **where)
    observation, _ = env.reset(seed=question["seed"])
    out.write(observed(observation))
    for action in actions_of(question, env.action_space):
        observation, reward, terminated, truncated, _ = env.step(action)
        out.write(observed(observation) + np.asarray(reward, np.float64).tobytes())
        out.write(np.asarray(terminated, np.uint8).tobytes() + np.asarray(truncated, np.uint8).tobytes())
    env.close()


def play_one(question, where, out):
    """As `nextStep` does: after an end the next action is not looked at, and the next episode's first observation comes."""
    env = groundtwin.Env(question["id"], **where)
    observation, _ = env.reset(seed=question["seed"])
    out.write(observed(observation))
    over = False
    for action in actions_of(question, env.action_space):
        if over:
            (observation, _), reward, terminated, truncated = env.reset(), 0.0, False, False
        else:
            observation, reward, terminated, truncated, _ = env.step(action)
        over = terminated or truncated
        out.write(observed(observation) + np.float64(reward).tobytes() + bytes([terminated, truncated]))
    env.close()


for line in sys.stdin:
    try:
        answer = played(json.loads(line))
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
