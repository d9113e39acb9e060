"""What groundtwin's envs can do beside Gymnasium's calls: snapshots, branches, whole trajectories, states, changes, scores."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from ._actions import action_encoder
from ._codec import DTYPES
from ._link import Link
from ._options import numbers, refuse
from ._results import NAMED_BY_TASK, snake_case
from ._seeds import first_seed, folded
from ._spaces import wire_dtype
from ._uploads import policy_file
from .errors import make_error

if TYPE_CHECKING:
    from ._session import Session
    from .twin import Twin
    from .vector import VectorEnv

_PUBLISHED = "sha256:"
_SNAPSHOT_MAGIC = b"GTSNAP01"
_DIGEST_BYTES = 64
#: Of a frame, for everything but actions.
_HEADER_BYTES = 4096


@dataclass(frozen=True)
class Trajectory:
    """A sequence of steps. The first axis of every array is the step; with lanes the second is the lane."""

    #: As the env's observation space has them; of a dictionary, a dictionary of arrays.
    observations: Any
    rewards: npt.NDArray[np.float64]
    terminations: npt.NDArray[np.bool_]
    truncations: npt.NDArray[np.bool_]
    #: By name, empty unless asked for; lists where a step has something that is no array.
    infos: dict[str, Any]

    def __len__(self) -> int:
        return len(self.rewards)


@dataclass(frozen=True)
class Evaluation:
    """One episode a lane."""

    #: Sum of rewards, `[lanes]`.
    returns: npt.NDArray[np.float64]
    #: Steps, `[lanes]`.
    lengths: npt.NDArray[np.int32]


class RemoteCalls:
    """Calls that `Env` and `VectorEnv` share. Lanes count from 0; an `Env` has one."""

    _link: Link
    _is_single: bool
    _was_reset: bool

    def _require_open(self) -> None:
        raise NotImplementedError

    def __del__(self) -> None:
        link = getattr(self, "_link", None)
        if link is not None:
            link.abandon()

    def _lost_track(self) -> None:
        """The server alone knows now which episode comes next."""

    @property
    def session(self) -> Session:
        """Its session with the server: `session.resumes` and `session.rebuilds` count what was mended."""
        return self._link.session

    @property
    def kind(self) -> str:
        """``truth``, ``model`` or ``twin``."""
        return self._link.kind

    @property
    def twin(self) -> Twin | None:
        """Both sides of a twin; None for another backend."""
        from .twin import Twin

        return Twin(self) if self._link.kind == "twin" else None

    def describe(self) -> dict[str, Any]:
        """The task: summary, horizon (steps), control step (s), parameters with their nominal values, entries of the state
        with their units, weights of the reward's terms."""
        self._require_open()
        found = self._link.session.request("describe", id=self._link.id)
        return {snake_case(name): value for name, value in found.items() if not name.endswith("Space")}

    def snapshot(self, lane: int = 0) -> bytes:
        """One lane, whole: physics, generators, memory, time limit. It may be stored, and restored by any env made alike."""
        self._require_open()
        return self._link.ask("snapshot", lane=self._lane(lane))["snapshot"].tobytes()  # type: ignore[no-any-return]

    def restore(self, snapshot: bytes, lane: int = 0) -> Any:
        """Puts a lane back; it goes on from there bit for bit.

        Wrappers of Gymnasium that count or remember, such as `TimeLimit`, know nothing of it: `groundtwin.restore(env,
        snapshot)` sets the counter of `TimeLimit` as well.

        Returns:
            The lane's observation.

        Raises:
            ValueRefusedError: no snapshot, a damaged one, or one of another env, backend or model.
        """
        self._require_open()
        if not isinstance(snapshot, (bytes, bytearray, memoryview)):
            raise refuse(self._link.id, "snapshot", type(snapshot).__name__, "bytes, as snapshot() returns them")
        tree = self._link.restore(bytes(snapshot), self._lane(lane))
        self._was_reset = True
        self._lost_track()
        return self._observations(tree, 1)

    def branch(self, num_envs: int, lane: int = 0, **options: Any) -> tuple[VectorEnv, Any]:
        """A vector env whose lanes all stand where this lane stands; nothing of its state travels.

        Args:
            options: of the new env, else as here; `autoreset_mode` is ``Disabled`` unless given.

        Returns:
            The env, which shares this one's session, and its observations, `[num_envs, …]`.
        """
        from .vector import VectorEnv

        self._require_open()
        given = {"autoreset_mode": "Disabled", **self._made_with(), **options}
        into = VectorEnv(self._link.id, num_envs, session=self._link.session, **given)
        try:
            return into, self.branch_into(into, lane=lane)
        except BaseException:
            into.close()
            raise

    def branch_into(self, into: RemoteCalls, lanes: Sequence[int] | None = None, lane: int = 0) -> Any:
        """Makes lanes (default all) of `into`, an env of the same session, copies of this lane; returns their observations."""
        self._require_open()
        into._require_open()
        if into._link.session is not self._link.session:
            raise refuse(
                self._link.id, "into", "an env of another session", "one that branch() made, or one made with session="
            )
        chosen = np.arange(into._link.lanes, dtype=np.int32) if lanes is None else np.array(lanes, np.int32)
        tree = self._link.branch(self._lane(lane), into._link, chosen)
        into._was_reset = True
        into._lost_track()
        return from_tree(self._link.observation_space, tree, (len(chosen),))

    def state(self, side: str | None = None) -> dict[str, npt.NDArray[np.float64]]:
        """The task's state by entry, `[lanes, size]` each (`[size]` for an `Env`), in the units that `describe()` tells.

        Args:
            side: of a twin: ``truth`` (default) or ``model``.
        """
        self._require_open()
        if side not in (None, "truth", "model"):
            raise refuse(self._link.id, "side", side, "'truth' or 'model'")
        return {name: self._row(rows) for name, rows in self._link.ask("state", side=side)["state"].items()}

    def parameters(self) -> dict[str, Any]:
        """Physical parameters of the episodes going on, `[lanes]` each (numbers for an `Env`)."""
        self._require_open()
        found = self._link.ask("state")["params"]
        return {name: float(rows.reshape(-1)[0]) if self._is_single else rows for name, rows in found.items()}

    def perturb(self, params: Mapping[str, float], lane: int = 0) -> None:
        """Changes the real thing in the midst of an episode, as a payload or a worn bearing does; a twin's model is told nothing."""
        self._require_open()
        self._link.ask("perturb", lane=self._lane(lane), params=numbers(self._link.id, params))

    def rollout(self, actions: Any, infos: bool = False) -> Trajectory:
        """Many steps for one round trip; bit for bit what that many `step` calls return.

        Args:
            actions: `[steps, …]` for an `Env`, `[steps, num_envs, …]` for a `VectorEnv`.
            infos: whether infos come as well.

        Returns:
            The steps made: fewer than asked where an episode ends that is not reset by itself.
        """
        self._require_open()
        link = self._link
        steps = _steps_in(link, actions)
        pieces: list[dict[str, Any]] = []
        at = 0
        while at < steps:
            count = min(steps - at, self._most_steps())
            tree = self._action_tree(_slice(actions, at, at + count), count)
            answer = self._ask_rollout(tree, infos)
            pieces.append(answer)
            at += answer["steps"]
            if link.made["autoreset"] == "disabled" and (
                answer["terminated"][-1].any() or answer["truncated"][-1].any()
            ):
                break
        return self._trajectory(pieces)

    def _ask_rollout(self, tree: Any, infos: bool) -> dict[str, Any]:
        answer = self._link.ask("rollout", actions=tree, info=infos or None)
        self._was_reset = True
        return answer

    def evaluate(
        self,
        policy: str | os.PathLike[str] | bytes = "random",
        *,
        seed: int | Sequence[int] | None = None,
        policy_seed: int | None = None,
        max_steps: int | None = None,
    ) -> Evaluation:
        """One episode a lane, played on the server.

        Args:
            policy: ``random``; an ONNX file (path or bytes), input `observation` float32 `[N, size]`, output `action`; or
                the id of one uploaded before.
            seed: lane i gets `seed + i`, or its own of the list.
            policy_seed: of a policy that draws.
            max_steps: default the time limit, or the task's horizon.
        """
        self._require_open()
        fields: dict[str, Any] = {"policy": self._policy(policy), "policySeed": policy_seed, "maxSteps": max_steps}
        fields["maxSteps"] = max_steps or self._default_steps()
        seeds = self._evaluation_seeds(seed)
        answer = self._link.ask("evaluate", seeds=seeds, **fields)
        self._was_reset = True
        self._lost_track()
        return Evaluation(answer["returns"], answer["lengths"])

    # Parts

    def _made_with(self) -> dict[str, Any]:
        raise NotImplementedError

    def _default_steps(self) -> int | None:
        from ._options import NO_LIMIT
        from ._registration import horizon_of

        limit = self._link.made.get("maxEpisodeSteps")
        return horizon_of(self._link.id) if limit in (None, NO_LIMIT) else None

    def _evaluation_seeds(self, seed: int | Sequence[int] | None) -> npt.NDArray[np.float64] | None:
        lanes = self._link.lanes
        if seed is None:
            if self._was_reset:
                return None
            seed = int.from_bytes(os.urandom(4), "little")
        whole = [seed + lane for lane in range(lanes)] if isinstance(seed, (int, np.integer)) else list(seed)
        if len(whole) != lanes:
            raise refuse(self._link.id, "seed", f"{len(whole)} seeds", f"an integer, or a list of {lanes}")
        return first_seed([folded(own) for own in whole])

    def _policy(self, policy: str | os.PathLike[str] | bytes) -> dict[str, str]:
        if policy == "random":
            return {"kind": "random"}
        if isinstance(policy, str) and policy.startswith(_PUBLISHED):
            return {"kind": "onnx", "policy": policy}
        files = {"policy.onnx": policy} if isinstance(policy, bytes) else policy_file(policy)
        return {"kind": "onnx", "policy": self._link.session.publish("policy", files)}

    def _lane(self, lane: int) -> int:
        if isinstance(lane, bool) or not isinstance(lane, (int, np.integer)) or not 0 <= lane < self._link.lanes:
            raise refuse(self._link.id, "lane", lane, f"an integer from 0 to {self._link.lanes - 1}")
        return int(lane)

    def _row(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return rows[0] if self._is_single else rows

    def _observations(self, tree: Any, count: int) -> Any:
        """Of one lane: without the axis of lanes."""
        return _slice_index(from_tree(self._link.observation_space, tree, (count,)), 0)

    def _most_steps(self) -> int:
        """Steps whose actions fit one message."""
        per_step = sum(dtype.itemsize * int(np.prod(shape)) + 8 for dtype, shape in self._link.actions.tensors)
        return max(1, (self._link.session.max_frame_bytes - _HEADER_BYTES) // per_step)

    def _action_tree(self, actions: Any, steps: int) -> Any:
        return _encode_steps(self._link.id, self._link.action_space, actions, steps, self._link.lanes, self._is_single)

    def _trajectory(self, pieces: list[dict[str, Any]]) -> Trajectory:
        link, lanes = self._link, self._link.lanes
        if not pieces:
            raise refuse(link.id, "actions", "empty", "at least one step")
        observations = [
            from_tree(link.observation_space, piece["observation"], (piece["steps"], lanes)) for piece in pieces
        ]
        ends = [
            np.concatenate([piece[name] for piece in pieces]).astype(np.bool_) for name in ("terminated", "truncated")
        ]
        rewards = np.concatenate([piece["reward"] for piece in pieces]).reshape(-1, lanes)
        infos = _joined_infos([piece.get("info") or {} for piece in pieces])
        whole = Trajectory(_concatenated(observations), rewards, ends[0], ends[1], infos)
        if not self._is_single:
            return whole
        return Trajectory(
            _without_lanes(whole.observations),
            whole.rewards[:, 0],
            whole.terminations[:, 0],
            whole.truncations[:, 0],
            _without_lanes(whole.infos),
        )


def elapsed_steps(snapshot: bytes) -> int | None:
    """Steps of its episode that a lane had made when the snapshot was taken; None if it does not say."""
    begin = len(_SNAPSHOT_MAGIC) + _DIGEST_BYTES
    if snapshot[: len(_SNAPSHOT_MAGIC)] != _SNAPSHOT_MAGIC:
        return None
    try:
        length = int.from_bytes(snapshot[begin : begin + 4], "little")
        wrappers = json.loads(snapshot[begin + 4 : begin + 4 + length])["head"]["wrappers"]
        return next((int(wrapper["memory"][0]) for wrapper in wrappers if wrapper["name"] == "TimeLimit"), None)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def from_tree(space: spaces.Space[Any], tree: Any, lead: tuple[int, ...]) -> Any:
    """Decoded arrays of values of a space, with leading axes `lead`, as Gymnasium has them."""
    if isinstance(space, spaces.Dict):
        return {key: from_tree(part, tree[key], lead) for key, part in space.spaces.items()}
    shaped = tree.reshape((*lead, *(space.shape or ())))
    return shaped if isinstance(space, spaces.Box) else shaped.astype(np.int64)


def _encode_steps(env: str, space: spaces.Space[Any], actions: Any, steps: int, lanes: int, is_single: bool) -> Any:
    if isinstance(space, spaces.Dict):
        if not isinstance(actions, Mapping) or set(actions) != set(space.spaces):
            raise make_error(
                "ACTION_SHAPE", f"{env}: the actions must be a dictionary of {', '.join(space.spaces)}.", {"env": env}
            )
        return {
            key: _encode_steps(f"{env}.{key}", part, actions[key], steps, lanes, is_single)
            for key, part in space.spaces.items()
        }
    shape = (steps, lanes, *(space.shape or ()))
    array = np.asarray(actions)
    if is_single and array.shape == (steps, *(space.shape or ())):
        array = array[:, None]
    encode = action_encoder(env, space, lanes)
    if array.shape != shape:
        raise make_error(
            "ACTION_SHAPE",
            f"{env}: the actions of a rollout must be of shape {('steps', *shape[2 if is_single else 1 :])}, got {array.shape}.",
            {"env": env, "expected": str(shape), "got": str(array.shape)},
        )
    data = b"".join(encode(step) for step in array) if array.dtype != wire_dtype(space) else array.tobytes()
    dtype = DTYPES[wire_dtype(space).str[1:]]
    return np.frombuffer(data, dtype).reshape(shape)


def lane_of(info: dict[str, Any], lane: int) -> dict[str, Any]:
    """One lane of a vector env's info, without the masks."""
    row: dict[str, Any] = {}
    for key, column in info.items():
        present = info.get(f"_{key}")
        if present is None or not present[lane]:
            continue
        row[key] = lane_of(column, lane) if isinstance(column, dict) else column[lane]
    return row


def _steps_in(link: Link, actions: Any) -> int:
    first = next(iter(actions.values()), ()) if isinstance(actions, Mapping) else actions
    try:
        return len(first)
    except TypeError as error:
        raise refuse(link.id, "actions", type(actions).__name__, "an array of actions, one row a step") from error


def _slice(value: Any, begin: int, end: int) -> Any:
    return (
        {key: _slice(item, begin, end) for key, item in value.items()}
        if isinstance(value, Mapping)
        else value[begin:end]
    )


def _slice_index(value: Any, index: int) -> Any:
    return {key: _slice_index(item, index) for key, item in value.items()} if isinstance(value, dict) else value[index]


def _concatenated(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {key: _concatenated([value[key] for value in values]) for key in values[0]}
    return np.concatenate(values)


def _without_lanes(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_lanes(item) for key, item in value.items()}
    if isinstance(value, np.ndarray) and value.ndim >= 2 and value.shape[1] == 1:
        return value[:, 0]
    if isinstance(value, list):
        return [item[0] if isinstance(item, list) and len(item) == 1 else item for item in value]
    return value


def _joined_infos(infos: list[dict[str, Any]], structural: bool = True) -> dict[str, Any]:
    joined: dict[str, Any] = {}
    for key in {key: None for info in infos for key in info}:
        columns = [info.get(key) for info in infos]
        name = snake_case(key) if structural else key
        if all(isinstance(column, dict) for column in columns):
            joined[name] = _joined_infos(columns, structural and key not in NAMED_BY_TASK)  # type: ignore[arg-type]
        elif all(isinstance(column, np.ndarray) for column in columns):
            joined[name] = np.concatenate(columns)  # type: ignore[arg-type]
        else:
            joined[name] = [item for column in columns if column is not None for item in column]
    return joined
