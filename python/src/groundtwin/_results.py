"""Replies of `reset` and `step` into what Gymnasium's envs return.

The header of a reply differs from that of the one before in nothing but its seq, as a rule. So it is decoded once; what
follows from it, where each array lies and which keys the info has, is kept and only filled in.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ._codec import TensorRef, header_span, parse, read
from ._spaces import wire_dtype, wire_shape
from .errors import bad_message

Info = dict[str, Any]
#: `(frame, base)` → part of a result; base is where the frame's first tensor begins.
Part = Callable[[bytes, int], Any]

_U32 = struct.Struct("<I")
_MAX_PLANS = 64
_CHARACTERS = {"f4": "f", "f8": "d", "i4": "i", "u1": "?"}
_RENAMED = {"finalObservation": "final_obs"}
#: Below these, keys are names that a task or model gave.
NAMED_BY_TASK = frozenset({"rewardTerms", "params", "truth", "prediction", "error", "uncertainty"})
_FINAL = frozenset({"finalMask", "finalObservation", "finalInfo"})


def snake_case(name: str) -> str:
    """A key of the wire as Python spells it: `rewardTerms` → `reward_terms`."""
    return _RENAMED.get(name) or re.sub(r"(?<=[a-z0-9])([A-Z])", lambda match: f"_{match[1].lower()}", name)


class Results:
    """Reads the replies of one env."""

    def __init__(self, observation_space: spaces.Space[Any], lanes: int | None) -> None:
        """`lanes`: None for a single env, whose results have no axis of lanes and whose scalars are Python's own."""
        self._space = observation_space
        self._lanes = lanes
        self._plans: dict[bytes, tuple[int, Part]] = {}

    def read(self, frame: bytes, rest: int) -> Any:
        """`(observation, info)` of a reset; `(observation, reward, terminated, truncated, info)` of a step.

        Args:
            rest: where the header goes on after its seq.
        """
        end = 4 + _U32.unpack_from(frame)[0]
        found = self._plans.get(frame[rest:end])
        if found is None:
            found = self._plan(frame, rest)
        length, part = found
        base = (end + 7) & -8
        if base + length != len(frame):
            raise bad_message("frame", "exactly as long as its header and tensors say")
        return part(frame, base)

    def _plan(self, frame: bytes, rest: int) -> tuple[int, Part]:
        start, end = header_span(frame)
        message, length = parse(frame[start:end])
        ok = message.get("ok")
        if not isinstance(ok, dict) or not isinstance(ok.get("info", {}), (dict, type(None))):
            raise bad_message("ok", "a map whose info is a map")
        make = _single_plan if self._lanes is None else _vector_plan
        found = length or 0, make(self._space, self._lanes or 1, ok)
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[frame[rest:end]] = found
        return found


def observation_part(
    space: spaces.Space[Any], tree: Any, lead: tuple[int, ...], keep_lead: bool, field: str = "observation"
) -> Part:
    """Makes what reads a batch of observations. `lead`: its leading axes; without `keep_lead` they are of length 1 and left out."""
    if isinstance(space, spaces.Dict):
        if not isinstance(tree, dict) or set(tree) != set(space.spaces):
            raise bad_message(field, f"a map of {', '.join(space.spaces)}")
        parts = [
            (key, observation_part(part, tree[key], lead, keep_lead, f"{field}.{key}"))
            for key, part in space.spaces.items()
        ]
        return lambda frame, base: {key: part(frame, base) for key, part in parts}
    dtype, shape = wire_dtype(space), wire_shape(space)
    # Infos carry observations flattened, so only their size is held to the space.
    if not isinstance(tree, TensorRef) or tree.dtype != dtype or tree.size != math.prod((*lead, *shape)):
        raise bad_message(field, f"{dtype} of shape {(*lead, *shape)}")
    offset, ndarray = tree.offset, np.ndarray
    given = (*lead, *shape) if keep_lead else shape
    if isinstance(space, spaces.Box):
        return lambda frame, base: ndarray(given, dtype, frame, base + offset).copy()
    if given == ():
        return lambda frame, base: ndarray((), dtype, frame, base + offset).astype(np.int64)[()]
    return lambda frame, base: ndarray(given, dtype, frame, base + offset).astype(np.int64)


