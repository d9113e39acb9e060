"""Stable-Baselines3 takes groundtwin's lanes; skipped where it is not installed."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("stable_baselines3")

from stable_baselines3.common.env_checker import check_env

import groundtwin
from groundtwin.sb3 import GroundtwinVecEnv, make_vec_env


def test_ends_are_told_as_sb3_wants_them():
    env = make_vec_env("groundtwin/Reacher-v0", 3, seed=1, max_episode_steps=4)
    first = env.reset()
    own = groundtwin.VectorEnv("Reacher-v0", 3, autoreset_mode="SameStep", max_episode_steps=4)
    assert own.reset(seed=1)[0].tobytes() == first.tobytes()
    for _ in range(4):
        observations, rewards, dones, infos = env.step(np.zeros((3, 2), np.float32))
        expected = own.step(np.zeros((3, 2), np.float32))
    assert rewards.dtype == np.float32
    assert dones.all()
    assert observations.tobytes() == expected[0].tobytes()
    for lane, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert info["terminal_observation"].tobytes() == expected[4]["final_obs"][lane].tobytes()
        assert info["episode"]["l"] == 4
        assert set(info["reward_terms"]) == {"distance", "effort"}
    assert env.get_attr("num_envs") == [3, 3, 3]
    assert len(env.env_method("snapshot")) == 3
    assert env.get_images() == [None] * 3
    env.close()
    own.close()


def test_options_of_a_reset_reach_the_lanes_once():
    env = make_vec_env("CartPole-v0", 2, seed=1)
    env.set_options({"params": {"poleHalfLength_m": 0.7}})
    env.reset()
    assert env.unwrapped.env.parameters()["poleHalfLength_m"].tolist() == [0.7, 0.7]
    env.reset()
    assert env.unwrapped.env.parameters()["poleHalfLength_m"].tolist() == [0.5, 0.5]
    env.set_options([{"params": {"poleHalfLength_m": 0.7}}, {}])
    with pytest.raises(ValueError, match="for all lanes"):
        env.reset()
    env.close()


def test_sb3_s_check_passes():
    env = groundtwin.Env("CartPole-v0")
    check_env(env)
    env.close()


def test_another_autoreset_mode_is_refused():
    env = groundtwin.VectorEnv("CartPole-v0", 2)
    with pytest.raises(ValueError, match="SameStep"):
        GroundtwinVecEnv(env)
    env.close()
