"""Breaks clients, servers and sockets under a running loop of steps, and looks at what is left. A line of JSON a trial.

`python_faults.py trials SERVER_COMMAND… ` with `{"trials", "seed"}` on standard input; `python_faults.py loop` is the
loop of steps itself, in a process of its own: `{"url", "token", "steps"}` on its standard input.
"""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

ENV, LANES, STEPS = "CartPoleSwingUp-v0", 3, 4000
HANG_S = 10.0
#: A loop that is not disturbed takes a fraction of it.
LOOP_LIMIT_S = 60.0


# --- the loop, in a process of its own


def loop():
    import zlib

    import groundtwin
    import numpy as np
    from groundtwin import _server

    question = json.loads(sys.stdin.readline())
    longest_s, digest, step, began = 0.0, 0, 0, time.monotonic()
    try:
        env = groundtwin.VectorEnv(ENV, num_envs=LANES, url=question["url"], token=question["token"])
        observation, _ = env.reset(seed=5)
        owned = None if question["url"] else _server.local_server().pid
        print(json.dumps({"ready": True, "server": owned}), flush=True)
        actions = np.random.default_rng(7)
        for step in range(question["steps"]):
            began = time.monotonic()
            result = env.step(actions.uniform(-1, 1, (LANES, 1)).astype(np.float32))
            longest_s = max(longest_s, time.monotonic() - began)
            for part in result[:4]:
                digest = zlib.crc32(np.ascontiguousarray(part).tobytes(), digest)
        session = env.session
        answer = {"done": True, "resumes": session.resumes, "rebuilds": session.rebuilds}
        env.close()
    except groundtwin.GroundtwinError as error:
        longest_s = max(longest_s, time.monotonic() - began)
        answer = {"done": False, "code": error.code, "message": str(error), "retryable": error.retryable}
    print(json.dumps({**answer, "steps": step + 1, "digest": digest, "longest_s": longest_s}), flush=True)


