"""`groundtwin.Env` is an env as Gymnasium wants one."""

from __future__ import annotations

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import groundtwin


@pytest.mark.parametrize("env_id", groundtwin.env_ids())
def test_every_env_passes_gymnasium_s_own_check(env_id):
    env = gymnasium.make(f"groundtwin/{env_id}", render_mode="rgb_array", width=16, height=12)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(env.unwrapped, skip_render_check=True)
    env.close()


def test_the_check_of_pictures_passes_too():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_env(gymnasium.make("groundtwin/CartPole-v0", width=16, height=12).unwrapped)


def test_types_of_results():
    env = groundtwin.Env("CartPole-v0")
    observation, info = env.reset(seed=1)
    assert info == {"reward_terms": {"alive": 0.0}}
    after, reward, terminated, truncated, info = env.step(1)
    assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
    assert info == {"reward_terms": {"alive": 1.0}}
    for array in (observation, after):
        assert array.dtype == np.float32
        assert array.flags.writeable
        assert array.flags.owndata
        assert array in env.observation_space
    env.close()


def test_no_result_shares_memory_with_another():
    env = groundtwin.Env("Reacher-v0")
    seen = [env.reset(seed=1)[0]] + [env.step([0.1, 0.1])[0] for _ in range(5)]
    copies = [array.copy() for array in seen]
    for array in seen:
        array[:] = 0
    for i, array in enumerate(seen):
        assert not any(np.shares_memory(array, other) for other in seen[:i])
    env.step([0.1, 0.1])
    assert all((array == 0).all() for array in seen)
    assert copies[0].any()
    env.close()


def test_seeds_decide_everything_and_later_episodes_follow_from_them():
    env = groundtwin.Env("CartPole-v0")
    first = [env.reset(seed=9)[0], env.reset()[0], env.reset()[0]]
    again = [env.reset(seed=9)[0], env.reset()[0], env.reset()[0]]
    assert [a.tobytes() for a in first] == [a.tobytes() for a in again]
    assert len({a.tobytes() for a in first}) == 3
    assert env.reset(seed=9 + 2 * 2**32)[0].tobytes() == first[2].tobytes()
    env.reset(seed=2**70)
    other = groundtwin.Env("CartPole-v0")
    assert other.reset()[0].tobytes() not in {a.tobytes() for a in first}
    for one in (env, other):
        one.close()


def test_the_time_limit_is_the_one_asked_for():
    def length(env):
        env.reset(seed=1)
        for step in range(1, 70):
            _, _, terminated, truncated, _ = env.step([0.0, 0.0])
            if terminated or truncated:
                env.close()
                return step, truncated
        env.close()
        return None

    assert gymnasium.spec("groundtwin/Reacher-v0").max_episode_steps == 50
    assert length(gymnasium.make("groundtwin/Reacher-v0")) == (50, True)
    assert length(gymnasium.make("groundtwin/Reacher-v0", max_episode_steps=7)) == (7, True)
    assert length(gymnasium.make("groundtwin/Reacher-v0", max_episode_steps=60)) == (60, True)
    assert length(groundtwin.Env("Reacher-v0")) == (50, True)
    assert length(groundtwin.Env("Reacher-v0", max_episode_steps=60)) == (60, True)
    assert length(groundtwin.Env("Reacher-v0", max_episode_steps=None)) is None
    if hasattr(gymnasium.vector, "AutoresetMode"):
        assert length(gymnasium.make("groundtwin/Reacher-v0", max_episode_steps=-1)) is None


def test_a_restored_env_is_cut_off_at_its_own_step():
    env = gymnasium.make("groundtwin/Reacher-v0", max_episode_steps=20)
    env.reset(seed=1)
    for _ in range(15):
        env.step(np.zeros(2))
    saved = env.unwrapped.snapshot()
    env.reset(seed=2)
    env.step(np.zeros(2))
    groundtwin.restore(env, saved)
    assert [env.step(np.zeros(2))[3] for _ in range(5)] == [False] * 4 + [True]
    env.close()


def test_parameters_are_for_one_episode_or_for_all():
    env = groundtwin.Env("CartPole-v0", params={"poleHalfLength_m": 0.7})
    name = "poleHalfLength_m"
    assert name in env.describe()["params"]
    env.reset(seed=1)
    assert env.parameters()[name] == 0.7
    env.reset(seed=1, options={"params": {name: 0.4}})
    assert env.parameters()[name] == 0.4
    env.reset()
    assert env.parameters()[name] == 0.7
    env.close()


def test_pictures():
    env = gymnasium.make("groundtwin/CartPole-v0", render_mode="rgb_array", width=40, height=30)
    env.reset(seed=1)
    picture = env.render()
    assert (picture.shape, picture.dtype) == ((30, 40, 3), np.uint8)
    assert picture.std() > 0
    assert env.metadata["render_fps"] == 50
    env.close()
    blind = groundtwin.Env("CartPole-v0")
    blind.reset(seed=1)
    assert blind.render() is None
    blind.close()


def test_ids_with_the_module_need_no_import():
    env = gymnasium.make("groundtwin:groundtwin/CartPole-v0")
    assert env.spec is not None
    env.spec.to_json()
    env.close()


def test_episode_statistics_and_other_wrappers_work():
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make("groundtwin/CartPole-v0", max_episode_steps=5))
    env = gymnasium.wrappers.FlattenObservation(gymnasium.wrappers.ClipAction(env) if False else env)
    env.reset(seed=1)
    for _ in range(5):
        info = env.step(0)[4]
    assert info["episode"]["l"] == 5
    env.close()


def test_envs_in_the_workers_of_gymnasium_s_own_vector_env():
    env = gymnasium.vector.AsyncVectorEnv([lambda: gymnasium.make("groundtwin/CartPole-v0")] * 2)
    first, _ = env.reset(seed=[3, 4])
    env.close()
    own = groundtwin.VectorEnv("CartPole-v0", 2)
    assert own.reset(seed=3)[0].tobytes() == first.tobytes()
    own.close()
