"""The examples run, small. Those that need more than Gymnasium run in `npm run verify -- python`."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "python"
HEAVY = {
    "cleanrl_ppo": "torch",
    "minari_record": "minari",
    "rllib_ppo": "ray",
    "sb3_sac": "stable_baselines3",
    "torchrl_collect": "torchrl",
}
LIGHT = {"twin_gap", "vector"}


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_run_somewhere() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == LIGHT | set(HEAVY)


@pytest.mark.parametrize(("name", "package"), HEAVY.items())
def test_heavy_examples_compile_and_need_what_they_say(name: str, package: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text("utf-8"))
    imports = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    sources = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert package in {full.partition(".")[0] for full in imports | sources}
    assert f"python {name}.py" in (ast.get_docstring(tree) or "")


def test_vector_plays_many_envs(capsys: pytest.CaptureFixture[str]) -> None:
    mean = load("vector").main(["--envs", "4", "--steps", "800"])
    # Random actions keep CartPole's pole up for 22 steps in the mean.
    assert 10 < mean < 60
    assert "episodes at random" in capsys.readouterr().out


def test_twin_gap_learns_a_model_and_tells_how_far_off_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    gap = load("twin_gap").main(["--env", "Pendulum-v0", "--updates", "50", "--steps", "60"])
    assert set(gap) == {"angle_rad", "velocity_radps"}
    assert all(0 < error < 10 for error in gap.values())
    assert "velocity_radps" in capsys.readouterr().out
