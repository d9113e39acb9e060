"""A server of one's own: started, owned and ended by this Python process."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import queue
import subprocess
import threading
import weakref
from collections import deque
from collections.abc import Sequence
from typing import IO, Any

from ._node import find_node, server_environment, server_program
from .errors import GroundtwinError

#: How long a server may take until it listens. On a machine that is not overloaded it takes a fraction of a second.
START_LIMIT_S = 30.0
#: A server that does not leave by itself is killed.
CLOSE_LIMIT_S = 5.0
#: What is kept of the server's standard error, in pieces as they were read.
_KEPT_PIECES = 64
_PIECE_BYTES = 4096
#: The first line of its standard output; more is no greeting.
_GREETING_BYTES = 65536


class ServerStartError(GroundtwinError, ConnectionError):
    """The server that this process started did not come up; the message ends with what it wrote."""


class LocalServer:
    """A server that this process started and owns. It ends with `close()`, and by itself when this process is gone, `kill -9` included.

    After a fork it stays the parent's: in the child it is not `alive`, and `close()` does nothing there.

    :param arguments: more of `groundtwin serve`'s, for example ``["--models", "runs"]``.
    :raises NodeMissingError: where there is no Node to run it.
    :raises ServerStartError: when it does not start, or not within `start_limit_s` seconds.
    """

    def __init__(self, arguments: Sequence[str] = (), *, start_limit_s: float = START_LIMIT_S) -> None:
        node, program = find_node(), server_program()
        command = [
            node.path,
            str(program),
            "serve",
            "--json",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--owned",
            *arguments,
        ]
        environment = server_environment()
        # A token that is given would not be told again, and whoever sets it means other servers.
        environment.pop("GROUNDTWIN_TOKEN", None)
        self._owner = os.getpid()
        try:
            # Unbuffered: no lock of a buffered reader may be held by a thread when this process forks.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=environment,
            )
        except OSError as error:
            raise self._failed(f"Node at {node.path} could not be started: {error}") from error
        self._complaints = _Complaints(self._process.stderr)
        _servers.add(self)
        greeting = self._greeting(start_limit_s)
        #: As in "ws://127.0.0.1:40123".
        self.url: str = greeting["url"]
        #: What clients must show.
        self.token: str = greeting["token"]

    @property
    def pid(self) -> int:
        """Of the server's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs and is this process's."""
        return self._owner == os.getpid() and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number if one ended it. Of another process's server: None."""
        return self._process.poll() if self._owner == os.getpid() else None

    @property
    def complaints(self) -> str:
        """The last that it wrote to its standard error: one JSON line an event."""
        return self._complaints.text

    def close(self) -> None:
        """Ends the server and waits until it is gone, 5 s at most before it is killed. May be called again."""
        _servers.discard(self)
        if self._owner != os.getpid():
            return
        with contextlib.suppress(OSError):
            self._pipe("stdin").close()
        try:
            self._process.wait(CLOSE_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._complaints.wait()
        for name in ("stdout", "stderr"):
            self._pipe(name).close()

    def __enter__(self) -> LocalServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pipe(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._process, name)
        return pipe

    def _greeting(self, limit_s: float) -> dict[str, Any]:
        lines: queue.Queue[bytes] = queue.Queue()
        stdout = self._pipe("stdout")
        # In a thread, because Windows has no other wait with a limit on a pipe.
        threading.Thread(target=lambda: lines.put(stdout.readline(_GREETING_BYTES)), daemon=True).start()
        try:
            line = lines.get(timeout=limit_s)
        except queue.Empty:
            self._process.kill()
            self.close()
            raise self._failed(f"it did not listen within {limit_s:g} s") from None
        try:
            greeting: dict[str, Any] = json.loads(line)
            if not (isinstance(greeting["url"], str) and isinstance(greeting["token"], str)):
                raise TypeError
        except (ValueError, KeyError, TypeError):
            self.close()
            said = "" if line == b"" else f", after it had written {line[:200]!r}"
            raise self._failed(f"it ended with exit code {self._process.returncode}{said}") from None
        return greeting

    def _failed(self, problem: str) -> ServerStartError:
        complaints = self.complaints if hasattr(self, "_complaints") else ""
        return ServerStartError(
            "SERVER_START_FAILED",
            f"groundtwin (the server that this Python process starts): {problem}. "
            "`python -m groundtwin doctor` tells what this machine lacks."
            + (f" It wrote:\n{complaints}" if complaints else ""),
            {"problem": problem, "complaints": complaints},
        )

    def _disown(self) -> None:
        """In a child after a fork: its copies of the pipes would keep the server alive after the parent is gone."""
        for name in ("stdin", "stdout", "stderr"):
            with contextlib.suppress(OSError):
                self._pipe(name).close()
        # Not this process's child: nothing to wait for, nothing to warn of.
        self._process.returncode = 0


class _Complaints:
    """Reads a pipe to its end, so that its writer never waits, and keeps the last of it."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None
        self._pieces: deque[bytes] = deque(maxlen=_KEPT_PIECES)
        self._thread = threading.Thread(target=self._read, args=(pipe,), name="groundtwin-server-stderr", daemon=True)
        self._thread.start()

    @property
    def text(self) -> str:
        return b"".join(list(self._pieces)).decode("utf-8", "replace").strip()

    def wait(self) -> None:
        """Until the pipe has ended; a grandchild that holds it open is not waited for."""
        self._thread.join(1.0)

    def _read(self, pipe: IO[bytes]) -> None:
        with contextlib.suppress(OSError, ValueError):
            while piece := pipe.read(_PIECE_BYTES):
                self._pieces.append(piece)


_servers: weakref.WeakSet[LocalServer] = weakref.WeakSet()
_shared: LocalServer | None = None
_lock = threading.Lock()


def local_server() -> LocalServer:
    """The server that all envs of this process share.

    Started when first asked for, again when it has ended, and anew in a child after a fork.
    """
    global _shared
    with _lock:
        if _shared is None or not _shared.alive:
            if _shared is not None:
                _shared.close()
            _shared = LocalServer()
        return _shared


def _after_fork() -> None:
    global _shared, _lock
    _lock = threading.Lock()
    _shared = None
    for server in list(_servers):
        server._disown()
    _servers.clear()


@atexit.register
def _end_all() -> None:
    for server in list(_servers):
        server.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
