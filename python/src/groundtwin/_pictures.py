"""Pictures of an env on a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from ._link import Link

_DTYPES = {"segments": np.int16}


def picture(link: Link, lane: int, view: Mapping[str, Any], mode: str = "rgb_array") -> npt.NDArray[Any]:
    """One lane as it stands.

    Args:
        view: width, height, camera, side, shadows; what is None is left to the server.
        mode: ``rgb_array`` (uint8 `[h, w, 3]`), ``depth_array`` (float32 `[h, w]`, m, infinite where nothing is) or
            ``segments`` (int16 `[h, w]`, -1 where nothing is).
    """
    data = link.ask("render", lane=lane, mode=mode, **view)["data"]
    if mode == "rgb_array":
        return data  # type: ignore[no-any-return]
    return data.reshape(data.shape[:2]).astype(_DTYPES.get(mode, data.dtype))  # type: ignore[no-any-return]


def frames_per_second(link: Link) -> int:
    """Pictures of one second of an episode: one a control step."""
    return max(1, round(1 / float(link.made["controlDt_s"])))