class Loop:
    def __init__(self, url=None, token=None, steps=STEPS):
        self.process = subprocess.Popen([sys.executable, "-u", __file__, "loop"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(json.dumps({"url": url, "token": token, "steps": steps}), file=self.process.stdin, flush=True)
        self.timer = threading.Timer(LOOP_LIMIT_S, self.process.kill)
        self.timer.start()
        self.ready = self.read()

    def read(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else {"done": False, "code": "none", "message": "the loop was killed, or ended without a word"}

    def end(self):
        """What it says at its end."""
        answer = self.read()
        self.timer.cancel()
        self.process.stdin.close()
        self.process.wait()
        return answer

    def kill(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()


# --- servers and sockets that break


class Server:
    def __init__(self, command, port=0, token="fault-drill"):
        self.command, self.token = command, token
        self.process = None
        self.port = port
        self.start()

    def start(self):
        arguments = [*self.command, "serve", "--json", "--port", str(self.port)]
        environment = {**os.environ, "GROUNDTWIN_TOKEN": self.token}
        self.process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
        self.port = json.loads(self.process.stdout.readline())["port"]

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}"

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Proxy:
    """Hands bytes on, and resets both sides after so many of them in either direction."""

    def __init__(self, port, cuts):
        self.target, self.cuts, self.made = port, list(cuts), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"ws://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            # Of one connection: bytes that are let through, and which way they are counted.
            way, budget = self.cuts.pop(0) if self.cuts else (0, float("inf"))
            for index, (source, sink) in enumerate(((client, server), (server, client))):
                limit = budget if index == way else float("inf")
                threading.Thread(target=self.pump, args=(source, sink, limit), daemon=True).start()

    def pump(self, source, sink, limit):
        try:
            while chunk := source.recv(4096):
                if len(chunk) >= limit:
                    sink.sendall(chunk[: int(limit)])
                    self.made += 1
                    break
                limit -= len(chunk)
                sink.sendall(chunk)
        except OSError:
            pass
        for side in (source, sink):
            try:
                side.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            side.close()

    def close(self):
        self.listener.close()


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gone_within(pid, limit_s):
    deadline = time.monotonic() + limit_s
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not is_alive(pid)


# --- trials: each answers with what was wrong, an empty list if nothing was


def wrong_in(end, reference, sign):
    """`sign`: what the client counts where a drill has hit it."""
    wrong = [] if end.get(sign, 1) else [f"the drill hit nothing: no {sign}"]
    if not end["done"]:
        wrong.append(f"it ended with {end['code']}: {end['message'][:200]}")
    elif end["digest"] != reference["digest"] or end["steps"] != reference["steps"]:
        wrong.append("the trajectory differs: a step was applied twice, or one was lost")
    if end.get("longest_s", 0) > HANG_S:
        wrong.append(f"a step took {end['longest_s']:.1f} s")
    return wrong


def client_killed(command, rng, reference):
    one = Loop(steps=10**6)
    time.sleep(rng.uniform(0, 0.3))
    one.kill()
    return [] if gone_within(one.ready["server"], HANG_S) else ["its server lived on"]


def own_server_killed(command, rng, reference):
    one = Loop()
    time.sleep(rng.uniform(0, 0.15))
    os.kill(one.ready["server"], signal.SIGKILL)
    wrong = wrong_in(one.end(), reference, "rebuilds")
    return wrong if gone_within(one.ready["server"], HANG_S) else [*wrong, "the killed server lives"]


def server_restarted(command, rng, reference):
    server = Server(command)
    try:
        one = Loop(server.url, server.token)
        time.sleep(rng.uniform(0, 0.15))
        server.kill()
        time.sleep(rng.uniform(0, 1))
        server.start()
        return wrong_in(one.end(), reference, "rebuilds")
    finally:
        server.kill()


def server_gone(command, rng, reference):
    server = Server(command)
    one = Loop(server.url, server.token, steps=10**6)
    time.sleep(rng.uniform(0, 0.15))
    server.kill()
    end = one.end()
    wrong = []
    if end["done"] or end["code"] in ("none", "INTERNAL"):
        wrong.append(f"it ended with {end.get('code')}")
    if "server" not in end.get("message", "") or str(server.port) not in end.get("message", ""):
        wrong.append(f"the error does not say which side failed: {end.get('message', '')[:200]}")
    if end.get("longest_s", 0) > HANG_S:
        wrong.append(f"it took {end['longest_s']:.1f} s to say so")
    return wrong


def socket_cut(command, rng, reference):
    server = Server(command)
    # A run sends and gets some 200 to 400 kB; the greeting is left alone, what breaks then is another trial's business.
    proxy = Proxy(server.port, [(rng.randrange(2), rng.randrange(2000, 60000)) for _ in range(3)])
    try:
        end = Loop(proxy.url, server.token).end()
        wrong = wrong_in(end, reference, "resumes")
        return wrong if proxy.made else [*wrong, "no socket was cut"]
    finally:
        proxy.close()
        server.kill()


SHARES = ((client_killed, 0.2), (own_server_killed, 0.2), (server_restarted, 0.2), (server_gone, 0.05), (socket_cut, 0.35))


def trials(command):
    question = json.loads(sys.stdin.readline())
    count, rng = question["trials"], random.Random(question["seed"])
    reference = Loop().end()
    if not reference["done"]:
        raise SystemExit(f"an undisturbed loop fails: {reference}")
    kinds = [kind for kind, share in SHARES for _ in range(round(share * count))]
    rng.shuffle(kinds)
    for kind in kinds:
        began = time.monotonic()
        try:
            wrong = kind(command, rng, reference)
        except Exception as error:
            wrong = [f"{type(error).__name__}: {error}"]
        print(json.dumps({"kind": kind.__name__, "wrong": wrong, "seconds": round(time.monotonic() - began, 2)}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "loop":
        loop()
    else:
        trials(sys.argv[2:])
