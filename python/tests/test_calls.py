"""Snapshots, branches, trajectories, states, scores, uploads, twins."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import gymnasium
import numpy as np
import pytest

import groundtwin
import policies
from groundtwin import _journal, _session
from groundtwin._calls import elapsed_steps

MODEL = Path(__file__).parents[2] / "examples" / "pytorch-model"


@pytest.fixture
def env():
    made = groundtwin.Env("Reacher-v0")
    made.reset(seed=3)
    yield made
    made.close()


def actions_of(steps, lanes=None, seed=0):
    shape = (steps, 2) if lanes is None else (steps, lanes, 2)
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


def test_a_restored_env_goes_on_bit_for_bit(env):
    actions = actions_of(20)
    for action in actions[:5]:
        env.step(action)
    saved = env.snapshot()
    assert isinstance(saved, bytes)
    assert elapsed_steps(saved) == 5
    expected = [env.step(action)[0].tobytes() for action in actions[5:]]
    observation = env.restore(saved)
    assert observation.shape == (10,)
    assert [env.step(action)[0].tobytes() for action in actions[5:]] == expected
    other = groundtwin.Env("Reacher-v0")
    other.restore(saved)
    assert [other.step(action)[0].tobytes() for action in actions[5:]] == expected
    other.close()


def test_an_unseeded_reset_after_restore_is_that_of_the_run_it_came_from(env):
    saved = env.snapshot()
    expected = env.reset()[0].tobytes()
    env.reset(seed=99)
    env.restore(saved)
    assert env.reset()[0].tobytes() == expected


def test_branches_start_where_the_env_stands(env):
    for action in actions_of(4):
        env.step(action)
    lanes, observations = env.branch(3)
    assert observations.shape == (3, 10)
    plans = actions_of(6, 3, seed=1)
    saved = env.snapshot()
    for lane in range(3):
        env.restore(saved)
        own = [env.step(action) for action in plans[:, lane]]
        if lane == 2:
            last = own
    for step, action in enumerate(plans):
        result = lanes.step(action)
        assert result[0][2].tobytes() == last[step][0].tobytes()
        assert result[1][2] == last[step][1]
    env.restore(saved)
    back = env.branch_into(lanes, lanes=[1])
    assert back.tobytes() == observations[:1].tobytes()
    other = groundtwin.VectorEnv("Reacher-v0", 2)
    with pytest.raises(ValueError, match="another session"):
        env.branch_into(other)
    other.close()
    lanes.close()
    env.step([0, 0])


def test_a_rollout_is_the_same_as_its_steps(env):
    actions = actions_of(30)
    trajectory = env.rollout(actions, infos=True)
    assert len(trajectory) == 30
    env.reset(seed=3)
    steps = [env.step(action) for action in actions]
    assert trajectory.observations.tobytes() == b"".join(step[0].tobytes() for step in steps)
    assert trajectory.rewards.tolist() == [step[1] for step in steps]
    assert trajectory.infos["reward_terms"]["effort"].tolist() == [step[4]["reward_terms"]["effort"] for step in steps]
    assert not trajectory.terminations.any()
    env.reset(seed=3)
    assert len(env.rollout(actions_of(80))) == 50
    assert env.rollout is not None


def test_a_rollout_of_lanes_goes_through_ends_and_message_sizes():
    one, other = (groundtwin.VectorEnv("Reacher-v0", 5, autoreset_mode="SameStep") for _ in range(2))
    for env in (one, other):
        env.reset(seed=1)
    one._link.session._max_frame_bytes = 5000
    actions = actions_of(120, 5)
    trajectory = one.rollout(actions)
    steps = [other.step(action) for action in actions]
    assert trajectory.observations.shape == (120, 5, 10)
    assert trajectory.observations.tobytes() == b"".join(step[0].tobytes() for step in steps)
    assert (trajectory.truncations == np.array([step[3] for step in steps])).all()
    for wrong in (actions[:, :4], actions[..., :1], 3):
        with pytest.raises(ValueError, match="Reacher-v0"):
            one.rollout(wrong)
    with pytest.raises(ValueError, match=r"shape \('steps', 5, 2\), got \(3, 5\)"):
        one.rollout(np.zeros((3, 5)))
    one.close()
    other.close()


def test_discrete_rollouts_take_integers():
    env = groundtwin.Env("CartPole-v0")
    env.reset(seed=1)
    trajectory = env.rollout([0, 1] * 4)
    assert trajectory.observations.shape == (8, 4)
    with pytest.raises(ValueError):
        env.rollout([0.5, 1])
    env.close()


def test_states_and_parameters(env):
    state = env.state()
    entries = {entry["name"]: entry for entry in env.describe()["state"]}
    assert set(state) == set(entries)
    assert all(rows.shape == (entries[name]["size"],) for name, rows in state.items())
    assert set(env.parameters()) <= set(env.describe()["params"])
    lanes = groundtwin.VectorEnv("Reacher-v0", 3)
    lanes.reset(seed=3)
    name = next(iter(state))
    assert lanes.state()[name].shape == (3, entries[name]["size"])
    assert lanes.state()[name][0].tolist() == state[name].tolist()
    lanes.close()


def test_perturbations_change_truth_in_the_midst_of_an_episode():
    env, calm = groundtwin.Env("CartPole-v0"), groundtwin.Env("CartPole-v0")
    for one in (env, calm):
        one.reset(seed=1)
        one.step(1)
    env.perturb({"poleMass_kg": 0.5})
    assert env.parameters()["poleMass_kg"] == 0.5
    assert env.step(1)[0].tobytes() != calm.step(1)[0].tobytes()
    env.close()
    calm.close()


def test_evaluation_on_the_server():
    env = groundtwin.VectorEnv("Reacher-v0", 4, autoreset_mode="Disabled")
    first = env.evaluate("random", seed=1, policy_seed=2)
    assert first.lengths.tolist() == [50] * 4
    assert first.returns.shape == (4,)
    assert env.evaluate("random", seed=[1, 2, 3, 4], policy_seed=2).returns.tolist() == first.returns.tolist()
    assert env.evaluate("random", seed=1, policy_seed=3).returns.tolist() != first.returns.tolist()
    assert env.evaluate(seed=1, max_steps=7).lengths.tolist() == [7] * 4
    env.close()
    single = groundtwin.Env("CartPole-v0")
    assert single.evaluate().lengths.shape == (1,)
    single.close()


def test_what_is_no_policy_is_refused(tmp_path):
    env = groundtwin.Env("Reacher-v0")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        env.evaluate(tmp_path / "nowhere.onnx")
    with pytest.raises((ValueError, RuntimeError)):
        env.evaluate(b"no onnx")
    with pytest.raises(ValueError):
        env.evaluate("sha256:" + "0" * 64)
    env.close()


def test_files_go_in_parts_and_only_once(server):
    session = groundtwin.connect(server.url, token=server.token)
    asked = []
    ask = session.ask

    def counting(link, op, fields):
        asked.append(op)
        return ask(link, op, fields)

    session.ask = counting
    data = np.random.default_rng(1).bytes(3_000_000)
    assert session.upload(data) == hashlib.sha256(data).hexdigest()
    assert asked == ["upload", "chunk", "chunk", "chunk"]
    asked.clear()
    session.upload(data)
    assert asked == ["upload"]
    session.close()


def test_snapshots_larger_than_a_message_are_uploaded():
    env = groundtwin.VectorEnv("CartPole-v0", 3)
    env.reset(seed=1)
    env.step([0, 1, 0])
    env._link.session._max_frame_bytes = 5000
    saved = env.snapshot(1)
    assert len(saved) > 1000
    expected = env.step([1, 1, 1])[0][1].tobytes()
    env._link.session._max_frame_bytes = 4200
    env.restore(saved, lane=1)
    assert env._link.journal.entries[-1][1].uploaded is not None
    env._link.session.drop_socket()
    assert env.step([1, 1, 1])[0][1].tobytes() == expected
    env.close()


@pytest.mark.skipif(not MODEL.is_dir(), reason="needs the example model of the repository")
def test_a_model_of_this_machine_is_uploaded():
    task = json.loads((MODEL / "manifest.json").read_text())["task"]
    env_id = task["id"] if isinstance(task, dict) else task
    env = groundtwin.Env(env_id, backend="model", model=MODEL)
    assert env.kind == "model"
    env.reset(seed=1)
    assert np.isfinite(env.step(env.action_space.sample())[0]).all()
    assert env.twin is None
    twin = groundtwin.Env(env_id, backend="twin", model=str(MODEL), resync={"every": 4})
    twin.reset(seed=1)
    for steps in range(1, 5):
        info = twin.step(twin.action_space.sample())[4]["twin"]
        assert info["steps_since_resync"] == steps
    assert info["resynced"] is True
    assert set(info) >= {"truth", "prediction", "error", "uncertainty", "other_reward", "other_terminated"}
    both = twin.twin
    assert both is not None
    assert all((difference == 0).all() for difference in both.difference().values())
    twin.step(twin.action_space.sample())
    assert any((difference != 0).any() for difference in both.difference().values())
    lanes = groundtwin.VectorEnv(env_id, 2, backend="twin", model=MODEL, resync="never")
    lanes.reset(seed=1)
    columns = lanes.step(lanes.action_space.sample())[4]["twin"]
    assert columns["_error"].all()
    assert columns["resynced"].dtype == bool
    for one in (env, twin, lanes):
        one.close()


def test_sessions_may_be_shared(server):
    with groundtwin.connect(server.url, token=server.token) as session:
        one = groundtwin.Env("CartPole-v0", session=session)
        two = groundtwin.VectorEnv("CartPole-v0", 2, session=session)
        one.reset(seed=1)
        two.reset(seed=1)
        one.branch_into(two, lanes=[0])
        one.close()
        two.step([0, 0])
        two.close()
        two = groundtwin.VectorEnv("CartPole-v0", 2, session=session)
        two.reset(seed=1)
        assert "rollout" in session.server_info["capabilities"]
    with pytest.raises(groundtwin.errors.ClosedError):
        two.step([0, 0])


@pytest.mark.parametrize(
    ("env_id", "graph", "act"),
    [
        ("Reacher-v0", policies.REACHER, lambda seen: np.clip(seen[:, 2:4] * np.float32(-3), -1, 1)),
        ("CartPole-v0", policies.CARTPOLE, lambda seen: seen[:, 1:3].argmax(axis=1)),
    ],
)
def test_an_onnx_policy_plays_on_the_server_what_it_would_play_here(env_id, graph, act, tmp_path):
    env = groundtwin.VectorEnv(env_id, 3, autoreset_mode="Disabled")
    played = env.evaluate(graph, seed=5)
    file = tmp_path / "mine.onnx"
    file.write_bytes(graph)
    assert env.evaluate(file, seed=5).returns.tolist() == played.returns.tolist()
    observations, _ = env.reset(seed=5)
    returns, lengths, running = np.zeros(3), np.zeros(3, int), np.ones(3, bool)
    while running.any():
        observations, rewards, terminations, truncations, _ = env.step(act(observations))
        returns += rewards * running
        lengths += running
        ended = terminations | truncations
        running &= ~ended
        if ended.any() and running.any():
            # Lanes that have ended go on in an episode that does not count.
            observations, _ = env.reset(options={"reset_mask": ended})
    assert played.lengths.tolist() == lengths.tolist()
    np.testing.assert_allclose(played.returns, returns, rtol=1e-12)
    assert played.returns.tolist() != env.evaluate("random", seed=5).returns.tolist()
    env.close()


def test_a_policy_of_another_shape_is_refused_by_name():
    env = groundtwin.Env("CartPole-v0")
    with pytest.raises(ValueError, match="observation"):
        env.evaluate(policies.REACHER)
    env.close()


def test_policies_are_not_kept_without_end(monkeypatch):
    monkeypatch.setattr(_session, "_KEPT_UPLOAD_BYTES", 5000)
    env = groundtwin.Env("Reacher-v0")
    for i in range(8):
        env.session.publish("policy", {"policy.onnx": bytes([i]) * 1000})
    assert len(env.session._published) == 5
    env.close()


@pytest.mark.skipif(not MODEL.is_dir(), reason="needs the example model of the repository")
def test_a_twin_gives_back_its_last_steps_of_truth(tmp_path):
    model = shutil.copytree(MODEL, tmp_path / "model")
    manifest = json.loads((model / "manifest.json").read_text())
    manifest["trust"] = {
        # Of the inputs cosine, sine, velocity and torque, and of the two elements that are predicted.
        "familiarity": {
            "mean": [0.0] * 4,
            "covariance": np.eye(4).ravel().tolist(),
            "spread": [1.0, 1.0],
            "distance": [0.0, 9.0],
            "disagreement": None,
        },
        "drift": {"factor": [1.0, 1.0], "gate": 0.9, "threshold": 50.0},
    }
    (model / "manifest.json").write_text(json.dumps(manifest))
    env = groundtwin.Env("Pendulum-v0", backend="twin", model=model, drift=True)
    env.reset(seed=1)
    actions = np.linspace(-1, 1, 6, dtype=np.float32)[:, None]
    states, infos = [], []
    for action in actions:
        infos.append(env.step(action)[4])
        states.append(np.concatenate(list(env.state().values())))
    assert {"statistic", "alarm", "alarm_step"} <= set(infos[-1]["twin"]["drift"])
    recent = env.twin.recent()
    assert len(recent) == 6
    np.testing.assert_array_equal(recent.next_state, states)
    np.testing.assert_array_equal(recent.state[1:], recent.next_state[:-1])
    np.testing.assert_allclose(recent.action, actions)
    assert recent.episode.tolist() == [recent.episode[0]] * 6
    env.close()


def test_planning_by_branches_and_rollouts_keeps_the_journal_short(env, monkeypatch):
    lanes, _ = env.branch(3)
    for _ in range(4):
        env.branch_into(lanes)
        lanes.rollout(actions_of(3, 3))
    assert [op for op, _ in lanes._link.journal.entries] == ["branch", "rollout"]
    monkeypatch.setattr(_journal, "_SNAPSHOT_EVERY_S", 0.0)
    monkeypatch.setattr(_journal, "_SHARE", 0.0)
    lanes.rollout(actions_of(3, 3))
    assert lanes._link.journal.entries == []
    assert lanes._link.journal.snapshot is not None
    lanes.close()


def test_an_env_that_was_never_reset_may_be_restored_through_its_wrappers(env):
    saved = env.snapshot()
    expected = env.step([0.1, 0.1])[0]
    wrapped = gymnasium.make("groundtwin/Reacher-v0")
    groundtwin.restore(wrapped, saved)
    assert wrapped.step(np.array([0.1, 0.1], np.float32))[0].tobytes() == expected.tobytes()
    wrapped.close()


def test_an_env_that_nobody_holds_is_closed_with_the_next_request():
    with groundtwin.connect() as session:
        stays = groundtwin.Env("CartPole-v0", session=session)
        stays.reset(seed=1)
        for make in (groundtwin.Env, lambda *a, **o: groundtwin.VectorEnv(*a, num_envs=2, **o)):
            gone = make("CartPole-v0", session=session)
            handle = gone._link.handle
            socket = session._socket
            receive = socket.receive

            def collecting(*args, receive=receive, socket=socket):
                nonlocal gone
                # As by the garbage collector in the midst of a request.
                gone = None
                socket.receive = receive
                return receive(*args)

            socket.receive = collecting
            stays.step(0)
            assert session._pending is None
            stays.step(0)
            assert session._links == [stays._link]
            with pytest.raises(groundtwin.errors.ClosedError):
                session.request("step", env=handle, action=np.zeros(1, np.int32))
    alone = groundtwin.Env("CartPole-v0")
    session = alone.session
    del alone
    assert session.closed


def test_branches_of_a_twin_go_on_as_it_does():
    env = groundtwin.Env("Pendulum-v0", backend="twin", model=MODEL, resync=3)
    env.reset(seed=2)
    env.step(np.array([0.5], np.float32))
    lanes, _ = env.branch(3)
    action = np.array([-0.25], np.float32)
    for _ in range(5):
        one, many = env.step(action), lanes.step(np.tile(action, (3, 1)))
        for lane in range(3):
            np.testing.assert_array_equal(many[0][lane], one[0])
            np.testing.assert_array_equal(
                many[4]["twin"]["steps_since_resync"][lane], one[4]["twin"]["steps_since_resync"]
            )
    lanes.close()
    env.close()
