"""One WebSocket: opened by `websocket-client`, then read and written here.

A step waits for one short message, so what the library spends on locks, tracing and three reads a message is half of
the round trip. Only binary messages, pings and close frames occur on this protocol.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import ssl
import struct
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import websocket

from ._codec import MAX_REPLY_BYTES, PROTOCOL
from .errors import GroundtwinError, from_wire, make_error

_CONTINUATION, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x2, 0x8, 0x9, 0xA
_FINAL = 0x80
_MASKED = 0x80
#: Instead of a length: it follows, in as many bytes.
_TWO_BYTES, _EIGHT_BYTES = 126, 127
_U16, _U64 = struct.Struct(">H"), struct.Struct(">Q")
_BUFFER_BYTES = 1 << 16
#: Above it a payload is masked by NumPy, below it as one big integer.
_SMALL_BYTES = 256
_KEEP_ALIVE_S = 2
_KEEP_ALIVE_PROBES = 3
#: How often a wait looks up: whether the server's process lives, and whether time is up.
_LOOK_S = 1.0
#: So long a reply is looked for before this thread goes to sleep: to be woken costs more than a short step takes.
_EAGER_S = 200e-6
#: Where that was in vain so many times on end, so many replies are waited for asleep before it is tried again.
_MOST_IN_VAIN = 3
_ASLEEP = 64
#: Of one message.
_MAX_FRAGMENTS = 1024
CLOSE_NORMAL = 1000


_yield: Callable[[], object] = getattr(os, "sched_yield", lambda: time.sleep(0))


class Broken(Exception):  # noqa: N818 - says what the socket is; never reaches a user
    """The socket is of no use any more; `code` is the peer's close code, if it sent one."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code


