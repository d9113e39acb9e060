"""Many envs at once, with Gymnasium's own wrappers round them: one message a step, however many there are.

    python vector.py --env groundtwin/Walker2d-v0 --envs 64

Needs only gymnasium and groundtwin.
"""

from __future__ import annotations

import argparse
import time

import gymnasium as gym
import numpy as np
from gymnasium.wrappers.vector import NormalizeObservation, RecordEpisodeStatistics

import groundtwin  # noqa: F401  registers the envs


def main(argv: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="groundtwin/CartPole-v0")
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--steps", type=int, default=16_000, help="env steps in all")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    # make_vec finds the vector entry point by itself; the lanes are stepped and reset on the server.
    envs = gym.make_vec(args.env, num_envs=args.envs)
    envs = NormalizeObservation(RecordEpisodeStatistics(envs))
    envs.action_space.seed(args.seed)
    envs.reset(seed=args.seed)
    returns: list[float] = []
    begun_s = time.perf_counter()
    for _ in range(args.steps // args.envs):
        _, _, _, _, info = envs.step(envs.action_space.sample())
        if "episode" in info:
            returns.extend(info["episode"]["r"][info["_episode"]].tolist())
    spent_s = time.perf_counter() - begun_s
    envs.close()
    mean = float(np.mean(returns)) if returns else float("nan")
    print(
        f"{args.env}: {len(returns)} episodes at random, mean return {mean:.1f}, {args.steps / spent_s:,.0f} env steps a second"
    )
    return mean


if __name__ == "__main__":
    main()
