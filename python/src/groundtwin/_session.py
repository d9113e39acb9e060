"""One session with a server, over as many sockets, and servers, as it takes.

A request that was not answered when its socket dropped is sent again, with its number, over the next one; the server
answers it without carrying it out twice. When the server itself is gone, the session is built again from what its envs
have noted (`_journal`) on the next one that answers.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from . import _server
from ._codec import HELLO_SEQ, MAX_REPLY_BYTES, PROTOCOL, aligned, decode, encode, header_span, split_seq
from ._socket import CLOSE_NORMAL, Broken, Socket
from ._uploads import publish, upload
from .errors import GroundtwinError, NotTakenError, bad_message, from_wire, make_error

if TYPE_CHECKING:
    from ._journal import Entry
    from ._link import Link

#: What is worth waiting for: a server that comes back.
_PASSING = frozenset(
    {"CONNECTION_REFUSED", "CONNECTION_TIMEOUT", "REQUEST_TIMEOUT", "DRAINING", "CAPACITY", "SERVER_START_FAILED"}
)
#: Times one request may break the connection before it is blamed for it.
_MAX_BREAKS = 4
_FIRST_DELAY_S = 0.02
_LONGEST_DELAY_S = 0.5
#: That any attempt gets.
_LEAST_TIME_S = 0.5
_OK = b"\xa2ok"
#: Of files that no env was made from, kept for another server.
_KEPT_UPLOAD_BYTES = 64 << 20
#: Of a request, where the server does not say otherwise.
_MAX_FRAME_BYTES = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Times of a session, in seconds."""

    #: How long a server that is gone is waited for.
    patience_s: float = 8.0
    #: TCP, TLS and the upgrade.
    connect_timeout_s: float = 8.0
    #: One request; the server ends its own after 120 s.
    request_timeout_s: float = 150.0


class Endpoint(Protocol):
    """Where a server is to be found."""

    def address(self) -> tuple[str, str | None]:
        """Its URL and token; starts it if it is this process's to start."""

    def check(self) -> None:
        """Raises `Broken` when it is known to be gone."""


@dataclass(frozen=True)
class Remote:
    """A server that somebody else runs."""

    url: str
    token: str | None

    def address(self) -> tuple[str, str | None]:
        return self.url, self.token

    def check(self) -> None:
        return None


class Local:
    """The server that all envs of this process share."""

    _running: _server.LocalServer | None = None

    def address(self) -> tuple[str, str | None]:
        self._running = _server.local_server()
        return self._running.url, self._running.token

    def check(self) -> None:
        if self._running is not None and not self._running.alive:
            raise Broken("the server that this process started has ended")


