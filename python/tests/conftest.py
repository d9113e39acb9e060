"""What tests share: one server of this process, and servers and connections that may be broken."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest

from groundtwin._server import LocalServer, local_server


@pytest.fixture
def server() -> LocalServer:
    """The server that envs without `url` use as well; another one after a test that killed it."""
    return local_server()


class Proxy:
    """A TCP proxy whose connections can be cut, or cut in the midst of a message."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("ws://").split(":")
        self.target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"ws://127.0.0.1:{self._listener.getsockname()[1]}"
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        #: Bytes that still pass to the client, and to the server, before the connection is cut; None: all.
        self.left: list[int | None] = [None, None]
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Cuts all connections."""
        while self._pairs:
            self._cut(self._pairs.pop())

    @staticmethod
    def _cut(pair: tuple[socket.socket, socket.socket]) -> None:
        for end in pair:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                upstream = socket.create_connection(self.target)
            except OSError:
                return
            self.connections += 1
            pair = (client, upstream)
            self._pairs.append(pair)
            for way in (0, 1):
                threading.Thread(target=self._pass_on, args=(pair, way), daemon=True).start()

    def _pass_on(self, pair: tuple[socket.socket, socket.socket], way: int) -> None:
        source, sink = (pair[1], pair[0]) if way == 0 else pair
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                left = self.left[way]
                if left is None:
                    sink.sendall(data)
                    continue
                sink.sendall(data[:left])
                self.left[way] = left - len(data) if len(data) < left else None
                if len(data) >= left:
                    break
        self._cut(pair)


@pytest.fixture
def proxy(server: LocalServer) -> Iterator[Proxy]:
    """Between a client and the server."""
    made = Proxy(server.url)
    yield made
    made.close()
