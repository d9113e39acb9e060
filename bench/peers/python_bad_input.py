"""What Python users get wrong, and what they are told. One line of JSON a case: `{"case", "wrong"}`, wrong is "" where all is well.

A case is well when the exception is of every class that is named (what a Gymnasium user catches, and ours), says what
must be named, and when the env, where there is one, goes on afterwards with the very bits of one that was left alone.
"""

import json
import socket
import sys
import threading
import time

import gymnasium
import numpy as np
from gymnasium import error

import groundtwin

CART, SWING = "groundtwin/CartPole-v0", "groundtwin/CartPoleSwingUp-v0"
#: No case may take longer.
LIMIT_S = 10.0


def told(action, classes, words):
    """What is wrong with how `action` fails."""
    began = time.monotonic()
    try:
        action()
    except Exception as raised:
        problems = [f"is no {wanted.__name__}" for wanted in classes if not isinstance(raised, wanted)]
        if classes not in GYMNASIUM and not isinstance(raised, groundtwin.GroundtwinError):
            problems.append("is none of ours")
        text = str(raised)
        problems += [f"does not say {word!r}" for word in words if word.lower() not in text.lower()]
        if time.monotonic() - began > LIMIT_S:
            problems.append(f"took {time.monotonic() - began:.1f} s")
        return f"{type(raised).__name__}: {text[:200]}: {', '.join(problems)}" if problems else ""
    return "nothing was raised"


# --- cases with an env: (name, action on it, classes, words); the env must be unharmed

ACTION = (error.InvalidAction, ValueError)
OPTION = (ValueError,)
#: What Gymnasium itself raises, in its own words: seeds are checked by it, masks as it does.
SEED, MASK_TYPE, MASK = (error.Error,), (TypeError, Exception), (ValueError, Exception)
GYMNASIUM = (SEED, MASK_TYPE, MASK)


def box_cases():
    f32 = np.float32
    yield "an action outside", lambda env: env.step(np.array([1.5], f32)), ACTION, ["-1", "1", "1.5"]
    yield "a NaN", lambda env: env.step(np.array([np.nan], f32)), ACTION, ["nan"]
    yield "an infinity", lambda env: env.step(np.array([np.inf], f32)), ACTION, ["inf"]
    yield "too many numbers", lambda env: env.step(np.zeros(2, f32)), ACTION, ["1", "2"]
    yield "no numbers", lambda env: env.step(np.zeros(0, f32)), ACTION, ["1"]
    yield "another rank", lambda env: env.step(np.zeros((1, 1), f32)), ACTION, ["1"]
    yield "text", lambda env: env.step("left"), ACTION, ["str"]
    yield "None", lambda env: env.step(None), ACTION, ["None"]
    yield "a dictionary", lambda env: env.step({"push": 1.0}), ACTION, ["dict"]
    yield "complex numbers", lambda env: env.step(np.array([1j])), ACTION, ["complex"]
    yield "an unknown parameter", lambda env: env.reset(options={"params": {"mas_kg": 1.0}}), OPTION, ["mas_kg", "poleMass_kg"]
    yield "a parameter that is no number", lambda env: env.reset(options={"params": {"poleMass_kg": "heavy"}}), (), ["poleMass_kg"]
    yield "a parameter that is not finite", lambda env: env.reset(options={"params": {"poleMass_kg": float("nan")}}), OPTION, ["poleMass_kg", "finite"]
    yield "a mass below nothing", lambda env: env.reset(options={"params": {"poleMass_kg": -1.0}}), OPTION, ["mass"]
    yield "an unknown option of reset", lambda env: env.reset(options={"parms": {}}), OPTION, ["parms", "params"]
    yield "options that are a list", lambda env: env.reset(options=["params"]), (), ["options"]
    yield "a seed below nothing", lambda env: env.reset(seed=-1), SEED, ["-1"]
    yield "a seed that is a fraction", lambda env: env.reset(seed=1.5), SEED, ["integer"]
    yield "a snapshot that is text", lambda env: env.unwrapped.restore("snapshot"), OPTION, ["bytes"]
    yield "a snapshot of nothing", lambda env: env.unwrapped.restore(b""), OPTION, ["snapshot"]
    yield "a damaged snapshot", lambda env: env.unwrapped.restore(damaged(env.unwrapped.snapshot())), OPTION, ["snapshot"]
    yield "a snapshot of another env", lambda env: env.unwrapped.restore(foreign_snapshot()), OPTION, ["CartPole-v0", "CartPoleSwingUp-v0"]
    yield "a branch of no lanes", lambda env: env.unwrapped.branch(0), OPTION, ["1"]
    yield "a rollout of the wrong shape", lambda env: env.unwrapped.rollout(np.zeros((3, 2), f32)), ACTION, ["1"]
    yield "an evaluation by an unknown policy", lambda env: env.unwrapped.evaluate("best"), (), ["best"]


