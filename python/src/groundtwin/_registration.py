"""Registers every env with Gymnasium, from a table that is made from the registry (`scripts/python-envs.ts`)."""

from __future__ import annotations

import functools
import json
from importlib import resources
from typing import Any

import gymnasium

NAMESPACE = "groundtwin"


@functools.cache
def _table() -> dict[str, dict[str, Any]]:
    text = resources.files(__package__).joinpath("_envs.json").read_text("utf-8")
    table: dict[str, dict[str, Any]] = json.loads(text)
    return table


def env_ids() -> list[str]:
    """Ids of all envs of this version, without the namespace: ``CartPole-v0``."""
    return list(_table())


def horizon_of(env_id: str) -> int | None:
    """Steps after which an episode is truncated; None for an env this version does not know."""
    found = _table().get(env_id)
    return None if found is None else int(found["horizon"])


def env_id_of(name: str) -> str:
    """``groundtwin/CartPole-v0`` or ``CartPole-v0`` as the server calls it."""
    return name.removeprefix(f"{NAMESPACE}:").removeprefix(f"{NAMESPACE}/")


def register_envs() -> None:
    """Registers ``groundtwin/<id>`` for every env. Called by ``import groundtwin``; may be called again."""
    for env_id, entry in _table().items():
        name = f"{NAMESPACE}/{env_id}"
        if name in gymnasium.registry:
            continue
        gymnasium.register(
            name,
            entry_point="groundtwin._registration:make_env",
            vector_entry_point="groundtwin.vector:VectorEnv",
            max_episode_steps=entry["horizon"],
            reward_threshold=entry.get("solvedAt"),
            kwargs={"env_id": env_id},
        )


def make_env(env_id: str, **options: Any) -> gymnasium.Env[Any, Any]:
    """What `gymnasium.make` calls. It puts its own `TimeLimit` round the env, with the limit it was asked for, so the server sets none."""
    from ._options import BY_WRAPPER
    from .env import Env

    return Env(env_id, **{"max_episode_steps": BY_WRAPPER, **options})


make_env.metadata = {"render_modes": ["rgb_array"]}  # type: ignore[attr-defined]
