"""Gaps that a server measures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import groundtwin
from groundtwin._server import LocalServer

MODEL = Path(__file__).parents[2] / "examples" / "pytorch-model"
QUICK = {"axes": ["none"], "size": "small", "samples": 20}


def connected(server: LocalServer) -> groundtwin.Session:
    return groundtwin.connect(server.url, token=server.token)


@pytest.mark.skipif(not MODEL.is_dir(), reason="needs the example model of the repository")
def test_a_model_of_this_machine_is_measured_row_by_row(tmp_path):
    stages = []
    report = groundtwin.gap(
        "groundtwin/Pendulum-v0", model=MODEL, on_progress=lambda *news: stages.append(news), **QUICK
    )
    assert {row.id for row in report.rows} >= {"H1", "H4", "C1", "C2"}
    effect = report.row("C1")
    assert effect.verdict in ("PASS", "FAIL", "INCONCLUSIVE")
    assert effect.low <= effect.measured <= effect.high
    assert report.row("H1", 40).horizon == 40
    assert report.row("A1").verdict == "NOT_APPLICABLE"
    assert report.row("A1").measured is None and report.row("A1").reason
    with pytest.raises(KeyError):
        report.row("Z9")
    assert report.verdict == report.data["verdict"] and report.data["starts"] == 64
    assert "/" not in report.data["metadata"]["command"], "it tells nobody where the server keeps things"
    assert len({stage for stage, _, _ in stages}) > 1
    assert all(0 <= done <= of for _, done, of in stages)
    report.save(tmp_path / "gap.json")
    assert json.loads((tmp_path / "gap.json").read_text("utf-8")) == report.data


class StopError(Exception):
    """Of a caller who has seen enough."""


def test_who_stops_looking_ends_it_and_the_session_goes_on(server):
    def stop(*_: object) -> None:
        raise StopError

    with connected(server) as session:
        for _ in range(3):
            # A session has one at once: the one before is gone.
            with pytest.raises(StopError):
                groundtwin.gap("Pendulum-v0", subject="truth", session=session, on_progress=stop, **QUICK)
        env = groundtwin.Env("Pendulum-v0", session=session)
        env.reset(seed=1)
        env.close()


def test_a_deadline_is_kept():
    with pytest.raises(TimeoutError, match="gap took longer") as caught:
        groundtwin.gap("Pendulum-v0", subject="truth", deadline_s=0.05)
    assert caught.value.code == "STEP_DEADLINE"


def test_what_cannot_be_measured_is_refused_by_name():
    with pytest.raises(groundtwin.errors.UnknownEnvError):
        groundtwin.gap("Nowhere-v0", subject="truth")
    with pytest.raises(FileNotFoundError):
        groundtwin.gap("Pendulum-v0", model="no/such/model")
    with pytest.raises(TypeError, match="axes"):
        groundtwin.gap("Pendulum-v0", subject="truth", axes="agent")
    for options in (
        {"subject": "ws://127.0.0.1:1"},
        {"subject": "truth:/etc/passwd*2"},
        {"subject": "truth", "axes": ["beauty"]},
        {"subject": "truth", "axes": []},
        {"subject": "truth", "condition": ["colour"]},
        {"subject": "truth", "deadline_s": -1.0},
        {"subject": "truth:mass_kg"},
        {},
    ):
        with pytest.raises(ValueError, match="gap"):
            groundtwin.gap("Pendulum-v0", **options)


def test_a_server_that_ends_meanwhile_is_followed_by_another():
    with LocalServer() as first, LocalServer() as second:
        session = connected(first)
        moved = []

        def move(*_: object) -> None:
            if not moved:
                moved.append(True)
                session._endpoint = groundtwin._session.Remote(second.url, second.token)
                first.close()

        report = groundtwin.gap("Pendulum-v0", subject="truth", session=session, on_progress=move, **QUICK)
        assert session.rebuilds == 1
        assert report.row("C1").verdict == "PASS"
        session.close()
