"""groundtwin: environments whose learned model of physics is measured against the physics, step by step.

``import groundtwin`` registers every env with Gymnasium; ``gymnasium.make("groundtwin/CartPole-v0")`` makes one on a
server that this process starts and owns.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import errors
from ._calls import Evaluation, Trajectory
from ._gap import GapReport, GapRow, gap
from ._registration import env_ids, register_envs
from ._session import Session, Settings
from ._wrappers import connect, restore
from .env import Env
from .errors import GroundtwinError
from .twin import Transitions, Twin
from .vector import VectorEnv

__all__ = [
    "Env",
    "Evaluation",
    "GapReport",
    "GapRow",
    "GroundtwinError",
    "Session",
    "Settings",
    "Trajectory",
    "Transitions",
    "Twin",
    "VectorEnv",
    "connect",
    "env_ids",
    "errors",
    "gap",
    "register_envs",
    "restore",
]

register_envs()


def __getattr__(name: str) -> Any:
    # Stable-Baselines3 is imported by nobody who does not use it.
    if name == "sb3":
        return importlib.import_module("groundtwin.sb3")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