class Session:
    """One client's envs on a server, and the order of its requests. Calls may come from several threads."""

    def __init__(self, endpoint: Endpoint, settings: Settings | None = None, ends_with_envs: bool = False) -> None:
        """Connects.

        Args:
            ends_with_envs: whether it is closed with the last of its envs.

        Raises:
            GroundtwinError: one CONNECTION_* error for each cause; CAPACITY; DRAINING; NODE_MISSING.
        """
        self._endpoint = endpoint
        self._ends_with_envs = ends_with_envs
        self.settings = settings or Settings()
        self._lock = threading.RLock()
        self._socket: Socket | None = None
        self._info: dict[str, Any] = {}
        #: URL of the server that holds the session, while it may be resumed there.
        self._held_at: str | None = None
        self._url = "the server"
        #: Number of the last request that was settled.
        self._seq = 0
        #: The request under way with its number: sent again after whatever interrupted it. One assignment begins it and
        #: one ends it, and what lies between may be done twice, so that Ctrl-C may come between any two bytecodes.
        self._pending: tuple[int, Link | None, Entry] | None = None
        self._links: list[Link] = []
        #: Links whose envs were collected without being closed.
        self._abandoned: list[Link] = []
        #: Files and what they were published as, to be uploaded again to another server.
        self._published: dict[str, tuple[str, dict[str, bytes]]] = {}
        self._max_frame_bytes = _MAX_FRAME_BYTES
        self._closed = False
        #: Sockets opened to get the session back, and sessions built again, so far.
        self.resumes = 0
        self.rebuilds = 0
        self._connect()
        _sessions.add(self)

    @property
    def url(self) -> str:
        """Of the server."""
        return self._url

    @property
    def server_info(self) -> dict[str, Any]:
        """What the server said of itself at the last greeting: version, capabilities, limits."""
        return dict(self._info)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def request(self, op: str, **fields: Any) -> dict[str, Any]:
        """Carries out a request that concerns no env, and returns its reply's fields."""
        return self.ask(None, op, fields)

    def ask(self, link: Link | None, op: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Carries out one request and returns its reply's fields. Raises whatever the server answers, typed."""
        return reply_fields(self.call(link, op, fields)[0])

    def call(self, link: Link | None, op: str, payload: Any) -> tuple[bytes, int]:
        """Carries out one request, exactly once.

        Args:
            link: the env that it concerns, if any.
            payload: its fields; or the bytes of the action of a step.

        Returns:
            The reply, and where its header goes on after its seq.

        Raises:
            GroundtwinError: what the server answers; CONNECTION_LOST, CONNECTION_CLOSED, REQUEST_TIMEOUT.
        """
        with self._lock:
            if self._pending is not None:
                self._finish_interrupted()
            if self._abandoned and not self._closed:
                self._close_abandoned()
            return self._begin(link, op, payload)

    def _begin(self, link: Link | None, op: str, payload: Any) -> tuple[bytes, int]:
        if self._closed:
            raise _closed_error(self._url)
        # Nothing has begun until the frame is made: a value that cannot travel costs no number.
        number = self._seq + 1
        frame = _encoded(number, link, op, payload)
        if len(frame) > self._max_frame_bytes:
            raise _too_large(op, len(frame), self._max_frame_bytes)
        self._pending = (number, link, (op, payload))
        return self._settle(self._exchange(frame))

    def publish(self, kind: str, files: dict[str, bytes]) -> str:
        """Uploads files, as far as the server lacks them, and names them together.

        Args:
            kind: ``model`` or ``policy``.
            files: contents by name.

        Returns:
            An id, ``sha256:…``, which follows from kind, names and contents.
        """
        published = publish(lambda op, fields: self.ask(None, op, fields), kind, files, self._max_frame_bytes)
        self._keep(published, kind, files)
        return published

    def upload(self, data: bytes) -> str:
        """Uploads one file, if the server lacks it; returns the sha256 of its bytes as hex."""
        return upload(lambda op, fields: self.ask(None, op, fields), data, self._max_frame_bytes)

    @property
    def max_frame_bytes(self) -> int:
        """Of a request."""
        return self._max_frame_bytes

    def add(self, link: Link) -> None:
        """From now on the env is built again with the session."""
        self._links.append(link)

    def remove(self, link: Link) -> None:
        """Closes an env. Never raises for a connection that is gone."""
        if link not in self._links:
            return
        self._links.remove(link)
        if self._ends_with_envs and len(self._links) <= len(self._abandoned):
            self.close()
        elif not self._closed:
            with contextlib.suppress(GroundtwinError):
                self.ask(link, "close", {})

    def abandon(self, link: Link) -> None:
        """Closes an env that nobody holds any more, with the next request: the garbage collector may call this in the midst of one."""
        if link not in self._links:
            return
        self._abandoned.append(link)
        if self._ends_with_envs and len(self._links) <= len(self._abandoned):
            self.close()

    def close(self) -> None:
        """Ends the session at once; its envs are closed. May be called again."""
        if self._closed:
            return
        self._closed = True
        self._links.clear()
        if self._socket is not None:
            self._socket.close(CLOSE_NORMAL)
            self._socket = None

    def drop_socket(self) -> None:
        """Cuts the socket as a broken network would; the session goes on over a new one. For tests and drills."""
        with self._lock:
            self._drop()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_socket", None) is not None:
            self.close()

    # One request

    def _close_abandoned(self) -> None:
        while self._abandoned:
            link = self._abandoned.pop()
            if link in self._links:
                self._links.remove(link)
                with contextlib.suppress(GroundtwinError):
                    self._begin(link, "close", {})

    def _finish_interrupted(self) -> None:
        """The call that began it is gone, but it may have been carried out: it is, and noted."""
        try:
            self._settle(self._exchange(self._pending_frame()))
        except GroundtwinError:
            if self._pending is not None:
                raise

    def _settle(self, answer: tuple[bytes, int]) -> tuple[bytes, int]:
        """Ends the request under way: notes it, or raises what the server answered."""
        assert self._pending is not None
        number, link, entry = self._pending
        frame, rest = answer
        self._seq = number
        if frame[rest : rest + 3] != _OK:
            self._pending = None
            raise from_wire(decode(frame).get("error"))
        if link is not None:
            if entry[0] == "branch":
                into = entry[1].into
                into.journal.note_branch(entry, into.lanes)
            else:
                link.journal.note(entry, frame, rest)
        self._pending = None
        return answer

    def _exchange(self, frame: bytes) -> tuple[bytes, int]:
        """Sends the request under way and waits for its reply, through whatever happens to the connection."""
        broken: Broken | None = None if self._socket is not None else Broken("the connection was cut")
        for _ in range(_MAX_BREAKS):
            try:
                if broken is not None:
                    self._recover(broken)
                    frame = self._pending_frame()
                return self._send_and_wait(frame)
            except Broken as error:
                broken = error
            except BaseException:
                # An interruption may have come between two bytes; what is under way is finished over a new socket.
                self._drop()
                raise
        assert broken is not None
        raise self._lost(f"{broken.reason}, again and again at the same request")

    def _pending_frame(self) -> bytes:
        assert self._pending is not None
        number, link, (op, payload) = self._pending
        return _encoded(number, link, op, payload)

    def _send_and_wait(self, frame: bytes) -> tuple[bytes, int]:
        assert self._pending is not None and self._socket is not None
        number, _, (op, _) = self._pending
        try:
            answer = self._ask_socket(frame, number, op)
        except NotTakenError:
            # It has no number there, so it is as if it had never been sent.
            self._pending = None
            raise
        reply, rest = answer
        if reply[rest : rest + 3] != _OK:
            error = from_wire(decode(reply).get("error"))
            if error.code == "DRAINING":
                raise Broken("the server is shutting down")
        return answer

    def _ask_socket(self, frame: bytes, seq: int, op: str, timeout_s: float | None = None) -> tuple[bytes, int]:
        assert self._socket is not None
        limit_s = self.settings.request_timeout_s if timeout_s is None else timeout_s
        self._socket.send(frame, limit_s, self._endpoint.check)
        # The server itself gives up an evaluation that makes no progress.
        return self._await(seq, op, math.inf if op == "evaluate" else limit_s)

    def _await(self, seq: int, op: str, timeout_s: float) -> tuple[bytes, int]:
        assert self._socket is not None
        while True:
            try:
                frame = self._socket.receive(timeout_s, self._endpoint.check)
            except TimeoutError as error:
                raise make_error(
                    "REQUEST_TIMEOUT",
                    f"No reply to {op} from {self._url} within {timeout_s:g} s. It may still be carried out; "
                    "the next call waits for it first.",
                    {"op": op, "timeout_s": timeout_s},
                ) from error
            got, rest = split_seq(frame)
            if got == seq:
                return frame, rest
            if got is None:
                # The server could not read one of our frames; nobody knows which.
                said = from_wire(decode(frame).get("error"))
                raise NotTakenError(said.code, said.message, said.details, said.retryable)

    # Connecting

    def _connect(self) -> None:
        try:
            self._reconnect(self.settings.connect_timeout_s)
        except Broken as error:
            raise self._lost(error.reason) from error

    def _recover(self, broken: Broken) -> None:
        """Gets the session back. Raises CONNECTION_LOST once patience is at its end."""
        self._drop()
        if self._closed:
            raise _closed_error(self._url)
        reason = broken.reason
        deadline_s = time.monotonic() + self.settings.patience_s
        delay_s = _FIRST_DELAY_S
        while True:
            try:
                self._reconnect(max(_LEAST_TIME_S, deadline_s - time.monotonic()))
                return
            except Broken as error:
                reason = error.reason
            except GroundtwinError as error:
                if error.code not in _PASSING:
                    raise self._lost(f"{reason}; then {error.code}: {error.message}") from error
                reason = f"{broken.reason}; then {error.code}"
            self._drop()
            if time.monotonic() + delay_s > deadline_s:
                raise self._lost(f"{reason}; it was waited for {self.settings.patience_s:g} s")
            time.sleep(delay_s)
            delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _reconnect(self, limit_s: float) -> None:
        """Opens a socket, and resumes the session or builds it again."""
        url, token = self._endpoint.address()
        self._url = url
        if self._held_at == url and self._resume(url, token, limit_s):
            self.resumes += 1
            return
        # What is half built is not resumed: should this break, it begins anew.
        self._held_at = None
        self._greet(url, token, {}, limit_s)
        if self._links or self._pending is not None:
            self._rebuild()
        self._held_at = url

    def _resume(self, url: str, token: str | None, limit_s: float) -> bool:
        resume = {"session": self._info["sessionId"], "resumeToken": self._info["resumeToken"]}
        try:
            self._greet(url, token, resume, limit_s)
        except GroundtwinError as error:
            if error.code != "SESSION_UNKNOWN":
                raise
            self._held_at = None
            return False
        return True

    def _greet(self, url: str, token: str | None, resume: dict[str, Any], limit_s: float) -> None:
        self._drop()
        self._socket = Socket(url, token, min(limit_s, self.settings.connect_timeout_s))
        hello = {
            "op": "hello",
            "seq": HELLO_SEQ,
            "protocol": PROTOCOL,
            **resume,
            "maxFrameBytes": MAX_REPLY_BYTES,
        }
        frame, _ = self._ask_socket(encode(hello), HELLO_SEQ, "hello", limit_s)
        reply = decode(frame)
        if "error" in reply:
            raise from_wire(reply["error"])
        info = reply_fields(frame)
        if info.get("protocol") != PROTOCOL:
            raise bad_message("protocol", PROTOCOL)
        self._info = info
        self._max_frame_bytes = int(info.get("limits", {}).get("maxFrameBytes", _MAX_FRAME_BYTES))

    # Building it again

    def _rebuild(self) -> None:
        """Makes every env anew and brings it to where it was, bit for bit."""
        self._seq = 0
        abandoned, self._abandoned = self._abandoned, []
        self._links = [link for link in self._links if link not in abandoned]
        try:
            for kind, files in self._published.values():
                publish(self._ask_raw, kind, files, self._max_frame_bytes)
            for link in self._links:
                link.rebuild(self._raw)
            self._upload_pending()
            self.rebuilds += 1
        except GroundtwinError as error:
            if error.code in _PASSING:
                raise
            raise self._lost(f"its envs could not be built again: {error.message}") from error
        finally:
            if self._pending is not None:
                _, pending, entry = self._pending
                # There is nothing to close any more, and the handle may be another env's.
                is_over = entry[0] == "close"
                self._pending = (self._seq + 1, None, ("ping", {})) if is_over else (self._seq + 1, pending, entry)

    def _raw(self, link: Link | None, op: str, payload: Any) -> tuple[bytes, int]:
        """One request of a rebuild: not noted, not repeated."""
        self._seq += 1
        frame, rest = self._ask_socket(_encoded(self._seq, link, op, payload), self._seq, op)
        if frame[rest : rest + 3] != _OK:
            raise from_wire(decode(frame).get("error"))
        return frame, rest

    def _upload_pending(self) -> None:
        payload = self._pending[2][1] if self._pending is not None else None
        if getattr(payload, "uploaded", None):
            upload(self._ask_raw, payload.snapshot, self._max_frame_bytes)  # type: ignore[union-attr]

    def _ask_raw(self, op: str, fields: dict[str, Any]) -> dict[str, Any]:
        return reply_fields(self._raw(None, op, fields)[0])

    def _keep(self, published: str, kind: str, files: dict[str, bytes]) -> None:
        """For another server. What no env was made from is forgotten, the oldest first, as the server does too."""
        self._published.pop(published, None)
        self._published[published] = (kind, files)
        models = {link.model for link in self._links}
        spare = [name for name in self._published if name not in models and name != published]
        room = _KEPT_UPLOAD_BYTES - sum(map(len, files.values()))
        for name in reversed(spare):
            room -= sum(map(len, self._published[name][1].values()))
            if room < 0:
                del self._published[name]

    def _lost(self, reason: str) -> GroundtwinError:
        return make_error(
            "CONNECTION_LOST",
            f"The connection to the groundtwin server at {self._url} was lost ({reason}) and its session could not be "
            "resumed or built again. The side that failed is the server or the network to it, not this process. "
            "Make the env anew once the server answers.",
            {"url": self._url, "reason": reason},
        )

    def _drop(self) -> None:
        if self._socket is not None:
            self._socket.drop()
            self._socket = None

    def _forget(self) -> None:
        """In a child after a fork: the session stays the parent's, its envs are built again in one of the child's own."""
        self._lock = threading.RLock()
        self._held_at = None
        self._drop()


class _Fields(dict[str, Any]):
    """Of a reply; one that is missing is the server's mistake."""

    def __missing__(self, name: str) -> Any:
        raise bad_message(name, "in the reply")


def reply_fields(frame: bytes) -> dict[str, Any]:
    """What a request was answered with. Raises BAD_MESSAGE, also where a field that is looked for is missing."""
    ok = decode(frame).get("ok")
    if not isinstance(ok, dict):
        raise bad_message("ok", "a map")
    return _Fields(ok)


def same_reply(one: tuple[bytes, int], other: tuple[bytes, int]) -> bool:
    """Whether two replies say the same but for their seq."""
    return _contents(*one) == _contents(*other)


def _contents(frame: bytes, rest: int) -> tuple[bytes, bytes]:
    _, end = header_span(frame)
    return frame[rest:end], frame[aligned(end) :]


def _encoded(seq: int, link: Link | None, op: str, payload: Any) -> bytes:
    if link is None:
        return encode({"op": op, "seq": seq, **payload})
    if type(payload) is bytes:
        return link.step_frame(seq, payload)
    if type(payload) is not dict:
        payload = payload.fields()
    return encode({"op": op, "seq": seq, "env": link.handle, **payload})


def _too_large(op: str, size: int, limit: int) -> GroundtwinError:
    return make_error(
        "FRAME_TOO_LARGE",
        f"{op} takes {size} bytes in one message; the server takes {limit}. Use fewer lanes, or raise its maxFrameBytes.",
        {"what": op, "bytes": size, "limit": limit},
    )


def _closed_error(url: str) -> GroundtwinError:
    return make_error(
        "CONNECTION_CLOSED", f"The connection to {url} was closed by close(). Make the env anew.", {"url": url}
    )


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()


def _after_fork() -> None:
    for session in list(_sessions):
        session._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

Raw = Callable[["Link | None", str, Any], tuple[bytes, int]]
