"""What it takes to bring an env on a new server to where it was on the old one."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ._link import Link

#: A request: its op, and its fields or what they are made of.
Entry = tuple[str, Any]

#: Requests that change an env. Their replies are the same whenever they are made in the same order on the same state.
CHANGES = frozenset({"reset", "step", "rollout", "restore", "perturb", "evaluate"})
#: Bytes of requests since the last snapshot.
_MAX_BYTES = 256 << 20
#: Of one entry, beside its payload.
_ENTRY_BYTES = 120
#: How often is looked whether a snapshot is due, in requests.
_LOOK_EVERY = 64
#: A snapshot is due after this time, so that what must be played again stays short …
_SNAPSHOT_EVERY_S = 2.0
#: … or later, so that taking them costs at most a twenty-fifth of the time.
_SHARE = 25.0


@dataclass(frozen=True)
class Branch:
    """One lane of an env copied into lanes of another."""

    lane: int
    into: Link
    lanes: npt.NDArray[np.int32]
    #: Of the lane, to do the same again when the env it came from has gone on.
    snapshot: bytes

    def fields(self) -> dict[str, Any]:
        """Of the request."""
        return {"lane": self.lane, "into": self.into.handle, "lanes": self.lanes}


@dataclass(frozen=True)
class Restore:
    """A lane, or all lanes, put back to a snapshot."""

    snapshot: bytes
    #: None: the snapshot is of all lanes.
    lane: int | None
    #: sha256 of one too large for a message, which was uploaded; else None.
    uploaded: str | None

    def fields(self) -> dict[str, Any]:
        """Of the request."""
        where: dict[str, Any] = {"all": True} if self.lane is None else {"lane": self.lane}
        return {**where, "snapshot": self.uploaded or np.frombuffer(self.snapshot, np.uint8)}


class Journal:
    """The requests since an env was made, or since it was last wholly determined: by a snapshot, or a reset with a seed."""

    def __init__(self, keeps_over_resets: bool = False) -> None:
        """`keeps_over_resets`: whether something of an episode lasts into the next one, so that a reset determines nothing."""
        self._keeps_over_resets = keeps_over_resets
        self.snapshot: bytes | None = None
        self.entries: list[Entry] = []
        #: The last reply, to hold that of the rebuilt env against.
        self.last: tuple[bytes, int] | None = None
        #: Why the env cannot be built again, if so.
        self.problem: str | None = None
        self._bytes = 0
        self._since_s = time.monotonic()
        self._cost_s = 0.0

    def note(self, entry: Entry, frame: bytes, rest: int) -> None:
        """Notes a request that was carried out; the same one again, after an interruption, changes nothing."""
        op, payload = entry
        if op == "step":
            self._bytes += len(payload) + _ENTRY_BYTES
        elif op in CHANGES:
            if _determines(op, payload) and not self._keeps_over_resets:
                self.begin(None)
            self._bytes += _size_of(payload) + _ENTRY_BYTES
        else:
            return
        if self.problem is not None:
            return
        self._append(entry)
        self.last = (frame, rest)
        if self._bytes > _MAX_BYTES:
            self.begin(None)
            self.problem = f"there were more than {_MAX_BYTES >> 20} MiB of requests since its last snapshot"

    def note_branch(self, entry: Entry, all_lanes: int) -> None:
        """Notes that lanes were made copies of another env's lane."""
        branch: Branch = entry[1]
        if len(set(branch.lanes.tolist())) == all_lanes and not self._keeps_over_resets:
            self.begin(None)
        if self.problem is not None:
            return
        self._bytes += len(branch.snapshot) + _ENTRY_BYTES
        self._append(entry)
        self.last = None

    def _append(self, entry: Entry) -> None:
        if not self.entries or self.entries[-1] is not entry:
            self.entries.append(entry)

    def begin(self, snapshot: bytes | None) -> None:
        """Forgets what came before: the env is now as the snapshot, or the next request, says."""
        # In one statement, so that no interruption finds a half of it.
        self.snapshot, self.entries, self.last, self.problem = snapshot, [], None, None
        self._bytes = 0
        self._since_s = time.monotonic()

    @property
    def is_due(self) -> bool:
        """Whether it is time for a snapshot."""
        return not len(self.entries) % _LOOK_EVERY and self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """The same, looked at after every request: for those that stand for many steps."""
        return time.monotonic() - self._since_s > max(_SNAPSHOT_EVERY_S, _SHARE * self._cost_s)

    def took(self, cost_s: float, snapshot: bytes | None) -> None:
        """A snapshot was taken, or could not be."""
        self._cost_s = cost_s
        if snapshot is not None:
            self.begin(snapshot)
        self._since_s = time.monotonic()


def _size_of(payload: Any) -> int:
    if isinstance(payload, Restore):
        return len(payload.snapshot)
    if isinstance(payload, dict):
        return sum(map(_size_of, payload.values()))
    return int(getattr(payload, "nbytes", 8))


def _determines(op: str, payload: Any) -> bool:
    if op == "reset":
        return "mask" not in payload and ("seed" in payload or "seeds" in payload)
    return op == "restore" and payload.lane is None
