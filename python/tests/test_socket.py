"""What a slow line or a strange peer may do to a connection."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest

from groundtwin import _socket
from groundtwin._socket import Broken, Socket

PING, MORE = b"\x89\x00", b"\x00\x01x"


@pytest.fixture
def ends(monkeypatch):
    """A connection that needs no greeting, and its other end."""
    mine, other = socket.socketpair()
    for end in (mine, other):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    monkeypatch.setattr(_socket, "_open", lambda *_: mine)
    made = Socket("ws://nowhere", None, 1.0)
    yield made, other
    made.drop()
    other.close()


def alive():
    return None


def test_a_line_that_takes_seconds_for_a_message_is_not_broken(ends):
    made, other = ends
    got = []

    def read():
        time.sleep(1.3)
        while sum(got) < 1_000_000:
            got.append(len(other.recv(1 << 16)))

    reader = threading.Thread(target=read)
    reader.start()
    made.send(bytes(1_000_000), 10.0, alive)
    reader.join()
    assert sum(got) == 1_000_000 + 14


def test_a_peer_that_takes_nothing_is_given_up(ends):
    begun_s = time.monotonic()
    with pytest.raises(Broken, match="takes nothing"):
        ends[0].send(bytes(1_000_000), 1.0, alive)
    assert time.monotonic() - begun_s < 4


@pytest.mark.parametrize("chatter", [PING, b"\x02\x01x" + MORE])
def test_chatter_does_not_prolong_a_wait(ends, chatter):
    made, other = ends
    ended = threading.Event()

    def talk():
        with contextlib.suppress(OSError):
            while not ended.wait(0.1):
                other.sendall(chatter)

    threading.Thread(target=talk, daemon=True).start()
    begun_s = time.monotonic()
    with pytest.raises((TimeoutError, Broken)):
        made.receive(1.0, alive)
    assert time.monotonic() - begun_s < 4
    ended.set()


def test_a_message_in_endless_pieces_is_refused(ends):
    made, other = ends
    pieces = b"\x02\x00" + b"\x00\x00" * 5000
    threading.Thread(target=lambda: contextlib.suppress(OSError) and other.sendall(pieces), daemon=True).start()
    with pytest.raises(Broken, match="over the limit"):
        made.receive(5.0, alive)


@pytest.mark.parametrize("pause_s", [0.0, 0.05])
def test_messages_come_whole_whether_awaited_eagerly_or_asleep(ends, pause_s):
    made, other = ends

    def talk():
        for size in (0, 1, 125, 126, 5000, 70_000):
            time.sleep(pause_s)
            mark, width = (b"", 1) if size < 126 else (b"\x7e", 2) if size < 1 << 16 else (b"\x7f", 8)
            other.sendall(b"\x82" + mark + size.to_bytes(width, "big") + bytes(size))

    threading.Thread(target=talk, daemon=True).start()
    assert [len(made.receive(5.0, alive)) for _ in range(6)] == [0, 1, 125, 126, 5000, 70_000]


def test_two_descriptors_are_closed_with_it(ends):
    made, other = ends
    made.drop()
    assert made.fileno() == -1
    assert other.recv(1) == b""