def damaged(snapshot):
    broken = bytearray(snapshot)
    broken[len(broken) // 2] ^= 0x40
    return bytes(broken)


def foreign_snapshot():
    env = gymnasium.make(CART)
    env.reset(seed=1)
    try:
        return env.unwrapped.snapshot()
    finally:
        env.close()


def discrete_cases():
    yield "an action of another number", lambda env: env.step(2), ACTION, ["0", "1", "2"]
    yield "an action below", lambda env: env.step(-1), ACTION, ["-1"]
    yield "half an action", lambda env: env.step(0.5), ACTION, ["0.5"]
    yield "a list of actions", lambda env: env.step([0, 1]), ACTION, []


def vector_cases():
    f32 = np.float32
    yield "actions of too few lanes", lambda env: env.step(np.zeros((2, 1), f32)), ACTION, ["3"]
    yield "actions without the last axis", lambda env: env.step(np.zeros(3, f32)), ACTION, ["3", "1"]
    yield "one NaN among lanes", lambda env: env.step(np.array([[0], [np.nan], [0]], f32)), ACTION, ["nan", "1"]
    yield "seeds of too few lanes", lambda env: env.reset(seed=[1, 2]), OPTION, ["3"]
    yield "a mask of integers", lambda env: env.reset(options={"reset_mask": np.ones(3, np.int64)}), MASK_TYPE, ["bool"]
    yield "a mask of too few lanes", lambda env: env.reset(options={"reset_mask": np.ones(2, np.bool_)}), MASK, ["3"]
    yield "a mask of nobody", lambda env: env.reset(options={"reset_mask": np.zeros(3, np.bool_)}), MASK, ["True"]
    yield "a lane that is not there", lambda env: env.unwrapped.snapshot(7), OPTION, ["7", "2"]


def trajectory(env, actions):
    return [part for action in actions for part in env.step(action)[:4]]


def same(left, right):
    return all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(left, right, strict=True))


def on_env(make, cases, actions):
    """Every case on a running env; what follows must be what follows without it."""
    untouched = make()
    untouched.reset(seed=3)
    expected = [trajectory(untouched, actions), trajectory(untouched, actions)]
    untouched.close()
    for name, action, classes, words in cases:
        env = make()
        env.reset(seed=3)
        before = trajectory(env, actions)
        wrong = told(lambda: action(env), classes, words)
        try:
            after = trajectory(env, actions)
            if not (same(before, expected[0]) and same(after, expected[1])):
                wrong = f"{wrong}; the env went on otherwise"
        except Exception as raised:
            wrong = f"{wrong}; the env did not go on: {type(raised).__name__}: {raised}"
        env.close()
        yield name, wrong


# --- cases without one


