"""Actions into the bytes that travel. What a space does not take is refused here; its bounds are the server's to check."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ._codec import aligned
from ._spaces import wire_dtype, wire_shape
from .errors import GroundtwinError, make_error, outside_space

Encoder = Callable[[Any], bytes]

#: Up to here the bytes of every action are made beforehand.
_MAX_PREPARED = 4096


def action_encoder(env: str, space: spaces.Space[Any], lanes: int | None) -> Encoder:
    """Makes what turns actions into their tensors' bytes.

    Args:
        env: its name, for messages.
        space: of one lane.
        lanes: first axis of each array; None: an action is that of one env, without this axis.

    The encoder raises ACTION_SHAPE, ACTION_OUTSIDE_SPACE.
    """
    if isinstance(space, spaces.Dict):
        return _dict_encoder(env, space, lanes)
    if isinstance(space, spaces.Discrete) and lanes is None:
        return _discrete_encoder(env, int(space.n))
    return _array_encoder(env, space, () if lanes is None else (lanes,))


def _dict_encoder(env: str, space: spaces.Dict, lanes: int | None) -> Encoder:
    parts = {key: action_encoder(f"{env}.{key}", part, lanes) for key, part in space.spaces.items()}

    def encode(action: Any) -> bytes:
        if not isinstance(action, Mapping) or set(action) != set(parts):
            raise _shape_error(env, f"a dictionary of {', '.join(parts)}", _describe(action))
        encoded = [part(action[key]) for key, part in parts.items()]
        return b"".join(data.ljust(aligned(len(data)), b"\0") for data in encoded[:-1]) + encoded[-1]

    return encode


def _discrete_encoder(env: str, n: int) -> Encoder:
    prepared = [value.to_bytes(4, "little") for value in range(min(n, _MAX_PREPARED))]
    index = operator.index

    def encode(action: Any) -> bytes:
        try:
            value = index(action)
        except TypeError:
            value = _whole(env, n, action)
        if 0 <= value < len(prepared):
            return prepared[value]
        if 0 <= value < n:
            return value.to_bytes(4, "little")
        raise _outside_error(env, 0, value, 0, n - 1)

    return encode


def _whole(env: str, n: int, action: Any) -> int:
    """What is no integer, but holds one: an array of one element of an integer dtype."""
    array = _as_array(env, f"an integer from 0 to {n - 1}", action)
    if array.size != 1 or array.dtype.kind not in "iu":
        raise _shape_error(env, f"an integer from 0 to {n - 1}", _describe(action))
    return int(array.reshape(())[()])


def _array_encoder(env: str, space: spaces.Space[Any], lead: tuple[int, ...]) -> Encoder:
    dtype = wire_dtype(space)
    shape = (*lead, *wire_shape(space))
    is_real = isinstance(space, spaces.Box) and dtype.kind == "f"
    expected = f"an array of shape {shape}, {'numbers' if is_real else 'integers'}" + (
        ", one row a lane" if lead else ""
    )
    ndarray = np.ndarray

    def encode(action: Any) -> bytes:
        array = action if type(action) is ndarray else _as_array(env, expected, action)
        if array.shape != shape:
            raise _shape_error(env, expected, _describe(action))
        if array.dtype != dtype:
            array = _cast(env, array, dtype, is_real, expected)
        return array.tobytes()

    return encode


def _cast(env: str, array: npt.NDArray[Any], dtype: np.dtype[Any], is_real: bool, expected: str) -> npt.NDArray[Any]:
    if array.dtype.kind not in ("fiub" if is_real else "iu"):
        raise _shape_error(env, expected, f"an array of {array.dtype}")
    if is_real:
        # What is too large for float32 becomes infinite, which the server refuses by name.
        with np.errstate(over="ignore"):
            return array.astype(dtype)
    cast = array.astype(dtype)
    wrong = cast != array
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        info = np.iinfo(dtype)
        raise _outside_error(env, at, int(array.reshape(-1)[at]), int(info.min), int(info.max))
    return cast


def _as_array(env: str, expected: str, action: Any) -> npt.NDArray[Any]:
    try:
        return np.asarray(action)
    except (ValueError, TypeError) as error:
        raise _shape_error(env, expected, _describe(action)) from error


def _describe(value: Any) -> str:
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {tuple(shape)}, {getattr(value, 'dtype', '')}".rstrip(", ")
    if isinstance(value, (list, tuple)):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, (int, float, complex, str, bytes)):
        return f"{type(value).__name__} {value!r}"[:60]
    return f"a {type(value).__name__}"


def _shape_error(env: str, expected: str, got: str) -> GroundtwinError:
    return make_error(
        "ACTION_SHAPE",
        f"{env}: the action must be {expected}, got {got}. env.action_space.sample() shows one.",
        {"env": env, "expected": expected, "got": got},
    )


def _outside_error(env: str, index: int, value: int, low: int, high: int) -> GroundtwinError:
    details = {"env": env, "index": index, "value": value, "low": low, "high": high, "isWhole": True}
    return make_error("ACTION_OUTSIDE_SPACE", outside_space(details), details)
