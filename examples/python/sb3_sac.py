"""Stable-Baselines3: SAC on a groundtwin env.

    python sb3_sac.py --env groundtwin/Pendulum-v0
    python sb3_sac.py --env groundtwin/Pendulum-v0 --envs 4     # four envs, one message a step
    python sb3_sac.py --env Pendulum-v1                         # the same run on Gymnasium's own

Needs stable-baselines3. Curves go to TensorBoard with ``--track DIR``.
"""

from __future__ import annotations

import argparse
import json

import torch
from stable_baselines3 import SAC
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecEnv

import groundtwin.sb3


def make(env_id: str, envs: int, seed: int, engine: str | None) -> VecEnv:
    if not env_id.startswith("groundtwin/"):
        return make_vec_env(env_id, n_envs=envs, seed=seed)
    # One connection for all of them; Stable-Baselines3's make_vec_env works too, with one each.
    options = {} if engine is None else {"engine": engine}
    return groundtwin.sb3.make_vec_env(env_id, n_envs=envs, seed=seed, **options)


def main(argv: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="groundtwin/Pendulum-v0")
    parser.add_argument("--envs", type=int, default=1)
    parser.add_argument("--engine", choices=["rapier", "mujoco"], help="of groundtwin's envs, default rapier")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=8_000)
    parser.add_argument("--learning-starts", type=int, default=500)
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--tau", type=float, default=0.005, help="how fast the target networks follow")
    parser.add_argument("--width", type=int, default=64, help="units of each of two hidden layers")
    parser.add_argument("--eval-episodes", type=int, default=20)
    parser.add_argument("--track", help="folder for TensorBoard")
    args = parser.parse_args(argv)

    torch.set_num_threads(1)
    env = make(args.env, args.envs, args.seed, args.engine)
    model = SAC(
        "MlpPolicy",
        env,
        learning_rate=args.learning_rate,
        learning_starts=args.learning_starts,
        gamma=args.gamma,
        tau=args.tau,
        # As many updates as steps, whatever the number of envs.
        gradient_steps=-1,
        policy_kwargs={"net_arch": [args.width, args.width]},
        seed=args.seed,
        tensorboard_log=args.track,
    )
    model.learn(args.steps)
    env.close()

    fresh = make(args.env, min(args.eval_episodes, 10), args.seed + 10_000, args.engine)
    found, _ = evaluate_policy(
        model, fresh, args.eval_episodes, deterministic=True, return_episode_rewards=True, warn=False
    )
    returns = [float(value) for value in found]
    fresh.close()
    mean = sum(returns) / len(returns)
    print(
        json.dumps({"env": args.env, "seed": args.seed, "steps": args.steps, "mean_return": mean, "returns": returns})
    )
    return mean


if __name__ == "__main__":
    main()