def make_cases():
    make = gymnasium.make
    yield "an unknown id", lambda: groundtwin.Env("CartPol-v0"), (error.NameNotFound, error.UnregisteredEnv), ["CartPol-v0", "CartPole-v0"]
    yield "an unknown backend", lambda: make(SWING, backend="dream"), OPTION, ["dream", "truth", "twin"]
    yield "a model backend without a model", lambda: make(SWING, backend="model"), OPTION, ["model"]
    yield "a model folder that is not there", lambda: make(SWING, backend="model", model="./no/such"), (FileNotFoundError,), ["no/such"]
    yield "an unknown engine", lambda: make(SWING, engine="bullet"), OPTION, ["bullet", "rapier"]
    yield "an unknown render mode", lambda: groundtwin.Env("CartPole-v0", render_mode="human"), (), ["human", "rgb_array"]
    yield "no lanes", lambda: groundtwin.VectorEnv("CartPole-v0", num_envs=0), OPTION, ["num_envs", "1"]
    yield "more lanes than a server takes", lambda: groundtwin.VectorEnv("CartPole-v0", num_envs=10**6), (), ["lanes"]
    yield "an unknown autoreset mode", lambda: groundtwin.VectorEnv("CartPole-v0", num_envs=2, autoreset_mode="later"), OPTION, ["later", "NextStep"]
    yield "no steps an episode", lambda: groundtwin.Env("CartPole-v0", max_episode_steps=0), OPTION, ["max_episode_steps"]
    yield "an address that is none", lambda: groundtwin.Env("CartPole-v0", url="localhost"), (ConnectionError,), ["localhost"]
    yield "a port where nobody is", lambda: groundtwin.Env("CartPole-v0", url=nobody()), (ConnectionError,), ["127.0.0.1", "serve"]
    yield "a wrong token", lambda: groundtwin.Env("CartPole-v0", url=own_url(), token="wrong"), (ConnectionError, PermissionError), ["token"]
    yield "a server of another kind", lambda: groundtwin.Env("CartPole-v0", url=answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")), (ConnectionError,), ["groundtwin.v1"]
    yield "a server of another version", lambda: groundtwin.Env("CartPole-v0", url=other_version()), (ConnectionError,), ["groundtwin.v1"]
    yield "a server that hangs up", lambda: groundtwin.Env("CartPole-v0", url=answering(b"")), (ConnectionError,), ["127.0.0.1"]


def before_reset():
    env = groundtwin.Env("CartPole-v0")
    try:
        env.step(0)
    finally:
        env.close()


def after_the_end():
    env = groundtwin.Env("CartPole-v0")
    env.reset(seed=1)
    try:
        for _ in range(1000):
            _, _, terminated, truncated, _ = env.step(1)
            if terminated or truncated:
                break
        env.step(1)
    finally:
        env.close()


def after_close(call):
    def action():
        env = groundtwin.Env("CartPole-v0")
        env.reset(seed=1)
        env.close()
        env.close()
        call(env)

    return action


def life_cases():
    closed = (error.ClosedEnvironmentError,)
    yield "a step before reset", before_reset, (error.ResetNeeded,), ["reset"]
    yield "a step after the end", after_the_end, (error.ResetNeeded,), ["reset"]
    yield "a step after close", after_close(lambda env: env.step(0)), closed, ["closed", "make"]
    yield "a reset after close", after_close(lambda env: env.reset()), closed, ["closed", "make"]
    yield "a snapshot after close", after_close(lambda env: env.snapshot()), closed, ["closed"]
    yield "a picture after close", after_close(lambda env: env.render()), closed, ["closed"]


def own_url():
    from groundtwin import _server

    return _server.local_server().url


def nobody():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{probe.getsockname()[1]}"


def answering(reply):
    """A server that says one thing to everybody and hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            with client:
                client.recv(65536)
                client.sendall(reply)

    threading.Thread(target=serve, daemon=True).start()
    return f"ws://127.0.0.1:{listener.getsockname()[1]}"


def other_version():
    """A WebSocket server that agrees to the upgrade, and to no subprotocol of ours."""
    import base64
    import hashlib

    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        while True:
            client, _ = listener.accept()
            with client:
                request = client.recv(65536).decode("latin-1")
                key = next(line.split(":", 1)[1].strip() for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key"))
                accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
                client.sendall(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
                time.sleep(0.5)

    threading.Thread(target=serve, daemon=True).start()
    return f"ws://127.0.0.1:{listener.getsockname()[1]}"


def all_cases():
    box_actions = [np.array([value], np.float32) for value in (0.5, -0.25, 1.0)]
    yield from on_env(lambda: gymnasium.make(SWING), box_cases(), box_actions)
    yield from on_env(lambda: gymnasium.make(CART), discrete_cases(), [0, 1])
    many = [np.full((3, 1), value, np.float32) for value in (0.5, -0.25)]
    yield from on_env(lambda: groundtwin.VectorEnv("CartPoleSwingUp-v0", num_envs=3), vector_cases(), many)
    for name, action, classes, words in (*make_cases(), *life_cases()):
        yield name, told(action, classes, words)


if __name__ == "__main__":
    for case, wrong in all_cases():
        print(json.dumps({"case": case, "wrong": wrong}), flush=True)
    sys.exit(0)
