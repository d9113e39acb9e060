"""Stand-ins for programs that launching meets, and how to wait for processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def program(path: Path, script: str) -> Path:
    """A shell script in place of a program."""
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)
    return path


def fake_node(path: Path, version: str) -> Path:
    """Says it is this version of Node; runs nothing."""
    return program(path, f'[ "$1" = "--version" ] && echo "v{version}" && exit 0\nexit 9')


def wait_until(holds: Callable[[], bool], limit_s: float = 10.0) -> bool:
    """Whether it held in time."""
    end = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def runs(pid: int) -> bool:
    """Whether there is such a process; one that has ended and was not waited for does not count."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except FileNotFoundError:
        if os.path.isdir("/proc/self"):
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def python(code: str, *arguments: str) -> subprocess.Popen[str]:
    """A Python process that runs this code, with the package on its path."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
