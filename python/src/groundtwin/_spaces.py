"""Spaces as they travel, as Gymnasium's; and how batches of their values lie in a frame."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ._codec import DTYPES
from .errors import bad_message

_BOX_DTYPES: dict[str, Any] = {"float32": np.float32, "float64": np.float64, "uint8": np.uint8}
_MAX_DEPTH = 4


def space_from_json(form: Any, field: str = "space", depth: int = 1) -> spaces.Space[Any]:
    """A Gymnasium space from its wire form. Raises BAD_MESSAGE."""
    if depth > _MAX_DEPTH or not isinstance(form, dict):
        raise bad_message(field, f"a space nested at most {_MAX_DEPTH} deep")
    kind = form.get("kind")
    try:
        if kind == "box":
            return _box(form)
        if kind == "discrete":
            return spaces.Discrete(form["n"])
        if kind == "multiDiscrete":
            return spaces.MultiDiscrete(form["nvec"])
        if kind == "dict":
            # A list of pairs keeps the order; a dictionary would be sorted.
            parts = form["spaces"].items()
            return spaces.Dict([(key, space_from_json(part, f"{field}.{key}", depth + 1)) for key, part in parts])
    except (KeyError, TypeError, AttributeError, ValueError, AssertionError) as error:
        raise bad_message(field, "a space of this kind") from error
    raise bad_message(f"{field}.kind", "one of box, discrete, multiDiscrete, dict")


def _box(form: dict[str, Any]) -> spaces.Box:
    dtype = _BOX_DTYPES[form["dtype"]]
    shape = tuple(form["shape"])
    return spaces.Box(_bounds(form["low"], shape, dtype), _bounds(form["high"], shape, dtype), shape, dtype)


def _bounds(bound: Any, shape: tuple[int, ...], dtype: Any) -> npt.NDArray[Any]:
    # 'inf' and '-inf' are what float() takes.
    if isinstance(bound, list):
        return np.array([float(value) for value in bound], np.float64).astype(dtype).reshape(shape)
    return np.full(shape, float(bound), np.float64).astype(dtype)


def wire_dtype(space: spaces.Space[Any]) -> np.dtype[Any]:
    """How elements of a space that is no dictionary travel."""
    if isinstance(space, spaces.Box):
        return DTYPES[np.dtype(space.dtype).str[1:]]
    return DTYPES["i4"]


def wire_shape(space: spaces.Space[Any]) -> tuple[int, ...]:
    """Shape of one value of a space that is no dictionary."""
    return tuple(space.shape or ())


class Layout:
    """The tensors of a batch of values: `references` is the tree as a header has it, `tensors` their dtypes and shapes."""

    def __init__(self, space: spaces.Space[Any], lanes: int) -> None:
        self.tensors: list[tuple[np.dtype[Any], tuple[int, ...]]] = []
        self.references: dict[str, Any] = self._refer(space, lanes)

    def _refer(self, space: spaces.Space[Any], lanes: int) -> dict[str, Any]:
        if isinstance(space, spaces.Dict):
            return {key: self._refer(part, lanes) for key, part in space.spaces.items()}
        self.tensors.append((wire_dtype(space), (lanes, *wire_shape(space))))
        return {"$t": len(self.tensors) - 1}
