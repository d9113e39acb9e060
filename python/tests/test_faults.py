"""The training loop sees nothing of a broken connection or a server that died, and no step is made twice or lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import gymnasium
import numpy as np
import pytest

import groundtwin
from groundtwin import _journal
from groundtwin._calls import elapsed_steps
from groundtwin._server import LocalServer, local_server
from groundtwin._session import Local

IDS = ["CartPole-v0", "Reacher-v0"]


def play(env, steps, fault=None, seed=5):
    """A run as bytes; `fault(step)` is called before each step."""
    rng = np.random.default_rng(seed)
    log = []
    observation, _ = env.reset(seed=seed)
    log.append(observation.tobytes())
    for step in range(steps):
        if fault:
            fault(step)
        space = env.single_action_space if hasattr(env, "single_action_space") else env.action_space
        lanes = getattr(env, "num_envs", None)
        if isinstance(space, gymnasium.spaces.Discrete):
            action = rng.integers(space.n, size=lanes)
        else:
            action = rng.uniform(space.low, space.high, (*(() if lanes is None else (lanes,)), *space.shape)).astype(
                np.float32
            )
        observation, reward, terminated, truncated, _ = env.step(action)
        log.append(
            (
                observation.tobytes(),
                np.asarray(reward).tobytes(),
                np.asarray(terminated).tobytes(),
                np.asarray(truncated).tobytes(),
            )
        )
        if lanes is None and (terminated or truncated):
            log.append(env.reset()[0].tobytes())
    return log


@pytest.fixture(scope="module")
def quiet():
    """Runs that nothing disturbs."""
    runs = {}
    for env_id in IDS:
        env = groundtwin.Env(env_id)
        runs[env_id] = play(env, 120)
        env.close()
        env = groundtwin.VectorEnv(env_id, 3)
        runs[env_id, 3] = play(env, 120)
        env.close()
    return runs


@pytest.mark.parametrize("env_id", IDS)
def test_a_dropped_socket_changes_nothing(env_id, quiet):
    env = groundtwin.Env(env_id)
    session = env._link.session
    assert play(env, 120, lambda step: session.drop_socket() if step % 7 == 0 else None) == quiet[env_id]
    assert session.resumes >= 17
    assert session.rebuilds == 0
    env.close()


@pytest.mark.parametrize("way", [0, 1])
def test_a_connection_cut_at_any_byte_changes_nothing(way, proxy, server, quiet):
    env = groundtwin.Env("CartPole-v0", url=proxy.url, token=server.token)

    def fault(step):
        if step % 3 == 0:
            proxy.left[way] = 1 + 11 * (step // 3) % 240

    assert play(env, 120, fault) == quiet["CartPole-v0"]
    assert env._link.session.resumes > 10
    env.close()


def test_lanes_survive_cuts_too(proxy, server, quiet):
    env = groundtwin.VectorEnv("Reacher-v0", 3, url=proxy.url, token=server.token)

    def fault(step):
        if step % 9 == 0:
            proxy.left[step % 2] = 1 + 37 * step % 900

    assert play(env, 120, fault) == quiet["Reacher-v0", 3]
    env.close()


def kill(session):
    os.kill(session._endpoint._running.pid, signal.SIGKILL)


def test_a_killed_server_is_started_again_and_its_envs_built_again(quiet):
    env = groundtwin.Env("CartPole-v0")
    session = env._link.session
    assert isinstance(session._endpoint, Local)
    begun_s = time.monotonic()
    assert play(env, 120, lambda step: kill(session) if step == 60 else None) == quiet["CartPole-v0"]
    assert time.monotonic() - begun_s < 10
    assert session.rebuilds == 1
    env.close()


def test_lanes_are_built_again_from_their_last_snapshot(quiet, monkeypatch):
    env = groundtwin.VectorEnv("Reacher-v0", 3)
    session = env._link.session

    def fault(step):
        if step in (50, 90):
            env._link._take_snapshot()
            assert env._link.journal.entries == []
        if step == 100:
            assert len(env._link.journal.entries) == 10
            kill(session)

    assert play(env, 120, fault) == quiet["Reacher-v0", 3]
    assert session.rebuilds == 1
    env.close()


def test_snapshots_larger_than_a_message_bring_lanes_back():
    runs = []
    for is_killed in (False, True):
        env = groundtwin.VectorEnv("CartPole-v0", 300)
        env.reset(seed=1)
        for step in range(12):
            if is_killed and step == 6:
                env._link._take_snapshot()
                assert len(env._link.journal.snapshot) > env.session.max_frame_bytes
            if is_killed and step == 9:
                kill(env.session)
            last = env.step(np.full(300, step % 2))
        runs.append(last[0].tobytes())
        assert env.session.rebuilds == int(is_killed)
        env.close()
    assert runs[0] == runs[1]


def test_a_server_that_dies_again_while_envs_are_built_again(quiet):
    env = groundtwin.Env("CartPole-v0")
    session = env.session
    original = env._link.rebuild
    deaths = []

    def rebuild(raw):
        if len(deaths) < 2:
            deaths.append(1)
            kill(session)
        return original(raw)

    env._link.rebuild = rebuild
    assert play(env, 120, lambda step: kill(session) if step == 60 else None) == quiet["CartPole-v0"]
    assert len(deaths) == 2
    env.close()


def test_a_journal_that_grew_too_large_says_so(monkeypatch):
    env = groundtwin.VectorEnv("CartPole-v0", 2)
    env.reset(seed=1)
    monkeypatch.setattr(_journal, "_MAX_BYTES", 1000)
    for _ in range(30):
        env.step([0, 1])
    assert env._link.journal.problem is not None
    kill(env.session)
    with pytest.raises(ConnectionError, match="MiB of requests since its last snapshot"):
        env.step([0, 1])
    env.close()


def test_envs_may_be_stepped_from_threads(quiet):
    with groundtwin.connect() as session, ThreadPoolExecutor(4) as pool:
        envs = [groundtwin.Env("CartPole-v0", session=session) for _ in range(4)]
        runs = list(pool.map(lambda env: play(env, 120), envs))
    assert all(run == quiet["CartPole-v0"] for run in runs)


def test_branches_and_restores_are_built_again():
    env = groundtwin.Env("Reacher-v0")
    env.reset(seed=3)
    env.step([0.1, -0.1])
    saved = env.snapshot()
    lanes, _ = env.branch(2)
    env.step([0.5, 0.5])
    actions = np.array([[0.3, 0.1], [-0.2, 0.9]], np.float32)
    lanes.step(actions)
    twice = lanes.step(actions)[0]
    env.restore(saved)
    after = env.step([0.2, 0.2])[0]
    kill(env._link.session)
    env.restore(saved)
    assert env.step([0.2, 0.2])[0].tobytes() == after.tobytes()
    again, _ = env.branch(2)
    env.restore(saved)
    lanes2, observations = env.branch(2)
    assert observations[0].tobytes() == observations[1].tobytes()
    lanes2.step(actions)
    assert lanes2.step(actions)[0].tobytes() == twice.tobytes()
    kill(env._link.session)
    third = lanes.step(actions)[0]
    lanes2_third = lanes2.step(actions)[0]
    assert third.tobytes() == lanes2_third.tobytes()
    for one in (lanes, lanes2, again, env):
        one.close()


def test_an_interrupted_call_is_finished_by_the_next():
    env = groundtwin.VectorEnv("CartPole-v0", 2)
    reference = groundtwin.VectorEnv("CartPole-v0", 2)
    for one in (env, reference):
        one.reset(seed=1)
    link = env._link
    socket = link.session._socket
    assert socket is not None
    original = socket._sock

    class Interrupting:
        """Its next read is interrupted as by Ctrl-C."""

        def __getattr__(self, name):
            return getattr(original, name)

        def recv_into(self, _):
            raise KeyboardInterrupt

    socket._sock, socket._eager = Interrupting(), None
    with pytest.raises(KeyboardInterrupt):
        env.step([0, 1])
    reference.step([0, 1])
    for _ in range(3):
        assert env.step([1, 1])[0].tobytes() == reference.step([1, 1])[0].tobytes()
    assert len(link.journal.entries) == 5
    env.close()
    reference.close()


def interrupt_at(line):
    """Raises KeyboardInterrupt before that line, counted from 1, of those that carry a request; returns how many were run."""
    seen = 0

    def trace(frame, event, _):
        nonlocal seen
        if os.path.basename(frame.f_code.co_filename) not in {"_session.py", "_journal.py", "_link.py", "_socket.py"}:
            return None
        if event == "line":
            seen += 1
            if seen == line:
                sys.settrace(None)
                raise KeyboardInterrupt
        return trace

    sys.settrace(trace)


@pytest.mark.parametrize("op", ["step", "perturb"])
def test_wherever_a_call_is_interrupted_it_is_carried_out_and_noted_once_or_not_at_all(op):
    env = groundtwin.Env("CartPole-v0", max_episode_steps=None)
    link, line, interrupted = env._link, 0, True
    while interrupted:
        line += 1
        env.reset(seed=1)
        interrupt_at(line)
        try:
            env.step(1) if op == "step" else env.perturb({"poleMass_kg": 0.2})
            interrupted = False
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(None)
        # The first request after it finishes what was begun.
        saved = env.snapshot()
        noted = [entry[0] for entry in link.journal.entries]
        assert noted in (["reset"], ["reset", op]), line
        if op == "step":
            assert elapsed_steps(saved) == len(noted) - 1, line
        else:
            assert env.parameters()["poleMass_kg"] == (0.2 if len(noted) == 2 else 0.1), line
    assert line > 20
    env.close()


def test_a_server_that_stays_away_is_an_error_in_time():
    own = LocalServer()
    assert groundtwin.Settings().patience_s <= 8
    session = groundtwin.connect(own.url, token=own.token, settings=groundtwin.Settings(patience_s=1))
    env = groundtwin.Env("CartPole-v0", session=session)
    env.reset(seed=1)
    own.close()
    begun_s = time.monotonic()
    with pytest.raises(ConnectionError) as caught:
        env.step(0)
    assert time.monotonic() - begun_s < 3
    assert caught.value.code == "CONNECTION_LOST"
    assert own.url in str(caught.value)
    assert "The side that failed is the server" in str(caught.value)
    env.close()


def test_a_server_that_comes_back_elsewhere_is_taken(quiet):
    class Moving:
        """An address whose server is replaced."""

        server = LocalServer()

        def address(self):
            return self.server.url, self.server.token

        def check(self):
            return None

    endpoint = Moving()
    session = groundtwin.Session(endpoint)
    env = groundtwin.Env("CartPole-v0", session=session)

    def fault(step):
        if step == 40:
            os.kill(endpoint.server.pid, signal.SIGKILL)
            endpoint.server = LocalServer()

    assert play(env, 120, fault) == quiet["CartPole-v0"]
    session.close()
    endpoint.server.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_after_a_fork_goes_on_by_itself():
    env = groundtwin.Env("CartPole-v0")
    env.reset(seed=1)
    env.step(1)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writer, env.step(0)[0].tobytes())
            local_server().close()
        finally:
            os._exit(0)
    os.close(writer)
    theirs = os.read(reader, 100)
    os.waitpid(child, 0)
    assert env.step(0)[0].tobytes() == theirs
    assert env._link.session.resumes == 0
    env.close()


def test_no_server_outlives_a_killed_client():
    code = (
        "import groundtwin, os, time\n"
        "env = groundtwin.Env('CartPole-v0'); env.reset(seed=1)\n"
        "print(env._link.session._endpoint._running.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    client = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert client.stdout is not None
    pid = int(client.stdout.readline())
    client.kill()
    client.wait()
    client.stdout.close()
    deadline_s = time.monotonic() + 5
    while time.monotonic() < deadline_s and os.path.exists(f"/proc/{pid}"):
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}")


def test_closing_one_env_while_the_server_dies_closes_no_other():
    with groundtwin.connect() as session:
        one, other = (groundtwin.Env("CartPole-v0", session=session) for _ in range(2))
        reference = groundtwin.Env("CartPole-v0")
        for env in (one, other, reference):
            env.reset(seed=1)
        kill(session)
        one.close()
        assert other.step(1)[0].tobytes() == reference.step(1)[0].tobytes()
        assert session.rebuilds == 1
        reference.close()