def _require(tree: Any, dtype: str, shape: tuple[int, ...], field: str) -> TensorRef:
    if not isinstance(tree, TensorRef) or tree.dtype.str[1:] != dtype or tree.shape != shape:
        raise bad_message(field, f"{dtype} of shape {shape}")
    return tree


# A single env: scalars come out of one struct, arrays one by one.


class _Scalars:
    """Gathers tensors of one element, to be unpacked together."""

    def __init__(self) -> None:
        self._refs: list[TensorRef] = []

    def add(self, ref: TensorRef) -> int:
        """Its index among the values."""
        self._refs.append(ref)
        return len(self._refs) - 1

    def unpacker(self) -> tuple[Callable[[bytes, int], tuple[Any, ...]], list[int]]:
        """Unpacks the values in the order of the frame; and where each one added is among them."""
        order = sorted(range(len(self._refs)), key=lambda i: self._refs[i].offset)
        form, end = "<", 0
        for i in order:
            ref = self._refs[i]
            form += f"{ref.offset - end}x{_CHARACTERS[ref.dtype.str[1:]]}"
            end = ref.offset + ref.dtype.itemsize
        places = [0] * len(order)
        for place, i in enumerate(order):
            places[i] = place
        return struct.Struct(form).unpack_from, places


def _single_plan(space: spaces.Space[Any], lanes: int, ok: dict[str, Any]) -> Part:
    observe = observation_part(space, ok.get("observation"), (1,), False)
    scalars = _Scalars()
    flags = []
    if "reward" in ok:
        flags.append(scalars.add(_require(ok["reward"], "f8", (1, 1), "reward")))
        flags.extend(scalars.add(_require(ok.get(field), "u1", (1,), field)) for field in ("terminated", "truncated"))
    nodes = _single_nodes(ok.get("info"), scalars, True)
    unpack, places = scalars.unpacker()
    filled = _placed(nodes, places)
    if not flags:
        return lambda frame, base: (observe(frame, base), _fill_single(filled, unpack(frame, base), frame, base))
    reward, terminated, truncated = (places[flag] for flag in flags)

    def plan(frame: bytes, base: int) -> Any:
        values = unpack(frame, base)
        info = _fill_single(filled, values, frame, base)
        return observe(frame, base), values[reward], values[terminated], values[truncated], info

    return plan


class _At(int):
    """Index of a scalar."""


def _single_nodes(tree: Any, scalars: _Scalars, structural: bool) -> list[tuple[str, Any]]:
    nodes: list[tuple[str, Any]] = []
    for key, item in (tree or {}).items():
        name = snake_case(key) if structural else key
        if isinstance(item, TensorRef):
            nodes.append((name, _At(scalars.add(item)) if item.size == 1 else _row(item)))
        elif isinstance(item, dict):
            nodes.append((name, _single_nodes(item, scalars, structural and key not in NAMED_BY_TASK)))
        else:
            value = item[0] if isinstance(item, list) and len(item) == 1 else item
            if value is not None:
                nodes.append((name, (value,)))
    return nodes


def _row(ref: TensorRef) -> TensorRef:
    """Of an array whose first axis is the one lane: what is left without it."""
    return ref._replace(shape=ref.shape[1:]) if len(ref.shape) > 1 and ref.shape[0] == 1 else ref


def _placed(nodes: list[tuple[str, Any]], places: list[int]) -> list[tuple[str, Any]]:
    placed: list[tuple[str, Any]] = []
    for name, node in nodes:
        if isinstance(node, _At):
            placed.append((name, places[node]))
        else:
            placed.append((name, _placed(node, places) if isinstance(node, list) else node))
    return placed


def _fill_single(nodes: list[tuple[str, Any]], values: tuple[Any, ...], frame: bytes, base: int) -> Info:
    info: Info = {}
    for name, node in nodes:
        kind = type(node)
        if kind is int:
            info[name] = values[node]
        elif kind is list:
            info[name] = _fill_single(node, values, frame, base)
        elif kind is TensorRef:
            info[name] = _flags(read(node, frame, base))
        else:
            info[name] = node[0]
    return info


