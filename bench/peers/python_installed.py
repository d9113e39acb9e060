"""Asked of a Python that has the wheel and nothing else: makes an env, steps it, dreams, and says how long the first observation took."""

import json
import sys
import time

import gymnasium
import numpy as np

import groundtwin  # noqa: F401 (registers)

began = time.perf_counter()
env = gymnasium.make("groundtwin/CartPole-v0")
observation, _ = env.reset(seed=1)
first_s = time.perf_counter() - began
reward = 0.0
for step in range(20):
    observation, one, *_ = env.step(step % 2)
    reward += one
env.close()

dreamed = None
if len(sys.argv) > 1:
    dream = gymnasium.make("groundtwin/CartPoleSwingUp-v0", backend="model", model=sys.argv[1])
    dream.reset(seed=1)
    dreamed = dream.step(np.zeros(1, np.float32))[0].tolist()
    dream.close()
print(json.dumps({"first_s": first_s, "observation": observation.tolist(), "reward": reward, "dreamed": dreamed}))
