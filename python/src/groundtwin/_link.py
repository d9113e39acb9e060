"""One env on a server: its handle there, its journal, and the requests that concern it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from ._codec import Template
from ._journal import CHANGES, Branch, Journal, Restore
from ._session import Raw, Session, reply_fields, same_reply
from ._spaces import Layout, space_from_json
from ._uploads import Ask, upload
from .errors import GroundtwinError, make_error

#: Of a frame, for everything but a snapshot.
_HEADER_BYTES = 4096
_MADE_ALIKE = ("id", "kind", "lanes", "agents", "autoreset", "observationSpace", "actionSpace", "controlDt_s")


class Link:
    """An env on a server, by a session of its own or shared with others."""

    def __init__(self, session: Session, env_id: str, lanes: int, autoreset: str, options: dict[str, Any]) -> None:
        """Makes it. Raises ENV_UNKNOWN, OPTION_INVALID, CAPACITY and whatever making it there raises."""
        self.session = session
        self._options = options
        self._request = {"id": env_id, "lanes": lanes, "autoreset": autoreset, "options": options}
        self.made: dict[str, Any] = session.request("make", **self._request)
        if self.made["agents"] != 1:
            raise make_error(
                "CALL_UNSUPPORTED",
                f"{env_id}: it has {self.made['agents']} agents, and a Gymnasium env has one. Use it from TypeScript.",
                {"env": env_id, "call": "make", "why": "it has several agents"},
            )
        self.handle: int = self.made["env"]
        self.id: str = self.made["id"]
        self.kind: str = self.made["kind"]
        self.lanes: int = self.made["lanes"]
        self.observation_space = space_from_json(self.made["observationSpace"])
        self.action_space = space_from_json(self.made["actionSpace"])
        self.actions = Layout(self.action_space, lanes)
        self.observations = Layout(self.observation_space, lanes)
        self.journal = Journal(keeps_over_resets=bool(options.get("drift")))
        self._template = self._make_template()
        session.add(self)

    def step_frame(self, seq: int, data: bytes) -> bytes:
        """The frame of a step."""
        return self._template.fill(seq, data)

    def step(self, data: bytes) -> tuple[bytes, int]:
        """One step of all lanes. `data`: the actions' bytes, as `actions` lays them out."""
        answer = self.session.call(self, "step", data)
        if self.journal.is_due:
            self._take_snapshot()
        return answer

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        """Any other request about this env; fields that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        answer = self.session.ask(self, op, given)
        if op in CHANGES and self.journal.is_overdue:
            self._take_snapshot()
        return answer

    def restore(self, snapshot: bytes, lane: int | None) -> Any:
        """Puts one lane, or with None all lanes, back to a snapshot; returns the observation as it came."""
        request = self._restore(lambda op, fields: self.session.ask(None, op, fields), snapshot, lane)
        return reply_fields(self.session.call(self, "restore", request)[0])["observation"]

    def branch(self, lane: int, into: Link, lanes: npt.NDArray[np.int32]) -> Any:
        """Makes lanes of an env of the same session copies of this one's; returns their observations as they came."""
        request = Branch(lane, into, lanes, self.ask("snapshot", lane=lane)["snapshot"].tobytes())
        return reply_fields(self.session.call(self, "branch", request)[0])["observation"]

    def close(self) -> None:
        """Closes the env there, and the session with it if it was made for it. May be called again."""
        self.session.remove(self)

    @property
    def model(self) -> str | None:
        """Name or id of the model that it was made from."""
        model: str | None = self._options.get("model")
        return model

    def abandon(self) -> None:
        """As `close`, when nobody holds the env any more; nothing is sent now."""
        self.session.abandon(self)

    def rebuild(self, raw: Raw) -> None:
        """Makes the env anew in a new session and plays the journal. Raises CONNECTION_LOST if it did not come out the same."""
        if self.journal.problem is not None:
            raise _not_rebuilt(self.id, self.journal.problem)
        made = reply_fields(raw(None, "make", self._request)[0])
        if any(made.get(field) != self.made.get(field) for field in _MADE_ALIKE):
            raise _not_rebuilt(self.id, "the env that the server makes by that name is another one now")
        self.handle = made["env"]
        self._template = self._make_template()
        if self.journal.snapshot is not None:
            self._restore_raw(raw, self.journal.snapshot, None)
        answer: tuple[bytes, int] | None = None
        for op, payload in self.journal.entries:
            answer = self._replay(raw, op, payload)
        if answer is not None and self.journal.last is not None and not same_reply(answer, self.journal.last):
            raise _not_rebuilt(
                self.id, "the same requests gave another result there, so it is another build or machine"
            )

    def _replay(self, raw: Raw, op: str, payload: Any) -> tuple[bytes, int] | None:
        if op == "restore":
            return self._restore_raw(raw, payload.snapshot, payload.lane)
        if op != "branch":
            return raw(self, op, payload)
        for lane in payload.lanes:
            self._restore_raw(raw, payload.snapshot, int(lane))
        return None

    def _restore_raw(self, raw: Raw, snapshot: bytes, lane: int | None) -> tuple[bytes, int]:
        def ask(op: str, fields: dict[str, Any]) -> dict[str, Any]:
            return reply_fields(raw(None, op, fields)[0])

        return raw(self, "restore", self._restore(ask, snapshot, lane))

    def _restore(self, ask: Ask, snapshot: bytes, lane: int | None) -> Restore:
        limit = self.session.max_frame_bytes
        is_large = len(snapshot) > limit - _HEADER_BYTES
        return Restore(snapshot, lane, upload(ask, snapshot, limit) if is_large else None)

    def _make_template(self) -> Template:
        return Template({"op": "step", "env": self.handle, "action": self.actions.references}, self.actions.tensors)

    def _take_snapshot(self) -> None:
        begun_s = time.monotonic()
        try:
            snapshot: bytes | None = self.ask("snapshot", all=True)["snapshot"].tobytes()
        except GroundtwinError as error:
            if error.code.startswith("CONNECTION"):
                raise
            # Some envs cannot be saved; their journal goes on from where it began.
            snapshot = None
        self.journal.took(time.monotonic() - begun_s, snapshot)


def _not_rebuilt(env: str, why: str) -> GroundtwinError:
    return make_error("CONNECTION_LOST", f"{env}: {why}", {"env": env, "reason": why})
