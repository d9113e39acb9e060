"""A training of Stable-Baselines3's on an env of ours, over our client, judged as it goes as our own are."""

import os
import time

import groundtwin.sb3
import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

BEGAN = time.monotonic()


def cpu_s():
    """Of this process and of the server that it owns."""
    used = time.process_time()
    for thread in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{thread}/children") as children:
            used += sum(used_by(child) for child in children.read().split())
    return used


def used_by(pid):
    with open(f"/proc/{pid}/stat") as stat:
        user, system = stat.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Judge(BaseCallback):
    """Plays the likeliest actions from fresh starts, the same each time, whenever so many steps more were trained."""

    def __init__(self, fresh, every, first_start):
        super().__init__()
        self.fresh, self.every, self.first_start = fresh, every, first_start
        self.curve = []
        self.judging_s = self.judging_cpu_s = 0.0

    def _on_rollout_start(self):
        # After the updates that the steps so far brought.
        judged = self.curve[-1]["steps"] if self.curve else 0
        if self.num_timesteps // self.every > judged // self.every:
            self.judge()

    def _on_step(self):
        return True

    def judge(self):
        began, began_cpu_s = time.monotonic(), cpu_s()
        point = {
            "steps": self.model.num_timesteps,
            "return": self.mean_return(),
            "seconds": round(began - BEGAN - self.judging_s, 3),
            "cpu_s": round(began_cpu_s - self.judging_cpu_s, 3),
        }
        self.curve.append(point)
        self.judging_s += time.monotonic() - began
        self.judging_cpu_s += cpu_s() - began_cpu_s

    def mean_return(self):
        self.fresh.seed(self.first_start)
        observation = self.fresh.reset()
        returns = np.zeros(self.fresh.num_envs)
        running = np.ones(self.fresh.num_envs, bool)
        normaliser = self.model.get_vec_normalize_env()
        while running.any():
            seen = normaliser.normalize_obs(observation) if normaliser else observation
            actions, _ = self.model.predict(seen, deterministic=True)
            observation, reward, done, _ = self.fresh.step(actions)
            returns[running] += reward[running]
            running &= ~done
        return float(returns.mean())


def train(make_model, request):
    options = {"engine": request["engine"]}
    env = groundtwin.sb3.make_vec_env(request["env"], **options)
    fresh = groundtwin.sb3.make_vec_env(request["env"], request["starts"], monitor=False, **options)
    model = make_model(env, request["config"], request["seed"])
    # After the model, which seeds the env with what its networks are drawn by.
    model.get_env().seed(request["firstEpisode"])
    judge = Judge(fresh, request["evaluateEvery"], request["firstStart"])
    began, began_cpu_s = time.monotonic(), cpu_s()
    model.learn(request["config"]["steps"], callback=judge)
    wall_s = time.monotonic() - began - judge.judging_s
    loop_cpu_s = cpu_s() - began_cpu_s - judge.judging_cpu_s
    if not judge.curve or judge.curve[-1]["steps"] != model.num_timesteps:
        judge.judge()
    answer = {
        "curve": judge.curve,
        "wall_s": round(time.monotonic() - BEGAN, 3),
        "cpu_s": round(cpu_s(), 3),
        "stepsPerSecond": round(model.num_timesteps / wall_s, 1),
        "stepsPerCpuSecond": round(model.num_timesteps / loop_cpu_s, 1),
    }
    model.get_env().close()
    fresh.close()
    return answer
