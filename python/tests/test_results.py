"""Spaces that no registered env has yet: dictionaries, images, several discrete choices; and what goes wrong in one lane."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import error, spaces

from groundtwin import _codec
from groundtwin._actions import action_encoder
from groundtwin._results import Results, snake_case
from groundtwin._spaces import Layout, space_from_json
from groundtwin.errors import GroundtwinError, make_error

GOAL = {
    "kind": "dict",
    "spaces": {
        "observation": {"kind": "box", "dtype": "float32", "shape": [2], "low": -1, "high": ["inf", 3]},
        "achieved_goal": {"kind": "box", "dtype": "float64", "shape": [], "low": "-inf", "high": "inf"},
        "image": {"kind": "box", "dtype": "uint8", "shape": [2, 2, 3], "low": 0, "high": 255},
        "mode": {"kind": "discrete", "n": 4},
        "digits": {"kind": "multiDiscrete", "nvec": [10, 10]},
    },
}


def observation_of(lanes, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "observation": rng.normal(size=(lanes, 2)).astype(np.float32),
        "achieved_goal": rng.normal(size=(lanes,)),
        "image": rng.integers(256, size=(lanes, 2, 2, 3)).astype(np.uint8),
        "mode": rng.integers(4, size=(lanes,)).astype(np.int32),
        "digits": rng.integers(10, size=(lanes, 2)).astype(np.int32),
    }


def read(results, ok, seq=7):
    frame = _codec.encode({"seq": seq, "ok": ok})
    return results.read(frame, _codec.split_seq(frame)[1])


def step_of(lanes, info, **more):
    return {
        "observation": observation_of(lanes),
        "reward": np.arange(lanes, dtype=np.float64).reshape(lanes, 1),
        "terminated": np.zeros(lanes, np.uint8),
        "truncated": np.ones(lanes, np.uint8),
        "info": info,
        **more,
    }


def test_spaces_are_gymnasium_s():
    space = space_from_json(GOAL)
    assert isinstance(space, spaces.Dict)
    assert list(space.spaces) == list(GOAL["spaces"])
    box = space["observation"]
    assert (box.dtype, box.low.tolist(), box.high.tolist()) == (np.float32, [-1, -1], [np.inf, 3])
    assert space["image"] == spaces.Box(0, 255, (2, 2, 3), np.uint8)
    assert space["mode"] == spaces.Discrete(4)
    assert space["digits"] == spaces.MultiDiscrete([10, 10])
    for wrong in (
        None,
        {},
        {"kind": "text"},
        {"kind": "box"},
        {"kind": "discrete", "n": 0},
        {"kind": "dict", "spaces": 3},
    ):
        with pytest.raises(GroundtwinError):
            space_from_json(wrong)


def test_a_single_env_with_a_dictionary():
    space = space_from_json(GOAL)
    results = Results(space, None)
    for seq in (7, 300):
        observation, reward, terminated, truncated, info = read(
            results, step_of(1, {"count": np.array([3], np.int32)}), seq
        )
        assert observation in space
        sent = observation_of(1)
        assert observation["image"].tobytes() == sent["image"].tobytes()
        assert observation["mode"] == sent["mode"][0]
        assert observation["digits"].dtype == np.int64
        assert (reward, terminated, truncated) == (0.0, False, True)
        assert info == {"count": 3}


def test_lanes_with_a_dictionary_and_their_ends():
    results = Results(space_from_json(GOAL), 3)
    final = {name: rows.reshape(3, -1) for name, rows in observation_of(3, seed=5).items()}
    info = {
        "rewardTerms": {"someTerm": np.ones(3)},
        "finalMask": np.array([0, 1, 0], np.uint8),
        "finalObservation": final,
        "finalInfo": {"rewardTerms": {"someTerm": np.array([1.0, 2, 3])}},
    }
    observation, reward, _, truncated, got = read(results, step_of(3, info))
    assert {name: rows.shape for name, rows in observation.items()} == {
        "observation": (3, 2),
        "achieved_goal": (3,),
        "image": (3, 2, 2, 3),
        "mode": (3,),
        "digits": (3, 2),
    }
    assert reward.tolist() == [0, 1, 2]
    assert truncated.dtype == bool
    assert got["_final_obs"].tolist() == [False, True, False]
    assert got["final_obs"][0] is None
    assert got["final_obs"][1]["image"].shape == (2, 2, 3)
    assert got["final_obs"][1]["observation"].tolist() == final["observation"][1].tolist()
    assert got["final_info"]["reward_terms"]["someTerm"][1] == 2
    assert got["final_info"]["_reward_terms"].tolist() == [False, True, False]


def test_what_went_wrong_in_a_lane_is_an_error_in_the_info():
    problem = make_error("PHYSICS_DIVERGED", "physics diverged", {"lane": 1})
    lanes = read(Results(space_from_json(GOAL), 2), step_of(2, {"problem": [None, problem]}))[4]
    assert lanes["problem"][0] is None
    assert lanes["problem"][1].code == "PHYSICS_DIVERGED"
    assert lanes["_problem"].tolist() == [False, True]
    single = Results(space_from_json(GOAL), None)
    assert read(single, step_of(1, {"problem": [problem]}))[4]["problem"].code == "PHYSICS_DIVERGED"
    assert read(single, step_of(1, {"problem": [None]}))[4] == {}


def test_replies_of_another_form_are_refused():
    results = Results(space_from_json(GOAL), 2)
    sound = step_of(2, {})
    read(results, sound)
    for name, value in (
        ("reward", np.zeros((3, 1))),
        ("reward", np.zeros((2, 1), np.float32)),
        ("terminated", np.zeros(2, np.int32)),
        ("observation", np.zeros(2, np.float32)),
        ("observation", {**observation_of(2), "mode": np.zeros(2, np.float32)}),
        ("observation", {"mode": np.zeros(2, np.int32)}),
    ):
        with pytest.raises(GroundtwinError, match="Bad message"):
            read(results, {**sound, name: value})
    frame = _codec.encode({"seq": 7, "ok": sound})
    with pytest.raises(GroundtwinError, match="Bad message"):
        results.read(frame + b"\0", _codec.split_seq(frame)[1])


@pytest.mark.parametrize("lanes", [None, 3])
def test_replies_with_wrong_bytes_are_refused_or_read_but_nothing_else(lanes):
    space = spaces.Dict({"pose": spaces.Box(-1, 1, (2,), np.float32), "mode": spaces.Discrete(3)})
    count = lanes or 1
    info = {"rewardTerms": {"alive": np.ones(count)}, "problem": [None] * count}
    if lanes:
        flat = {"pose": np.zeros((3, 2), np.float32), "mode": np.zeros((3, 1), np.int32)}
        info |= {"finalMask": np.ones(3, np.uint8), "finalObservation": flat, "finalInfo": {"count": np.ones(3)}}
    observation = {"pose": np.zeros((count, 2), np.float32), "mode": np.zeros(count, np.int32)}
    frame = _codec.encode({"seq": 7, "ok": {**step_of(count, info), "observation": observation}})
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(6000):
        broken = bytearray(frame)
        for at in rng.integers(min(len(frame), 420), size=rng.integers(1, 4)):
            broken[at] = rng.integers(256)
        seq, rest = _codec.split_seq(bytes(broken))
        if seq is None:
            continue
        for reads in (lambda f, r: Results(space, lanes).read(f, r), lambda f, _: _codec.decode(f)):
            try:
                reads(bytes(broken), rest)
            except GroundtwinError:
                refused += 1
    assert refused > 1000


def test_actions_of_a_dictionary():
    space = space_from_json(GOAL)
    layout = Layout(space, 2)
    encode = action_encoder("Env-v0", space, 2)
    action = observation_of(2)
    template = _codec.Template({"op": "step", "env": 1, "action": layout.references}, layout.tensors)
    sent = _codec.decode(template.fill(9, encode(action)))["action"]
    for name, rows in action.items():
        assert sent[name].tobytes() == rows.tobytes()
    alone = action_encoder("Env-v0", space, None)
    assert len(alone({name: rows[0] for name, rows in action.items()})) > 0
    for wrong in ({}, {**action, "more": 1}, 3, {**action, "mode": [0.5, 1]}):
        with pytest.raises(error.InvalidAction, match="Env-v0"):
            encode(wrong)


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("rewardTerms", "reward_terms"),
        ("finalObservation", "final_obs"),
        ("stepsSinceResync", "steps_since_resync"),
        ("twin", "twin"),
    ],
)
def test_keys(wire, python):
    assert snake_case(wire) == python
