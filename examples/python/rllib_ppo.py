"""RLlib: PPO on a groundtwin env, all lanes of an env runner in one message (``VECTOR_ENTRY_POINT``).

    python rllib_ppo.py --env groundtwin/CartPole-v0 --envs 16

Needs ``ray[rllib]`` and PyTorch. The id is written ``groundtwin:groundtwin/CartPole-v0``: Gymnasium imports what stands before
the colon, so that each of Ray's worker processes registers the envs, and starts a server of its own, by itself.
"""

from __future__ import annotations

import argparse

import gymnasium as gym
from ray.rllib.algorithms.ppo import PPOConfig


def main(argv: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="groundtwin/CartPole-v0")
    parser.add_argument("--envs", type=int, default=16, help="of each env runner")
    parser.add_argument("--runners", type=int, default=1, help="processes that step envs; 0: this one")
    parser.add_argument("--steps", type=int, default=100_000, help="env steps in all")
    parser.add_argument("--batch", type=int, default=4_000, help="env steps of an update")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    config = (
        PPOConfig()
        .environment(f"groundtwin:{args.env}")
        .env_runners(
            num_env_runners=args.runners,
            num_envs_per_env_runner=args.envs,
            gym_env_vectorize_mode=gym.VectorizeMode.VECTOR_ENTRY_POINT,
        )
        .training(train_batch_size_per_learner=args.batch, lr=3e-4, num_epochs=10, minibatch_size=min(256, args.batch))
        .debugging(seed=args.seed)
    )
    algorithm = config.build_algo()
    mean = float("nan")
    for _ in range(max(1, args.steps // args.batch)):
        found = algorithm.train()["env_runners"]
        mean = float(found.get("episode_return_mean", mean))
        print(f"{found['num_env_steps_sampled_lifetime']:.0f} steps: mean return {mean:.1f}")
    algorithm.stop()
    return mean


if __name__ == "__main__":
    main()