class Socket:
    """A connection to a groundtwin server, not greeted yet."""

    def __init__(self, url: str, token: str | None, timeout_s: float) -> None:
        """Opens it.

        Args:
            url: ``ws://host:port`` or ``wss://host:port``.
            token: what the server printed; None if it wants none.
            timeout_s: for TCP, TLS and the upgrade together.

        Raises:
            GroundtwinError: CONNECTION_REFUSED, _UNAUTHORISED, _ORIGIN, _VERSION, _TIMEOUT; CAPACITY, DRAINING.
        """
        self.url = url
        self._sock = _open(url, token, timeout_s)
        self._sock.settimeout(_LOOK_S)
        #: The same socket, but it never waits; what TLS decrypts has no such thing.
        self._eager = None if isinstance(self._sock, ssl.SSLSocket) else self._sock.dup()
        if self._eager is not None:
            self._eager.setblocking(False)
        #: Replies to wait for asleep, before one is looked for again.
        self._asleep = 0
        self._in_vain = 0
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        #: Bytes received and not yet taken: [start, end) of the buffer.
        self._start = 0
        self._end = 0
        #: When the wait going on is over; 0 until it is looked at for the first time.
        self._deadline_s = 0.0
        self._bits = random.SystemRandom().getrandbits(64)
        self._random = random.Random(self._bits).getrandbits

    def fileno(self) -> int:
        """Of the socket underneath, -1 once closed."""
        return self._sock.fileno()

    def send(self, payload: bytes, timeout_s: float, alive: Callable[[], None]) -> None:
        """Sends one binary message, through however narrow a line.

        Args:
            timeout_s: past it the connection counts as broken: half a message is out.
            alive: as for `receive`.

        Raises:
            Broken: the connection ended.
        """
        self._deadline_s = 0.0
        rest = memoryview(self._frame(_BINARY, payload))
        while rest:
            try:
                rest = rest[self._sock.send(rest) :]
            except TimeoutError as error:
                try:
                    self._look_up(timeout_s, alive, _LOOK_S)
                except TimeoutError:
                    raise Broken("the server takes nothing any more") from error
            except OSError as error:
                raise Broken(_reason(error)) from error

    def receive(self, timeout_s: float, alive: Callable[[], None]) -> bytes:
        """Waits for one binary message.

        Args:
            timeout_s: past it `TimeoutError` is raised; the message may still come.
            alive: called now and then while waiting; raises to end the wait.

        Raises:
            Broken: the connection ended.
        """
        self._deadline_s = 0.0
        if self._start == self._end:
            self._start = self._end = 0
            self._fill(timeout_s, alive)
        # Nearly every message: in one piece, of two bytes of length, and here as a whole.
        buffer, start = self._buffer, self._start
        if self._end - start > 4 and buffer[start] == _FINAL | _BINARY and buffer[start + 1] == _TWO_BYTES:
            begin = start + 4
            end = begin + (buffer[start + 2] << 8 | buffer[start + 3])
            if end <= self._end:
                self._start = end
                return bytes(self._view[begin:end])
        parts: list[bytes] = []
        while True:
            opcode, final, payload = self._next(timeout_s, alive)
            if opcode == _BINARY and final and not parts:
                return payload
            if opcode == _PING:
                self._reply(_PONG, payload)
                self._look_up(timeout_s, alive)
            elif opcode == _CLOSE:
                code = _U16.unpack_from(payload)[0] if len(payload) >= 2 else None
                raise Broken(f"the server closed it with {code}: {payload[2:].decode('utf-8', 'replace')}", code)
            elif opcode in (_BINARY, _CONTINUATION):
                parts.append(payload)
                if len(parts) > _MAX_FRAGMENTS or sum(map(len, parts)) > MAX_REPLY_BYTES:
                    raise Broken("a message over the limit", 1009)
                if final:
                    return b"".join(parts)
            elif opcode != _PONG:
                raise Broken("what came is no groundtwin message", 1002)

    def close(self, code: int = CLOSE_NORMAL) -> None:
        """Says good-bye and closes; never waits, never raises."""
        with contextlib.suppress(OSError, ValueError):
            self._sock.settimeout(0.2)
            self._sock.sendall(self._frame(_CLOSE, _U16.pack(code)))
        self.drop()

    def drop(self) -> None:
        """Closes the socket without a word, as after a fork or when it is broken."""
        for sock in (self._sock, self._eager):
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.close()

    def _next(self, timeout_s: float, alive: Callable[[], None]) -> tuple[int, bool, bytes]:
        """Takes one frame of the WebSocket protocol out of what has come."""
        self._need(2, timeout_s, alive)
        buffer, at = self._buffer, self._start
        first, length = buffer[at], buffer[at + 1]
        head = 2
        if length == _TWO_BYTES:
            self._need(4, timeout_s, alive)
            length, head = _U16.unpack_from(self._buffer, self._start + 2)[0], 4
        elif length == _EIGHT_BYTES:
            self._need(10, timeout_s, alive)
            length, head = _U64.unpack_from(self._buffer, self._start + 2)[0], 10
        elif length > _TWO_BYTES:
            raise Broken("the server masks its frames", 1002)
        if first & 0x70 or length > MAX_REPLY_BYTES:
            raise Broken("a frame this client does not take", 1009)
        payload = self._take(head, length, timeout_s, alive)
        return first & 0x0F, bool(first & _FINAL), payload

    def _take(self, head: int, length: int, timeout_s: float, alive: Callable[[], None]) -> bytes:
        begin = self._start + head
        if begin + length <= self._end:
            self._start = begin + length
            return bytes(self._view[begin : begin + length])
        if head + length <= _BUFFER_BYTES:
            self._need(head + length, timeout_s, alive)
            return self._take(head, length, timeout_s, alive)
        message = bytearray(length)
        view = memoryview(message)
        have = self._end - begin
        view[:have] = self._view[begin : self._end]
        self._start = self._end = 0
        while have < length:
            have += self._read(view[have:], timeout_s, alive)
            self._look_up(timeout_s, alive)
        return bytes(message)

    def _need(self, count: int, timeout_s: float, alive: Callable[[], None]) -> None:
        """Waits until the buffer holds that many bytes in a row."""
        if self._end - self._start >= count:
            return
        if self._start + count > _BUFFER_BYTES:
            rest = self._end - self._start
            self._buffer[:rest] = self._buffer[self._start : self._end]
            self._start, self._end = 0, rest
        while self._end - self._start < count:
            self._fill(timeout_s, alive)
            self._look_up(timeout_s, alive)

    def _fill(self, timeout_s: float, alive: Callable[[], None]) -> None:
        self._end += self._read(self._view[self._end :], timeout_s, alive)

    def _read(self, into: memoryview, timeout_s: float, alive: Callable[[], None]) -> int:
        if self._eager is not None and (count := self._read_soon(self._eager, into)):
            return count
        while True:
            try:
                count = self._sock.recv_into(into)
            except TimeoutError:
                self._look_up(timeout_s, alive, _LOOK_S)
            except OSError as error:
                raise Broken(_reason(error)) from error
            else:
                if count == 0:
                    raise Broken("the server's side of it was closed")
                return count

    def _look_up(self, timeout_s: float, alive: Callable[[], None], waited_s: float = 0.0) -> None:
        """Whether it is worth waiting on. The first look of a wait says how long it has lasted, and begins its time."""
        alive()
        now_s = time.monotonic()
        self._deadline_s = self._deadline_s or now_s + timeout_s - waited_s
        if now_s >= self._deadline_s:
            raise TimeoutError

    def _read_soon(self, eager: socket.socket, into: memoryview) -> int:
        """What comes within the next moment, 0 if nothing does. Others may have the processor meanwhile."""
        if self._asleep > 0:
            self._asleep -= 1
            return 0
        until_s = time.perf_counter() + _EAGER_S
        while time.perf_counter() < until_s:
            try:
                count = eager.recv_into(into)
                self._in_vain = 0
                return count
            except BlockingIOError:
                _yield()
            except OSError:
                return 0
        self._in_vain += 1
        if self._in_vain == _MOST_IN_VAIN:
            self._in_vain, self._asleep = 0, _ASLEEP
        return 0

    def _reply(self, opcode: int, payload: bytes) -> None:
        try:
            self._sock.sendall(self._frame(opcode, payload))
        except OSError as error:
            raise Broken(_reason(error)) from error

    def _frame(self, opcode: int, payload: bytes) -> bytes:
        length = len(payload)
        key = self._random(32)
        if length < _TWO_BYTES:
            head = bytes((_FINAL | opcode, _MASKED | length))
        elif length < 1 << 16:
            head = bytes((_FINAL | opcode, _MASKED | _TWO_BYTES)) + _U16.pack(length)
        else:
            head = bytes((_FINAL | opcode, _MASKED | _EIGHT_BYTES)) + _U64.pack(length)
        return b"%b%b%b" % (head, key.to_bytes(4, "little"), _masked(payload, key))


