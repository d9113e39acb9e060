"""PPO in one file, in the manner of CleanRL: every line that matters is here, and the env is nothing but its id.

CleanRL's own scripts need one change too: ``--env-id groundtwin:groundtwin/CartPole-v0``. The part before the colon
imports groundtwin, which registers its envs; or write ``import groundtwin`` and leave that part out.

    python cleanrl_ppo.py --env-id groundtwin/CartPole-v0
    python cleanrl_ppo.py --env-id CartPole-v1

Needs PyTorch. Curves go to TensorBoard with ``--track DIR``.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from torch import nn
from torch.distributions import Categorical, Distribution, Independent, Normal
from torch.utils.tensorboard import SummaryWriter

import groundtwin  # noqa: F401  registers the envs


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env-id", "--env", default="groundtwin/CartPole-v0")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100_000, help="env steps in all")
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--num-steps", type=int, default=128, help="steps of each env between updates")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--gamma", type=float, default=0.99)
    parser.add_argument("--gae-lambda", type=float, default=0.95)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--minibatches", type=int, default=8)
    parser.add_argument("--clip", type=float, default=0.2)
    parser.add_argument("--entropy", type=float, default=0.0)
    parser.add_argument("--eval-episodes", type=int, default=20)
    parser.add_argument("--track", help="folder for TensorBoard")
    return parser.parse_args(argv)


def make_envs(args: argparse.Namespace) -> gym.vector.VectorEnv:
    # groundtwin's envs have a vector entry point: all of them travel in one message. Others run one after the other.
    envs = gym.make_vec(args.env_id, num_envs=args.num_envs)
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    if isinstance(envs.single_action_space, gym.spaces.Box):
        envs = gym.wrappers.vector.ClipAction(envs)
        envs = gym.wrappers.vector.NormalizeObservation(envs)
        envs = gym.wrappers.vector.NormalizeReward(envs, gamma=args.gamma)
    return envs


def layer(inputs: int, outputs: int, gain: float = 2**0.5) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


def network(inputs: int, outputs: int, last_gain: float) -> nn.Sequential:
    return nn.Sequential(layer(inputs, 64), nn.Tanh(), layer(64, 64), nn.Tanh(), layer(64, outputs, last_gain))


class Agent(nn.Module):
    def __init__(self, observations: gym.Space[Any], actions: gym.Space[Any]) -> None:
        super().__init__()
        inputs = int(np.prod(observations.shape))
        self.is_discrete = isinstance(actions, gym.spaces.Discrete)
        outputs = int(actions.n) if self.is_discrete else int(np.prod(actions.shape))
        self.critic = network(inputs, 1, 1.0)
        self.actor = network(inputs, outputs, 0.01)
        self.log_std = nn.Parameter(torch.zeros(1 if self.is_discrete else outputs))

    def value(self, observation: torch.Tensor) -> torch.Tensor:
        return self.critic(observation).squeeze(-1)

    def policy(self, observation: torch.Tensor) -> Distribution:
        out = self.actor(observation)
        if self.is_discrete:
            return Categorical(logits=out)
        return Independent(Normal(out, self.log_std.exp().expand_as(out)), 1)

    def best(self, observation: torch.Tensor) -> torch.Tensor:
        out = self.actor(observation)
        return out.argmax(-1) if self.is_discrete else out


def as_tensor(array: Any) -> torch.Tensor:
    return torch.as_tensor(np.asarray(array), dtype=torch.float32)


def advantages(
    rewards: torch.Tensor,
    values: torch.Tensor,
    next_values: torch.Tensor,
    terminated: torch.Tensor,
    done: torch.Tensor,
    args: argparse.Namespace,
) -> torch.Tensor:
    """Generalised advantage estimates, `[steps, envs]` like all that is given; a time limit cuts the sum, not the value."""
    deltas = rewards + args.gamma * next_values * (1 - terminated) - values
    result = torch.zeros_like(deltas)
    ahead = torch.zeros(deltas.shape[1])
    for t in reversed(range(deltas.shape[0])):
        ahead = deltas[t] + args.gamma * args.gae_lambda * (1 - done[t]) * ahead
        result[t] = ahead
    return result


def update(
    agent: Agent, optimizer: torch.optim.Optimizer, batch: dict[str, torch.Tensor], args: argparse.Namespace
) -> float:
    loss = torch.zeros(())
    for _ in range(args.epochs):
        for rows in torch.randperm(len(batch["returns"])).chunk(args.minibatches):
            part = {name: tensor[rows] for name, tensor in batch.items()}
            policy = agent.policy(part["observations"])
            ratio = (policy.log_prob(part["actions"]) - part["log_probs"]).exp()
            advantage = part["advantages"]
            advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
            clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
            policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
            value_loss = 0.5 * (agent.value(part["observations"]) - part["returns"]).square().mean()
            loss = policy_loss + 0.5 * value_loss - args.entropy * policy.entropy().mean()
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
            optimizer.step()
    return float(loss.detach())


def evaluate(agent: Agent, envs: gym.vector.VectorEnv, args: argparse.Namespace) -> list[float]:
    """Returns of the first episodes that begin, equally many of each env, with the most likely actions and no more learning."""
    layer: Any = envs
    while layer is not layer.unwrapped:
        if hasattr(layer, "update_running_mean"):
            layer.update_running_mean = False
        layer = layer.env
    each = -(-args.eval_episodes // args.num_envs)
    returns: list[list[float]] = [[] for _ in range(args.num_envs)]
    observation, _ = envs.reset(seed=args.seed + 10_000)
    while any(len(own) < each for own in returns):
        with torch.no_grad():
            action = agent.best(as_tensor(observation)).numpy()
        observation, _, _, _, info = envs.step(action)
        for i in np.flatnonzero(info.get("_episode", [])):
            returns[i].append(float(info["episode"]["r"][i]))
    return [value for own in returns for value in own[:each]]


def main(argv: list[str] | None = None) -> float:
    args = arguments(argv)
    torch.manual_seed(args.seed)
    torch.set_num_threads(1)
    envs = make_envs(args)
    agent = Agent(envs.single_observation_space, envs.single_action_space)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)
    writer = SummaryWriter(args.track) if args.track else None

    observation, _ = envs.reset(seed=args.seed)
    was_done = np.zeros(args.num_envs, bool)
    updates = max(1, args.steps // (args.num_envs * args.num_steps))
    for iteration in range(updates):
        optimizer.param_groups[0]["lr"] = (1 - iteration / updates) * args.learning_rate
        rows: list[dict[str, torch.Tensor]] = []
        for step in range(args.num_steps):
            with torch.no_grad():
                before = as_tensor(observation)
                policy = agent.policy(before)
                action = policy.sample()
            observation, reward, terminated, truncated, info = envs.step(action.numpy())
            rows.append(
                {
                    "observations": before,
                    "actions": action,
                    "log_probs": policy.log_prob(action),
                    "rewards": as_tensor(reward),
                    "next": as_tensor(observation),
                    "terminated": as_tensor(terminated),
                    # Envs are reset on the step after an episode's last (AutoresetMode.NEXT_STEP): that step is none of the agent's.
                    "done": as_tensor(terminated | truncated | was_done),
                    "real": torch.as_tensor(~was_done),
                }
            )
            was_done = terminated | truncated
            if writer and "episode" in info:
                at = iteration * args.num_steps + step
                writer.add_scalar(
                    "charts/episodic_return", info["episode"]["r"][info["_episode"]].mean(), at * args.num_envs
                )
        data = {name: torch.stack([row[name] for row in rows]) for name in rows[0]}
        with torch.no_grad():
            values, next_values = agent.value(data["observations"]), agent.value(data["next"])
        advantage = advantages(data["rewards"], values, next_values, data["terminated"], data["done"], args)
        batch = {name: data[name] for name in ("observations", "actions", "log_probs")}
        batch |= {"advantages": advantage, "returns": advantage + values}
        real = data["real"]
        loss = update(agent, optimizer, {name: tensor[real] for name, tensor in batch.items()}, args)
        if writer:
            writer.add_scalar("losses/loss", loss, (iteration + 1) * args.num_envs * args.num_steps)

    returns = evaluate(agent, envs, args)
    envs.close()
    if writer:
        writer.close()
    mean = float(np.mean(returns))
    print(
        json.dumps(
            {"env": args.env_id, "seed": args.seed, "steps": args.steps, "mean_return": mean, "returns": returns}
        )
    )
    return mean


if __name__ == "__main__":
    main()
