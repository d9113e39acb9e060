"""A twin's two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ._calls import RemoteCalls


@dataclass(frozen=True)
class Transitions:
    """Steps of truth, in the order they were made; each array's first axis is the step."""

    state: npt.NDArray[np.float64]
    action: npt.NDArray[np.float64]
    command: npt.NDArray[np.float64]
    next_state: npt.NDArray[np.float64]
    #: Number of the episode that each step is of.
    episode: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.episode)


class Twin:
    """Truth and model of an env made with ``backend="twin"``; ``info["twin"]`` has what differed at each step."""

    def __init__(self, env: RemoteCalls) -> None:
        self._env = env

    def truth(self) -> dict[str, npt.NDArray[np.float64]]:
        """State of the physics by entry, in its unit."""
        return self._env.state("truth")

    def model(self) -> dict[str, npt.NDArray[np.float64]]:
        """State that the model goes on from, by entry, in its unit: after a resync, that of truth."""
        return self._env.state("model")

    def difference(self) -> dict[str, npt.NDArray[np.float64]]:
        """Model minus truth by entry, in its unit. Angles may differ by whole turns; ``info["twin"]["error"]`` has the short way."""
        truth, model = self.truth(), self.model()
        return {name: model[name] - truth[name] for name in truth}

    def perturb(self, params: Mapping[str, float], lane: int = 0) -> None:
        """Changes truth in the midst of an episode; the model is told nothing."""
        self._env.perturb(params, lane)

    def recent(self) -> Transitions:
        """The last steps of truth in every lane, of a twin made with ``drift=True``."""
        found: dict[str, Any] = self._env._link.ask("recent")
        return Transitions(found["state"], found["action"], found["command"], found["next"], found["episode"])