def _flags(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Bytes in an info are flags."""
    return array.astype(np.bool_) if array.dtype == np.uint8 else array


# A vector env: arrays with an axis of lanes, and with Gymnasium's masks of who has an info.


def _vector_plan(space: spaces.Space[Any], lanes: int, ok: dict[str, Any]) -> Part:
    observe = observation_part(space, ok.get("observation"), (lanes,), True)
    tree = dict(ok.get("info") or {})
    finals = {key: tree.pop(key) for key in _FINAL if key in tree}
    nodes = _vector_nodes(tree, lanes, True)
    masks = _count_masks(nodes)
    final = _final_part(space, finals, lanes)

    def info_of(frame: bytes, base: int) -> Info:
        present = iter(np.ones((masks, lanes), np.bool_))
        info = _fill_vector(nodes, frame, base, lambda: next(present))
        return final(info, frame, base) if final else info

    if "reward" not in ok:
        return lambda frame, base: (observe(frame, base), info_of(frame, base))
    reward = _require(ok["reward"], "f8", (lanes, 1), "reward")._replace(shape=(lanes,))
    terminated, truncated = (_require(ok.get(field), "u1", (lanes,), field) for field in ("terminated", "truncated"))
    at_reward, at_terminated, at_truncated = reward.offset, terminated.offset, truncated.offset
    shape, ndarray, f8, u1, flag = (lanes,), np.ndarray, reward.dtype, terminated.dtype, np.bool_

    def plan(frame: bytes, base: int) -> Any:
        return (
            observe(frame, base),
            ndarray(shape, f8, frame, base + at_reward).copy(),
            ndarray(shape, u1, frame, base + at_terminated).astype(flag),
            ndarray(shape, u1, frame, base + at_truncated).astype(flag),
            info_of(frame, base),
        )

    return plan


def _vector_nodes(tree: Any, lanes: int, structural: bool) -> list[tuple[str, Any]]:
    nodes: list[tuple[str, Any]] = []
    for key, item in (tree or {}).items():
        name = snake_case(key) if structural else key
        if isinstance(item, dict):
            nodes.append((name, _vector_nodes(item, lanes, structural and key not in NAMED_BY_TASK)))
        elif isinstance(item, list) and len(item) == lanes:
            nodes.append((name, tuple(item)))
        else:
            nodes.append((name, item))
    return nodes


def _count_masks(nodes: list[tuple[str, Any]]) -> int:
    return sum(1 + (_count_masks(node) if isinstance(node, list) else 0) for _, node in nodes)


def _fill_vector(
    nodes: list[tuple[str, Any]], frame: bytes, base: int, mask: Callable[[], npt.NDArray[np.bool_]]
) -> Info:
    info: Info = {}
    for name, node in nodes:
        kind = type(node)
        if kind is TensorRef:
            info[name] = _flags(read(node, frame, base))
        elif kind is list:
            info[name] = _fill_vector(node, frame, base, mask)
        elif kind is tuple:
            info[name] = _objects(node)
            info["_" + name] = mask() & np.array([value is not None for value in node], np.bool_)
            continue
        else:
            info[name] = node
        info["_" + name] = mask()
    return info


def _objects(values: Any) -> npt.NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def _final_part(
    space: spaces.Space[Any], finals: dict[str, Any], lanes: int
) -> Callable[[Info, bytes, int], Info] | None:
    """What adds how episodes ended that ended on this very step: `final_obs`, one observation a lane or None, and `final_info`."""
    if "finalObservation" not in finals:
        return None
    ended_in = _require(finals.get("finalMask"), "u1", (lanes,), "info.finalMask")
    observe = observation_part(space, finals["finalObservation"], (lanes,), True, "info.finalObservation")
    nodes = _vector_nodes(finals.get("finalInfo"), lanes, True)

    def add(info: Info, frame: bytes, base: int) -> Info:
        ended = read(ended_in, frame, base).astype(np.bool_)
        batch = observe(frame, base)
        final = np.full(lanes, None, object)
        for lane in np.flatnonzero(ended):
            final[lane] = _lane_of(batch, int(lane))
        info["final_obs"], info["_final_obs"] = final, ended
        info["final_info"] = _fill_vector(nodes, frame, base, ended.copy)
        info["_final_info"] = ended.copy()
        return info

    return add


def _lane_of(batch: Any, lane: int) -> Any:
    if isinstance(batch, dict):
        return {key: _lane_of(part, lane) for key, part in batch.items()}
    return batch[lane].copy() if isinstance(batch[lane], np.ndarray) else batch[lane]
