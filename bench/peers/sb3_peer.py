"""Stable-Baselines3's PPO and SAC as a peer: one JSON request a line on stdin, one JSON answer a line on stdout.

about {}                          -> versions
train {agent, env, engine, seed, config, evaluateEvery, starts, firstStart, firstEpisode}
                                  -> a training on one of our envs over our client: see sb3_training.py
open  {agent, env, seed, config}  -> makes a training ready; `env` is any that Gymnasium knows, in this process
time  {steps}                     -> goes on with it for so many steps: {steps, cpu_s}

`config` has our names; sb3_ppo.py and sb3_sac.py have what each is called there.
"""

import importlib.metadata
import json
import os
import sys
import threading
import time

import torch
from sb3_ppo import ppo
from sb3_sac import sac
from sb3_training import train
from stable_baselines3.common.env_util import make_vec_env

PACKAGES = ("stable-baselines3", "torch", "gymnasium", "numpy")
ALGORITHMS = {"sb3-ppo": ppo, "sb3-sac": sac}


class Timed:
    """A training that goes on when asked to, with the steps before its updates begin behind it."""

    def __init__(self):
        self.model = None

    def open(self, request):
        env = make_vec_env(request["env"])
        self.model = ALGORITHMS[request["agent"]](env, request["config"], request["seed"])
        return {}

    def time(self, request):
        before, began = self.model.num_timesteps, time.process_time()
        self.model.learn(request["steps"], reset_num_timesteps=False)
        return {"steps": self.model.num_timesteps - before, "cpu_s": time.process_time() - began}


def main():
    torch.set_num_threads(1)
    timed = Timed()
    ops = {
        "about": lambda _: {name: importlib.metadata.version(name) for name in PACKAGES},
        "train": lambda request: train(ALGORITHMS[request["agent"]], request),
        "open": timed.open,
        "time": timed.time,
    }
    # Whatever the libraries print must not get between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    requests = []
    waiting = threading.Semaphore(0)

    def listen():
        # Whoever asks may be killed, in the middle of a training too: then its pipe ends, and so does this.
        for line in sys.stdin:
            requests.append(line)
            waiting.release()
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        waiting.acquire()
        try:
            request = json.loads(requests.pop(0))
            answer = ops[request["op"]](request)
        except Exception as exception:
            answer = {"error": f"{type(exception).__name__}: {exception}"}
        print(json.dumps(answer), file=answers, flush=True)


main()
