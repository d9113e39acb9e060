"""Every env is registered with Gymnasium as it should be."""

from __future__ import annotations

import subprocess
import sys

import gymnasium

import groundtwin


def test_the_table_is_that_of_the_server(server):
    with groundtwin.connect(server.url, token=server.token) as session:
        listed = session.request("list")["envs"]
    assert [entry["id"] for entry in listed] == groundtwin.env_ids()
    for entry in listed:
        spec = gymnasium.spec(f"groundtwin/{entry['id']}")
        assert spec.max_episode_steps == entry["horizon"]
        assert spec.vector_entry_point == "groundtwin.vector:VectorEnv"
        spec.to_json()
    assert gymnasium.spec("groundtwin/CartPole-v0").reward_threshold == 475


def test_registering_again_changes_nothing():
    before = dict(gymnasium.registry)
    groundtwin.register_envs()
    assert dict(gymnasium.registry) == before


def test_importing_starts_nothing_and_is_fast():
    code = (
        "import time, threading, gymnasium, numpy; t = time.perf_counter(); import groundtwin;"
        "print(time.perf_counter() - t, threading.active_count())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, threads = done.stdout.split()
    assert float(seconds) < 1
    assert int(threads) == 1
