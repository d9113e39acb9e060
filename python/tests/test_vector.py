"""`groundtwin.VectorEnv` against Gymnasium's own SyncVectorEnv of the same envs, in every autoreset mode."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces, vector

import groundtwin

MODES = ["NextStep", "SameStep", "Disabled"]
needs_modes = pytest.mark.skipif(not hasattr(vector, "AutoresetMode"), reason="this Gymnasium has no autoreset modes")
LIMIT = 6


def peer(env_id, lanes, mode):
    def make():
        return gymnasium.make(f"groundtwin/{env_id}", max_episode_steps=LIMIT)

    return vector.SyncVectorEnv([make] * lanes, autoreset_mode=vector.AutoresetMode(mode))


def same(ours, theirs, where=""):
    """Same keys, dtypes, shapes and values, through dictionaries and arrays of objects."""
    assert type(ours) is type(theirs), where
    if isinstance(ours, dict):
        assert set(ours) == set(theirs), where
        for key in ours:
            same(ours[key], theirs[key], f"{where}.{key}")
    elif isinstance(ours, tuple) or (isinstance(ours, np.ndarray) and ours.dtype == object):
        for i, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            same(one, other, f"{where}[{i}]")
    elif isinstance(ours, np.ndarray):
        assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), where
        np.testing.assert_array_equal(ours, theirs, where)
    else:
        assert ours == theirs, where


@needs_modes
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("env_id", ["CartPole-v0", "Reacher-v0"])
def test_it_does_exactly_what_gymnasium_s_own_does(env_id, mode):
    lanes = 3
    ours = gymnasium.make_vec(f"groundtwin/{env_id}", lanes, autoreset_mode=mode, max_episode_steps=LIMIT)
    theirs = peer(env_id, lanes, mode)
    assert isinstance(ours, groundtwin.VectorEnv)
    assert ours.metadata["autoreset_mode"] is vector.AutoresetMode(mode)
    assert ours.autoreset_mode is vector.AutoresetMode(mode)
    for name in ("observation_space", "action_space", "single_observation_space", "single_action_space"):
        assert getattr(ours, name) == getattr(theirs, name)
    same(ours.reset(seed=4), theirs.reset(seed=4), "reset")
    ours.action_space.seed(1)
    for step in range(25):
        # Lanes that end at different times.
        if step == 3:
            mask = np.array([True, False, False])
            if mode == "Disabled":
                same(
                    ours.reset(options={"reset_mask": mask}), theirs.reset(options={"reset_mask": mask.copy()}), "mask"
                )
        actions = ours.action_space.sample()
        mine, its = ours.step(actions), theirs.step(actions)
        same(mine, its, f"step {step}")
        ended = mine[2] | mine[3]
        if mode == "Disabled" and ended.any():
            same(
                ours.reset(options={"reset_mask": ended}),
                theirs.reset(options={"reset_mask": ended.copy()}),
                "reset_mask",
            )
    ours.close()
    theirs.close()


def test_next_step_ignores_the_actions_of_lanes_that_are_reset():
    env = groundtwin.VectorEnv("Reacher-v0", 2, max_episode_steps=2)
    env.reset(seed=1)
    for _ in range(2):
        *_, truncations, _ = env.step(np.zeros((2, 2)))
    assert truncations.all()
    observations, rewards, terminations, truncations, _ = env.step(np.full((2, 2), np.nan, np.float32))
    assert not rewards.any()
    assert not (terminations | truncations).any()
    fresh = groundtwin.VectorEnv("Reacher-v0", 2)
    fresh.reset(seed=1)
    assert fresh.reset()[0].tobytes() == observations.tobytes()
    fresh.close()
    env.close()


@pytest.mark.parametrize("lanes", [1, 3, 17])
def test_a_lane_does_not_depend_on_the_others(lanes):
    env = groundtwin.VectorEnv("CartPole-v0", lanes, autoreset_mode="SameStep")
    single = groundtwin.Env("CartPole-v0")
    batch, _ = env.reset(seed=11)
    lane = lanes - 1
    own, _ = single.reset(seed=11 + lane)
    for step in range(40):
        assert own.tobytes() == batch[lane].tobytes()
        batch = env.step(np.full(lanes, step % 2))[0]
        own, _, terminated, truncated, _ = single.step(step % 2)
        if terminated or truncated:
            own, _ = single.reset()
    env.close()
    single.close()


def test_workers_change_nothing():
    runs = []
    for workers in (None, 2):
        env = groundtwin.VectorEnv("Reacher-v0", 4, workers=workers)
        run = [env.reset(seed=2)[0]] + [env.step(np.full((4, 2), 0.3, np.float32))[0] for _ in range(10)]
        runs.append(b"".join(array.tobytes() for array in run))
        env.close()
    assert runs[0] == runs[1]


def test_results_share_no_memory():
    env = groundtwin.VectorEnv("CartPole-v0", 4)
    results = [env.reset(seed=1)[0]]
    for _ in range(3):
        observations, rewards, terminations, truncations, info = env.step([0, 1, 0, 1])
        results += [
            observations,
            rewards,
            terminations,
            truncations,
            info["reward_terms"]["alive"],
            info["_reward_terms"],
        ]
    for i, array in enumerate(results):
        assert array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in results[:i])
    env.close()


def test_seeds_of_lanes():
    env = groundtwin.VectorEnv("CartPole-v0", 3)
    whole, _ = env.reset(seed=5)
    listed, _ = env.reset(seed=[5, 6, 7])
    assert whole.tobytes() == listed.tobytes()
    second, _ = env.reset()
    mixed, _ = env.reset(seed=[5, None, 7])
    assert mixed[0].tobytes() == whole[0].tobytes()
    assert mixed[1].tobytes() not in (whole[1].tobytes(), second[1].tobytes())
    env.close()
    drawn = groundtwin.VectorEnv("CartPole-v0", 3)
    rows = drawn.reset()[0]
    assert len({row.tobytes() for row in rows}) == 3
    drawn.close()


@needs_modes
def test_pictures_of_all_lanes():
    env = gymnasium.make_vec("groundtwin/CartPole-v0", 2, render_mode="rgb_array", width=16, height=12)
    env.reset(seed=1)
    pictures = env.render()
    assert [picture.shape for picture in pictures] == [(12, 16, 3)] * 2
    env.close()


@needs_modes
def test_vector_wrappers_of_gymnasium_work():
    env = gymnasium.make_vec("groundtwin/CartPole-v0", 2, max_episode_steps=4)
    env = gymnasium.wrappers.vector.DictInfoToList(gymnasium.wrappers.vector.RecordEpisodeStatistics(env))
    env.reset(seed=1)
    for _ in range(4):
        infos = env.step(env.action_space.sample())[4]
    assert [info["episode"]["l"] for info in infos] == [4, 4]
    assert infos[1]["reward_terms"] == {"alive": 1.0}
    env.close()


def test_spaces_of_lanes_are_batches():
    env = groundtwin.VectorEnv("CartPole-v0", 3)
    assert env.action_space == spaces.MultiDiscrete([2, 2, 2])
    assert env.observation_space.shape == (3, 4)
    env.close()


@pytest.mark.skipif(hasattr(vector, "AutoresetMode"), reason="wrappers of Gymnasium 0.29")
def test_wrappers_of_gymnasium_029_work():
    env = gymnasium.wrappers.RecordEpisodeStatistics(groundtwin.VectorEnv("CartPole-v0", 2, max_episode_steps=4))
    env.reset(seed=1)
    for step in range(4):
        info = env.step(np.array([step % 2] * 2))[4]
    assert info["episode"]["l"].tolist() == [4, 4]
    env.close()
    env = vector.VectorEnvWrapper(groundtwin.VectorEnv("CartPole-v0", 2))
    own = groundtwin.VectorEnv("CartPole-v0", 2)
    assert env.reset(seed=3)[0].tobytes() == own.reset(seed=3)[0].tobytes()
    assert env.step([0, 1])[0].tobytes() == own.step([0, 1])[0].tobytes()
    env.close()
    own.close()
