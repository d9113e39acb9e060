"""Gymnasium's, Stable-Baselines3's and TorchRL's own checks of envs as a peer: one JSON request a line on stdin, one JSON answer a line on stdout.

about  {}                        -> versions
ids    {}                        -> ids that `import groundtwin` registers
check  {id, options}             -> each check by name: what it failed with or null, and what it warned of
scores {ids, episodes, seed}     -> for envs of Gymnasium's own: the score it counts as solved or null, and the mean return of random actions
"""

import contextlib
import importlib.metadata
import json
import logging
import sys
import warnings

import groundtwin
import gymnasium
import numpy as np
import torch
from gymnasium.utils.env_checker import check_env as gymnasium_check
from stable_baselines3.common.env_checker import check_env as sb3_check
from torchrl.envs import GymEnv, GymWrapper, check_env_specs

torch.set_num_threads(1)
logging.disable(logging.INFO)
PACKAGES = ("gymnasium", "stable-baselines3", "torch", "torchrl", "tensordict", "numpy", "mujoco")
LANES = 3
# What any env with such spaces is told, ours or Gymnasium's own: no more than advice.
ADVICE = ("A Box observation space m", "a symmetric and normalized ")


def gymnasium_checks(env_id, options):
    # Unwrapped, as Gymnasium asks for; made by its id, so that the other render modes are tried too.
    with contextlib.closing(gymnasium.make(env_id, **options)) as env:
        gymnasium_check(env.unwrapped)


def sb3_checks(env_id, options):
    with contextlib.closing(gymnasium.make(env_id, **options)) as env:
        sb3_check(env)


def torchrl_checks(env_id, options):
    # `backend` is an option of GymEnv's own, so an env that needs ours is made before.
    with contextlib.closing(GymWrapper(gymnasium.make(env_id, **options)) if options else GymEnv(env_id)) as env:
        check_env_specs(env)


def torchrl_batch_checks(env_id, options):
    lanes = gymnasium.make_vec(env_id, num_envs=LANES, autoreset_mode="Disabled", **options)
    with contextlib.closing(GymWrapper(lanes)) as env:
        check_env_specs(env)


CHECKS = {
    "gymnasium check_env": gymnasium_checks,
    "sb3 check_env": sb3_checks,
    "torchrl check_env_specs": torchrl_checks,
    f"torchrl check_env_specs, {LANES} lanes": torchrl_batch_checks,
}


def attempt(check, env_id, options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check(env_id, options)
            error = None
        except Exception as exception:
            error = f"{type(exception).__name__}: {exception}"[:500]
    said = sorted({str(each.message)[:300] for each in caught})
    return error, [text for text in said if not any(advice in text for advice in ADVICE)]


def check(request):
    env_id, options = f"groundtwin/{request['id']}", request["options"]
    results = []
    for name, run in CHECKS.items():
        error, said = attempt(run, env_id, options)
        results.append({"check": name, "error": error, "warnings": said})
    return {"results": results}


def scores(request):
    return {env_id: score(env_id, request["episodes"], request["seed"]) for env_id in request["ids"]}


def score(env_id, episodes, seed):
    with contextlib.closing(gymnasium.make(env_id)) as env:
        env.action_space.seed(seed)
        returns = []
        for episode in range(episodes):
            env.reset(seed=seed + episode)
            total, ended = 0.0, False
            while not ended:
                _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
                total += float(reward)
                ended = terminated or truncated
            returns.append(total)
        return {"solved": env.spec.reward_threshold, "random": float(np.mean(returns))}


OPS = {
    "about": lambda _: {name: importlib.metadata.version(name) for name in PACKAGES},
    "ids": lambda _: {"ids": groundtwin.env_ids()},
    "check": check,
    "scores": scores,
}


def main():
    # Whatever the libraries print must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        try:
            answer = OPS[(request := json.loads(line))["op"]](request)
        except Exception as exception:
            answer = {"error": f"{type(exception).__name__}: {exception}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
