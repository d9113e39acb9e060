"""Snapshots, branches, trajectories, states, scores, uploads, twins."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

import groundtwin
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
