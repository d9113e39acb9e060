"""Minari: records episodes of a groundtwin env into a data set that offline methods read.

    python minari_record.py --dataset groundtwin/pendulum/random-v0

Needs ``pip install "minari[create,arrow]"``. It is written to `$MINARI_DATASETS_PATH`, by default ``~/.minari/datasets``.
"""

from __future__ import annotations

import argparse

import gymnasium as gym
import minari

import groundtwin  # noqa: F401  registers the envs


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="groundtwin/Pendulum-v0")
    parser.add_argument("--dataset", default="groundtwin/pendulum/random-v0")
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    env = minari.DataCollector(gym.make(args.env), data_format="arrow")
    env.action_space.seed(args.seed)
    env.reset(seed=args.seed)
    for _ in range(args.steps):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    if args.dataset in minari.list_local_datasets():
        minari.delete_dataset(args.dataset)
    made = env.create_dataset(
        dataset_id=args.dataset,
        algorithm_name="random",
        author="you",
        author_email="you@example.org",
        code_permalink="https://example.org",
    )
    env.close()
    read = minari.load_dataset(args.dataset)
    print(f"{args.dataset}: {read.total_episodes} episodes, {read.total_steps} steps of {made.spec.env_spec.id}")
    return int(read.total_steps)


if __name__ == "__main__":
    main()
