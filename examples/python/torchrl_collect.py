"""TorchRL: collects frames from groundtwin envs into tensordicts.

    python torchrl_collect.py --env groundtwin/CartPole-v0 --envs 8

Needs torchrl. ``GymEnv("groundtwin/CartPole-v0")`` is a single env; a batch is a `groundtwin.VectorEnv` in a
`GymWrapper`, where TorchRL wants the envs not to reset themselves.
"""

from __future__ import annotations

import argparse

import torch
from torchrl.collectors import Collector
from torchrl.envs import EnvBase, GymEnv, GymWrapper, check_env_specs

import groundtwin


def make(env_id: str, envs: int) -> EnvBase:
    if envs == 1:
        return GymEnv(env_id)
    return GymWrapper(groundtwin.VectorEnv(env_id.removeprefix("groundtwin/"), envs, autoreset_mode="Disabled"))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="groundtwin/CartPole-v0")
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=4_000, help="frames in all")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    env = make(args.env, args.envs)
    env.set_seed(args.seed)
    check_env_specs(env)
    # Without a policy actions are drawn from the action spec.
    collector = Collector(env, None, frames_per_batch=args.steps // 4, total_frames=args.steps)
    frames, episodes, rewards = 0, 0, 0.0
    for data in collector:
        frames += data.numel()
        episodes += int(data["next", "done"].sum())
        rewards += float(data["next", "reward"].sum())
    collector.shutdown()
    print(
        f"{args.env}: {frames} frames of {args.envs} envs, {episodes} episodes ended, mean reward {rewards / frames:.3f}"
    )
    return frames


if __name__ == "__main__":
    main()
