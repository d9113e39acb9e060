"""What a user does wrong raises what a Gymnasium user expects, with the way out in the text."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium import error

import groundtwin


@pytest.fixture(scope="module")
def discrete():
    env = groundtwin.Env("CartPole-v0")
    env.reset(seed=1)
    yield env
    env.close()


@pytest.fixture(scope="module")
def box():
    env = groundtwin.Env("Reacher-v0")
    env.reset(seed=1)
    yield env
    env.close()


@pytest.fixture(scope="module")
def lanes():
    env = groundtwin.VectorEnv("CartPole-v0", 3)
    env.reset(seed=1)
    yield env
    env.close()


@pytest.mark.parametrize(
    "action", [2, -1, 2**40, 1.0, "1", None, [0, 1], np.array([0.5]), np.array([1, 0]), 1j, {}, object()]
)
def test_actions_that_a_discrete_space_does_not_have(discrete, action):
    with pytest.raises(error.InvalidAction, match="CartPole-v0"):
        discrete.step(action)


@pytest.mark.parametrize("action", [1, np.int64(1), np.int32(0), np.uint8(1), np.array(1), np.array([1]), True])
def test_actions_that_it_has(action):
    env = groundtwin.Env("CartPole-v0")
    env.reset(seed=1)
    assert env.step(action)[1] == 1
    env.close()


@pytest.mark.parametrize(
    "action",
    [
        [0.1],
        [0.1, 0.1, 0.1],
        [[0.1, 0.1]],
        0.1,
        "ab",
        ["a", "b"],
        None,
        [None, None],
        [[1], [2, 3]],
        [1j, 0],
        [np.nan, 0],
        [np.inf, 0],
        [-np.inf, 0],
        [1e40, 0],
        [1.5, 0],
        {"a": 1},
    ],
)
def test_actions_that_a_box_does_not_have(box, action):
    with pytest.raises(error.InvalidAction, match="Reacher-v0") as caught:
        box.step(action)
    assert isinstance(caught.value, ValueError)
    assert caught.value.code.startswith("ACTION_")


def test_the_message_of_an_action_outside_names_gymnasium_s_way_out(box):
    with pytest.raises(error.InvalidAction, match=r"action\[0\] is 1.5, outside \[-1, 1\].*ClipAction"):
        box.step([1.5, 0])


def test_the_env_goes_on_after_a_refused_action(box):
    box.reset(seed=7)
    expected = box.step([0.1, 0.2])[0]
    box.reset(seed=7)
    for action in ([np.nan, 0], [9, 9], [0]):
        with pytest.raises(error.InvalidAction):
            box.step(action)
    assert box.step([0.1, 0.2])[0].tobytes() == expected.tobytes()


@pytest.mark.parametrize(
    "actions",
    [[0, 1], [[0], [1], [0]], [0.0, 1.0, 0.0], 1, [0, 1, 2], [0, 1, -1], [0, 1, 2**32], ["a", "b", "c"], None],
)
def test_actions_of_lanes(lanes, actions):
    with pytest.raises(error.InvalidAction, match="CartPole-v0"):
        lanes.step(actions)


def test_an_element_of_a_lane_is_named(lanes):
    with pytest.raises(error.InvalidAction, match=r"action\[0\] of lane 2 is 5, no integer within \[0, 1\]"):
        lanes.step([0, 1, 5])


def test_stepping_before_reset_and_after_the_end():
    env = groundtwin.Env("CartPole-v0", max_episode_steps=1)
    with pytest.raises(error.ResetNeeded, match="reset"):
        env.step(0)
    with pytest.raises(error.ResetNeeded):
        env.snapshot()
    env.reset(seed=1)
    env.step(0)
    with pytest.raises(error.ResetNeeded, match="reset"):
        env.step(0)
    env.close()


@pytest.mark.parametrize(
    "make", [lambda: groundtwin.Env("CartPole-v0"), lambda: groundtwin.VectorEnv("CartPole-v0", 2)]
)
def test_a_closed_env(make):
    env = make()
    env.reset(seed=1)
    env.close()
    env.close()
    for call in (
        lambda: env.step(0),
        env.reset,
        env.render,
        env.snapshot,
        lambda: env.restore(b""),
        lambda: env.rollout([0]),
        env.state,
    ):
        with pytest.raises(error.ClosedEnvironmentError, match="closed"):
            call()


def test_unknown_ids():
    with pytest.raises(error.UnregisteredEnv, match="CartPole-v0"):
        groundtwin.Env("CartPol-v0")
    with pytest.raises(error.NameNotFound, match="Did you mean"):
        groundtwin.VectorEnv("CartPole-v7", 2)
    with pytest.raises(error.UnregisteredEnv):
        gymnasium.make("groundtwin/Nothing-v0")
    with pytest.raises(ValueError, match="env_id"):
        groundtwin.Env(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "kind", "text"),
    [
        ({"backend": "dream"}, ValueError, "'truth', 'model' or 'twin'"),
        ({"backend": "model"}, ValueError, "model"),
        ({"backend": "model", "model": "nowhere"}, FileNotFoundError, "nowhere"),
        ({"backend": "model", "model": "./nowhere"}, FileNotFoundError, "nowhere"),
        ({"engine": "bullet"}, ValueError, "rapier"),
        ({"observe": "model"}, ValueError, "twin"),
        ({"render_mode": "ascii"}, ValueError, "rgb_array"),
        ({"max_episode_steps": 0}, ValueError, "at least 1"),
        ({"max_episode_steps": 1.5}, ValueError, "at least 1"),
        ({"randomize": {"nothing": [1, 2]}}, ValueError, "nothing"),
        ({"nonsense": 1}, TypeError, "nonsense"),
        ({"session": None, "url": "ws://127.0.0.1:1"}, ConnectionError, "Cannot connect to ws://127.0.0.1:1"),
        ({"url": "http//x"}, ConnectionError, "Cannot connect"),
    ],
)
def test_options(options, kind, text):
    with pytest.raises(kind, match=text):
        groundtwin.Env("CartPole-v0", **options)


@pytest.mark.parametrize("lanes", [0, -1, 1.5, "2", None, True, 10**9])
def test_numbers_of_lanes(lanes):
    with pytest.raises((ValueError, RuntimeError, error.Error)):
        groundtwin.VectorEnv("CartPole-v0", lanes)


def test_autoreset_modes():
    with pytest.raises(ValueError, match="NextStep"):
        groundtwin.VectorEnv("CartPole-v0", 2, autoreset_mode="never")


@pytest.mark.parametrize("seed", [-1, 1.5, "7"])
def test_seeds(discrete, lanes, seed):
    for env in (discrete, lanes):
        with pytest.raises((error.Error, ValueError, TypeError)):
            env.reset(seed=seed)


def test_options_of_reset(discrete, lanes):
    with pytest.raises(ValueError, match="params"):
        discrete.reset(options={"param": {}})
    with pytest.raises(ValueError, match="gravity"):
        discrete.reset(options={"params": {"gravitation": 1}})
    for env in (discrete, lanes):
        with pytest.raises(TypeError, match="poleMass_kg is 'heavy'; it must be a number"):
            env.reset(options={"params": {"poleMass_kg": "heavy"}})
        with pytest.raises(TypeError, match="options of reset"):
            env.reset(options=["params"])
    with pytest.raises(TypeError):
        lanes.reset(options={"reset_mask": [True, False, True]})
    with pytest.raises(TypeError):
        lanes.reset(options={"reset_mask": np.ones(3)})
    with pytest.raises(ValueError):
        lanes.reset(options={"reset_mask": np.ones(2, bool)})
    with pytest.raises(ValueError):
        lanes.reset(options={"reset_mask": np.zeros(3, bool)})
    with pytest.raises(ValueError, match="list of 3"):
        lanes.reset(seed=[1, 2])


def test_snapshots(discrete, box):
    discrete.reset(seed=1)
    saved = discrete.snapshot()
    with pytest.raises(ValueError, match="belongs to another env"):
        box.restore(saved)
    with pytest.raises(ValueError, match="checksum"):
        discrete.restore(saved[:-1] + bytes([saved[-1] ^ 1]))
    for nonsense in (b"", b"nonsense", saved[:40]):
        with pytest.raises(ValueError, match="not a usable groundtwin snapshot"):
            discrete.restore(nonsense)
    with pytest.raises(ValueError, match="bytes"):
        discrete.restore("text")
    with pytest.raises(ValueError, match="lane"):
        discrete.restore(saved, lane=1)


def test_tokens(server):
    with pytest.raises(PermissionError, match="the token is not the one it expects"):
        groundtwin.connect(server.url, token="wrong")
    with pytest.raises(ConnectionError, match="it wants a token and none was given"):
        groundtwin.connect(server.url)


def test_another_protocol(server, monkeypatch):
    from groundtwin import _session, _socket

    monkeypatch.setattr(_session, "PROTOCOL", "groundtwin.v9")
    with pytest.raises(ConnectionError, match=r"groundtwin\.v1.*Install the same groundtwin"):
        groundtwin.connect(server.url, token=server.token)
    monkeypatch.setattr(_socket, "PROTOCOL", "groundtwin.v9")
    with pytest.raises(ConnectionError, match="does not speak"):
        groundtwin.connect(server.url, token=server.token)


def test_a_server_of_something_else():
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    web = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    with pytest.raises(ConnectionError, match=r"does not speak groundtwin\.v1.*Check the address"):
        groundtwin.connect(f"ws://127.0.0.1:{web.server_port}")
    web.shutdown()
    web.server_close()


def test_a_websocket_server_that_is_not_groundtwin():
    import base64
    import hashlib
    import socket
    import threading

    listener = socket.create_server(("127.0.0.1", 0))

    def answer():
        peer, _ = listener.accept()
        request = peer.recv(65536).decode()
        key = next(
            line.split(": ")[1] for line in request.split("\r\n") if line.lower().startswith("sec-websocket-key")
        )
        accept = base64.b64encode(
            hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()
        ).decode()
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
        peer.sendall(f"{head}\r\nSec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        peer.recv(1)
        peer.close()

    threading.Thread(target=answer, daemon=True).start()
    with pytest.raises(ConnectionError, match=r"does not speak groundtwin\.v1: it did not agree to the subprotocol"):
        groundtwin.connect(f"ws://127.0.0.1:{listener.getsockname()[1]}")
    listener.close()


def test_a_batch_too_large_for_one_message():
    env = groundtwin.VectorEnv("Reacher-v0", 2)
    env.reset(seed=1)
    env._link.session._max_frame_bytes = 64
    with pytest.raises(ValueError, match="the server takes 64"):
        env.step(np.zeros((2, 2)))
    env._link.session._max_frame_bytes = 1 << 20
    assert env.step(np.zeros((2, 2)))[0].shape == (2, 10)
    env.close()


def test_a_request_that_the_server_cannot_read_is_as_if_never_sent(discrete):
    first = discrete.reset(seed=5)[0]
    with pytest.raises(groundtwin.errors.NotTakenError, match="Bad message"):
        discrete.reset(seed=6, options={"params": {f"p{i}": 1 for i in range(5000)}})
    expected = discrete.step(1)[0]
    discrete.reset(seed=5)
    assert discrete.step(1)[0].tobytes() == expected.tobytes() != first.tobytes()


def test_errors_survive_copying():
    import copy

    made = groundtwin.errors.make_error("ACTION_SHAPE", "text", {"env": "x"})
    again = copy.copy(made)
    assert (type(again), str(again), again.code, again.details) == (type(made), "text", "ACTION_SHAPE", {"env": "x"})


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"model": "small"}, "model"),
        ({"resync": 16}, "resync"),
        ({"observe": "model"}, "observe"),
        ({"drift": True}, "drift"),
        ({"backend": "model", "model": "small", "observe": "truth"}, "observe"),
        ({"width": 0}, "width"),
        ({"height": 1.5}, "height"),
        ({"token": "secret"}, "token"),
        ({"randomize": {"poleMass_kg": (0.2, 0.05)}}, "poleMass_kg"),
    ],
)
def test_options_that_would_be_for_nothing_are_refused(options, named):
    with pytest.raises(ValueError, match=named):
        groundtwin.Env("CartPoleSwingUp-v0", **options)


def test_a_model_that_is_nowhere_says_how_to_get_one():
    with pytest.raises(FileNotFoundError, match="groundtwin demo"):
        groundtwin.Env("CartPoleSwingUp-v0", backend="model", model="nowhere")


def test_an_address_that_is_none_says_how_it_is_written():
    with pytest.raises(ConnectionError, match="ws://127"):
        groundtwin.Env("CartPole-v0", url="127.0.0.1:7777")


def test_a_side_that_there_is_none_of(box):
    with pytest.raises(ValueError, match="side"):
        box.state("other")


def test_a_policy_that_is_nowhere_is_no_model(box):
    with pytest.raises(FileNotFoundError, match="'random', the path"):
        box.evaluate("randm")


def test_ranges_may_be_pairs():
    env = groundtwin.Env("CartPoleSwingUp-v0", randomize={"poleMass_kg": (0.05, 0.06)})
    env.reset(seed=1)
    assert 0.05 <= env.parameters()["poleMass_kg"] <= 0.06
    env.close()
