"""A twin: physics and a learned model of it, stepped side by side by the same actions. How far apart do they come?

    python twin_gap.py                          # records, learns and looks: a minute
    python twin_gap.py --model runs/my-model    # a model that you have

Needs only gymnasium and groundtwin. The agent sees truth; the model starts from it anew every ``--resync`` steps.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import gymnasium as gym
import numpy as np

import groundtwin  # noqa: F401  registers the envs


def learn(env_id: str, updates: int, folder: Path) -> Path:
    """Random play on physics, and a model learned from it. Takes the commands of ``python -m groundtwin``."""

    def command(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "groundtwin", *arguments, "--env", env_id], check=True, stdout=subprocess.DEVNULL
        )

    data, model = folder / "data.bin", folder / "model"
    command("record", "--out", str(data))
    command("train-model", "--data", str(data), "--out", str(model), "--updates", str(updates))
    return model


def look(env_id: str, model: Path, steps: int, resync: int, seed: int) -> dict[str, float]:
    """Root-mean-square difference of model and truth for each entry of the state, in its unit."""
    env = gym.make(f"groundtwin/{env_id}", backend="twin", model=model, resync={"every": resync})
    env.action_space.seed(seed)
    env.reset(seed=seed)
    squares: dict[str, list[float]] = {}
    for _ in range(steps):
        _, _, terminated, truncated, info = env.step(env.action_space.sample())
        for name, error in info["twin"]["error"].items():
            squares.setdefault(name, []).append(float(np.square(error).mean()))
        if terminated or truncated:
            env.reset()
    env.close()
    return {name: float(np.sqrt(np.mean(values))) for name, values in squares.items()}


def main(argv: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="CartPoleSwingUp-v0")
    parser.add_argument("--model", type=Path, help="folder of a model; without one, one is learned")
    parser.add_argument("--updates", type=int, default=3_000, help="of learning")
    parser.add_argument("--steps", type=int, default=1_000)
    parser.add_argument("--resync", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args(argv)

    with tempfile.TemporaryDirectory() as folder:
        model = args.model or learn(args.env, args.updates, Path(folder))
        gap = look(args.env, model, args.steps, args.resync, args.seed)
    print(f"{args.env}: root-mean-square error of the model, at most {args.resync} steps from truth")
    for name, error in gap.items():
        print(f"  {name}: {error:.4g}")
    return gap


if __name__ == "__main__":
    main()
