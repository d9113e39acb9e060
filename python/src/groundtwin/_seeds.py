"""Seeds of lanes, as they travel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import error

_LIMIT = 2**53


def folded(seed: Any) -> int:
    """Any seed that Gymnasium takes, as an integer that travels: below 2^53 as it is, above it modulo 2^53."""
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise error.Error(f"Seed must be an integer of at least zero, actual: {seed!r}")
    return int(seed) % _LIMIT


def first_seed(seeds: Sequence[int | float]) -> npt.NDArray[np.float64]:
    """Seeds of the lanes, NaN = go on from where the lane is."""
    return np.array(seeds, np.float64)