def _masked(payload: bytes, key: int) -> bytes:
    length = len(payload)
    if length <= _SMALL_BYTES:
        mask = int.from_bytes(key.to_bytes(4, "little") * ((length + 3) // 4), "little")
        return (int.from_bytes(payload, "little") ^ mask).to_bytes((length + 3) // 4 * 4, "little")[:length]
    words: npt.NDArray[np.uint32] = np.frombuffer(payload + bytes(-length % 4), "<u4") ^ np.uint32(key)
    return words.tobytes()[:length]


def _open(url: str, token: str | None, timeout_s: float) -> socket.socket:
    try:
        opened = websocket.create_connection(
            url,
            timeout=timeout_s,
            header=[] if token is None else [f"Authorization: Bearer {token}"],
            subprotocols=[PROTOCOL],
            suppress_origin=True,
            sockopt=_socket_options(),
            redirect_limit=0,
        )
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(error, url, token) from error
    except (TimeoutError, websocket.WebSocketTimeoutException) as error:
        raise make_error(
            "CONNECTION_TIMEOUT",
            f"{url} took longer than {timeout_s:g} s at the upgrade. The machine may be unreachable or overloaded; "
            "raise connect_timeout_s if it is only slow.",
            {"url": url, "stage": "upgrade", "timeout_s": timeout_s},
        ) from error
    except websocket.WebSocketException as error:
        if "Header" in str(error):
            raise _wrong_version(url, "it did not agree to the subprotocol") from error
        raise _connection_refused(url, _reason(error)) from error
    except (OSError, ValueError) as error:
        raise _connection_refused(url, _reason(error)) from error
    if opened.getsubprotocol() != PROTOCOL:
        opened.shutdown()  # type: ignore[no-untyped-call,unused-ignore]
        raise _wrong_version(url, "it did not agree to the subprotocol")
    sock = opened.sock
    assert sock is not None
    # The library's object must not close the socket when it is collected.
    opened.sock = None
    return sock


def _socket_options() -> list[tuple[int, int, int]]:
    options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    # The kernel answers these probes even while a server computes, so a dead machine is told from a busy one.
    tuned = {
        "TCP_KEEPIDLE": _KEEP_ALIVE_S,
        "TCP_KEEPINTVL": _KEEP_ALIVE_S,
        "TCP_KEEPCNT": _KEEP_ALIVE_PROBES,
        "TCP_USER_TIMEOUT": 1000 * _KEEP_ALIVE_S * (_KEEP_ALIVE_PROBES + 1),
    }
    for name, value in tuned.items():
        option = getattr(socket, name, None)
        if option is not None:
            options.append((socket.IPPROTO_TCP, option, value))
    return options


def _reason(error: BaseException) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text)[:200]


def _connection_refused(url: str, reason: str) -> GroundtwinError:
    return make_error(
        "CONNECTION_REFUSED",
        f"Cannot connect to {url} ({reason}). Start `groundtwin serve` there, or check host, port and certificate.",
        {"url": url, "reason": reason},
    )


def _wrong_version(url: str, reason: str) -> GroundtwinError:
    return make_error(
        "CONNECTION_VERSION",
        f"{url} does not speak {PROTOCOL}: {reason}. Check the address, and that both sides have the same groundtwin.",
        {"url": url, "wanted": PROTOCOL, "reason": reason},
    )


def _refusal(error: websocket.WebSocketBadStatusException, url: str, token: str | None) -> GroundtwinError:
    status = error.status_code
    if status == 401:
        why = "it wants a token and none was given" if token is None else "the token is not the one it expects"
        return make_error(
            "CONNECTION_UNAUTHORISED",
            f"{url} refused the connection: {why}. Pass the token that the server printed.",
            {"url": url, "given": token is not None},
        )
    if status == 403:
        return make_error(
            "CONNECTION_ORIGIN",
            f"{url} does not accept this origin. Name it in allowedOrigins when the server is started.",
            {"url": url, "origin": "this origin"},
        )
    try:
        sent = from_wire(json.loads(error.resp_body or b""))
        if sent.code in ("CAPACITY", "DRAINING"):
            return sent
    except ValueError:
        pass
    return _wrong_version(url, f"it answered the upgrade with HTTP {status}")
