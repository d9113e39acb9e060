"""Makes test/goldens/ppo-update.golden.json: one update of Stable-Baselines3's PPO, from a rollout that is drawn.

Advantages, minibatches and weights are its own; only the rollout is given. Run outside the repository's own tools:

    python3 -m venv ../sb3-venv && ../sb3-venv/bin/pip install stable-baselines3 torch numpy
    ../sb3-venv/bin/python scripts/goldens/ppo_update.py
"""

import gymnasium
import numpy as np
import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv
from torch_golden import flat, turned, write

STEPS, LANES, OBSERVED, ACTIONS = 32, 2, 3, 2
HIDDEN = [8, 8]
LAYERS = {
    "actor.0": "mlp_extractor.policy_net.0",
    "actor.1": "mlp_extractor.policy_net.2",
    "actor.2": "action_net",
    "critic.0": "mlp_extractor.value_net.0",
    "critic.1": "mlp_extractor.value_net.2",
    "critic.2": "value_net",
}


class Nothing(gymnasium.Env):
    """Gives the spaces."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (OBSERVED,))
    action_space = gymnasium.spaces.Box(-1, 1, (ACTIONS,))


def parameters(policy):
    weights = policy.state_dict()
    kinds = ("weight", "bias")
    named = {f"{ours}.{kind}": weights[f"{theirs}.{kind}"] for ours, theirs in LAYERS.items() for kind in kinds}
    return {name: flat(turned(value)) for name, value in (named | {"log_deviation": weights["log_std"]}).items()}


def fill(buffer, policy, rng):
    """Episodes end anywhere; a rollout ends in the middle of some."""
    ends = rng.random((STEPS + 1, LANES)) < 0.1
    rewards = rng.standard_normal((STEPS, LANES)).astype(np.float32)
    for step in range(STEPS):
        observation = rng.standard_normal((LANES, OBSERVED)).astype(np.float32)
        action, value, log_probability = policy(torch.tensor(observation))
        buffer.add(observation, action.numpy(), rewards[step], ends[step], value.flatten(), log_probability)
    last = torch.tensor(rng.standard_normal(LANES).astype(np.float32))
    buffer.compute_returns_and_advantage(last, ends[STEPS])
    return {"ended": ends[1:].astype(int).ravel().tolist(), "last": flat(last)}


def main():
    torch.manual_seed(1)
    np.random.seed(1)
    rng = np.random.default_rng(20261124)
    model = PPO(
        "MlpPolicy",
        DummyVecEnv([Nothing] * LANES),
        n_steps=STEPS,
        batch_size=16,
        n_epochs=3,
        learning_rate=3e-3,
        ent_coef=0.01,
        policy_kwargs={"net_arch": HIDDEN, "log_std_init": -0.3},
        device="cpu",
    )
    model.set_logger(Logger(None, []))
    before = parameters(model.policy)
    with torch.no_grad():
        rollout = fill(model.rollout_buffer, model.policy, rng)
    columns = ("observations", "actions", "log_probs", "values", "rewards", "advantages", "returns")
    rollout |= {name: flat(torch.tensor(getattr(model.rollout_buffer, name))) for name in columns}
    orders = []
    permutation = np.random.permutation

    def noted(count):
        # Their rows are `lane * STEPS + step`, ours `step * LANES + lane`.
        order = permutation(count)
        orders.append([int(row % STEPS * LANES + row // STEPS) for row in order])
        return order

    np.random.permutation = noted
    model.train()
    write(
        "ppo-update",
        stableBaselines3=stable_baselines3.__version__,
        lanes=LANES,
        hidden=HIDDEN,
        before=before,
        rollout=rollout,
        orders=orders,
        after=parameters(model.policy),
    )


main()
