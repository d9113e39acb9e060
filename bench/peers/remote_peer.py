"""Ways to step an env that lives elsewhere, timed one after the other when asked. One question a line of JSON, one answer.

`{"op": "open", "url", "token", "server_pid"}` opens all of them; this process and every server keep to one core each.
`{"op": "time", "way", "steps"}` answers with the median of a step's time and the time of all, s.
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import gymnasium
import numpy as np

OBSERVATION, ACTION = 27, 8
CLIENT_CORE, SERVER_CORE = 1, 0


def pin(pid, core):
    """All threads of a process."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            os.sched_setaffinity(int(thread), {core})
        except ProcessLookupError:
            pass


class Noop(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-1, 1, (OBSERVATION,), np.float32)
    action_space = gymnasium.spaces.Box(-1, 1, (ACTION,), np.float32)

    def __init__(self):
        self.observation = np.zeros(OBSERVATION, np.float32)

    def reset(self, *, seed=None, options=None):
        return self.observation, {}

    def step(self, action):
        return self.observation, 0.0, False, False, {}


class Gymnasium:
    """`AsyncVectorEnv`: a process a lane."""

    def __init__(self, lanes):
        self.env = gymnasium.vector.AsyncVectorEnv([Noop] * lanes)
        self.env.reset(seed=1)
        self.actions = self.env.action_space.sample()
        for process in self.env.processes:
            pin(process.pid, SERVER_CORE)

    def step(self):
        self.env.step(self.actions)

    def close(self):
        self.env.close()


class Ours:
    """`groundtwin.Env` for one lane, `groundtwin.VectorEnv` for more."""

    def __init__(self, env_id, lanes, url, token):
        import groundtwin

        if lanes == 1:
            self.env = groundtwin.Env(env_id, url=url, token=token)
        else:
            self.env = groundtwin.VectorEnv(env_id, num_envs=lanes, url=url, token=token)
        self.env.reset(seed=1)
        self.actions = self.env.action_space.sample()

    def step(self):
        self.env.step(self.actions)

    def close(self):
        self.env.close()


def openenv_parts():
    from openenv.core import EnvClient
    from openenv.core.client_types import StepResult
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, Observation, State

    class NoopAction(Action):
        values: list[float] = []

    class NoopObservation(Observation):
        values: list[float] = []

    class NoopEnvironment(Environment):
        SUPPORTS_CONCURRENT_SESSIONS = True

        def __init__(self):
            super().__init__()
            self._state = State(episode_id="1", step_count=0)

        def reset(self, seed=None, episode_id=None, **kwargs):
            return NoopObservation(values=[0.0] * OBSERVATION, done=False, reward=0.0)

        def step(self, action, timeout_s=None, **kwargs):
            return NoopObservation(values=[0.0] * OBSERVATION, done=False, reward=0.0)

        @property
        def state(self):
            return self._state

    class NoopClient(EnvClient[NoopAction, NoopObservation, State]):
        def _step_payload(self, action):
            return {"values": action.values}

        def _parse_result(self, payload):
            observation = NoopObservation(values=payload["observation"]["values"])
            return StepResult(observation=observation, reward=payload.get("reward"), done=payload.get("done", False))

        def _parse_state(self, payload):
            return State(episode_id=payload.get("episode_id"), step_count=payload.get("step_count", 0))

    return NoopAction, NoopObservation, NoopEnvironment, NoopClient


def serve_openenv(port):
    import threading

    import uvicorn

    # Whoever asks may be killed: then its pipe ends, and so does this.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    from openenv.core.env_server.http_server import create_app

    action, observation, environment, _ = openenv_parts()
    app = create_app(environment, action, observation, env_name="noop", max_concurrent_envs=4)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="error")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class OpenEnv:
    """Its asynchronous client, the faster of its two, over its own server."""

    def __init__(self):
        port = free_port()
        self.server = subprocess.Popen([sys.executable, __file__, "serve-openenv", str(port)], stdin=subprocess.PIPE, stdout=sys.stderr)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1)
                break
            except OSError:
                if time.monotonic() > deadline or self.server.poll() is not None:
                    raise
                time.sleep(0.2)
        action, _, _, client = openenv_parts()
        self.loop = asyncio.new_event_loop()
        self.client = client(base_url=f"http://127.0.0.1:{port}")
        self.action = action(values=[0.5] * ACTION)
        self.loop.run_until_complete(self._begin())
        pin(self.server.pid, SERVER_CORE)

    async def _begin(self):
        await self.client.connect()
        await self.client.reset()

    async def _times(self, steps):
        times = []
        for _ in range(steps):
            began = time.perf_counter()
            await self.client.step(self.action)
            times.append(time.perf_counter() - began)
        return times

    def times(self, steps):
        return self.loop.run_until_complete(self._times(steps))

    def close(self):
        self.server.kill()
        self.server.wait()


def times_of(way, steps):
    if hasattr(way, "times"):
        return way.times(steps)
    times = []
    for _ in range(steps):
        began = time.perf_counter()
        way.step()
        times.append(time.perf_counter() - began)
    return times


def open_ways(url, token, server_pid):
    pin(server_pid, SERVER_CORE)
    ways = {
        "ours": Ours("Noop-v0", 1, url, token),
        "ours64": Ours("Noop-v0", 64, url, token),
        "cartpole1024": Ours("CartPole-v0", 1024, url, token),
        "async": Gymnasium(1),
        "async64": Gymnasium(64),
        "openenv": OpenEnv(),
    }
    pin(os.getpid(), CLIENT_CORE)
    return ways


def main():
    ways = {}
    try:
        for line in sys.stdin:
            question = json.loads(line)
            try:
                if question["op"] == "open":
                    ways = open_ways(question["url"], question["token"], question["server_pid"])
                    answer = {"ways": list(ways)}
                else:
                    times = times_of(ways[question["way"]], question["steps"])
                    answer = {"p50_s": statistics.median(times), "total_s": sum(times)}
            except Exception as error:
                answer = {"error": f"{type(error).__name__}: {error}"}
            print(json.dumps(answer), flush=True)
    finally:
        for way in ways.values():
            way.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve-openenv"]:
        serve_openenv(int(sys.argv[2]))
    else:
        main()
