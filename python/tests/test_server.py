from __future__ import annotations

import json
import multiprocessing
import os
import signal
import urllib.request
from pathlib import Path

import pytest

from groundtwin._server import LocalServer, ServerStartError, local_server
from launching import program, python, runs, wait_until

posix_only = pytest.mark.skipif(os.name == "nt", reason="signals and forks")

OWNER = """
import sys, time
from groundtwin._server import LocalServer
server = LocalServer()
print(server.pid, flush=True)
"""


def healthy(server: LocalServer) -> bool:
    with urllib.request.urlopen(server.url.replace("ws://", "http://") + "/healthz", timeout=10) as answer:
        return bool(answer.status == 200)


def test_it_listens_and_ends_when_closed() -> None:
    with LocalServer() as server:
        assert server.alive
        assert healthy(server)
        assert len(server.token) > 20
        pid = server.pid
    assert not server.alive
    assert server.exit_code is not None
    assert not runs(pid)
    server.close()


def test_its_token_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROUNDTWIN_TOKEN", "of-another-server")
    with LocalServer() as server:
        assert server.token != "of-another-server"


def test_all_share_one_until_it_has_ended() -> None:
    first = local_server()
    assert local_server() is first
    os.kill(first.pid, signal.SIGTERM if os.name == "nt" else signal.SIGKILL)
    assert wait_until(lambda: not first.alive)
    second = local_server()
    assert second.pid != first.pid
    assert healthy(second)
    second.close()


@posix_only
@pytest.mark.parametrize("ends_by", [signal.SIGKILL, signal.SIGTERM, None])
def test_it_is_gone_soon_after_its_owner(ends_by: signal.Signals | None) -> None:
    owner = python(OWNER + ("time.sleep(60)" if ends_by else ""))
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    if ends_by:
        assert runs(pid)
        owner.send_signal(ends_by)
    owner.communicate(timeout=20)
    assert wait_until(lambda: not runs(pid))


@posix_only
def test_a_forked_child_neither_keeps_it_alive_nor_ends_it() -> None:
    owner = python(
        OWNER
        + """
import os
child = os.fork()
if child == 0:
    assert not server.alive and server.exit_code is None
    server.close()
    time.sleep(60)
print(child, server.alive, flush=True)
time.sleep(60)
"""
    )
    assert owner.stdout is not None
    pid = int(owner.stdout.readline())
    child, alive = owner.stdout.readline().split()
    try:
        assert alive == "True"
        assert runs(pid)
        owner.kill()
        assert wait_until(lambda: not runs(pid))
        assert runs(int(child))
    finally:
        os.kill(int(child), signal.SIGKILL)
        owner.communicate(timeout=20)


def _pid_of_mine(pipe: multiprocessing.connection.Connection) -> None:
    pipe.send(local_server().pid)


@posix_only
def test_a_forked_child_starts_its_own() -> None:
    mine = local_server()
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_pid_of_mine, args=(there,))
    child.start()
    assert here.poll(20)
    theirs = here.recv()
    child.join(20)
    assert theirs != mine.pid
    assert wait_until(lambda: not runs(theirs))
    assert healthy(mine)


@posix_only
def test_a_start_that_fails_shows_what_the_server_wrote(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ServerStartError, match="exit code 2") as caught:
        LocalServer(["--port", "70000"])
    assert "integer from 0 to 65535" in str(caught.value)
    assert caught.value.code == "SERVER_START_FAILED"
    assert isinstance(caught.value, ConnectionError)


STAND_IN = """
[ "$1" = "--version" ] && echo v22.0.0 && exit 0
"""


@posix_only
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo hello; exit 0", "exit code 0, after it had written b'hello"),
        ("echo '[1]'", "after it had written"),
        ('echo \'{"url": 1, "token": "x"}\'; cat', "after it had written"),
        ("echo no libc >&2; exit 127", "exit code 127.*no libc"),
        ("kill -9 $$", "exit code -9"),
        ("exec sleep 60", "did not listen within 0.5 s"),
    ],
)
def test_a_server_that_does_not_greet_is_no_server(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, says: str
) -> None:
    monkeypatch.setenv("GROUNDTWIN_NODE", str(program(tmp_path / "node", STAND_IN + script)))
    with pytest.raises(ServerStartError, match=f"(?s){says}"):
        LocalServer(start_limit_s=0.5 if "sleep" in script else 20)


@posix_only
def test_a_server_that_complains_without_end_never_waits_for_us(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    greeting = json.dumps({"url": "ws://127.0.0.1:1", "token": "t" * 32})
    script = f"head -c 3000000 /dev/zero | tr '\\0' x >&2; echo last >&2; echo '{greeting}'; cat >/dev/null"
    monkeypatch.setenv("GROUNDTWIN_NODE", str(program(tmp_path / "node", STAND_IN + script)))
    with LocalServer(start_limit_s=20) as server:
        assert wait_until(lambda: server.complaints.endswith("last"))
        assert len(server.complaints) < 1e6
