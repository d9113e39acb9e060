"""``python -m groundtwin setup``: installs the native ONNX runtime, which the wheel leaves out, for this user."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ._node import find_node, find_npm, packages_folder, server_manifest
from .errors import GroundtwinError

#: npm packages by the option that asks for them; without any, the first.
_PACKAGES = {"onnx": "onnxruntime-node", "mujoco": "@mujoco/mujoco"}
_INSTALL_LIMIT_S = 900


def command(arguments: Sequence[str]) -> int:
    """Runs ``setup``; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m groundtwin setup",
        description="Install the native ONNX runtime with npm, for this user: models run several times faster than in WebAssembly.",
    )
    parser.add_argument("--mujoco", action="store_true", help="install MuJoCo too, the second physics engine")
    parser.add_argument("--force", action="store_true", help="install anew what is there")
    parser.add_argument("--json", action="store_true", help="print the result as one JSON line on stdout")
    options = parser.parse_args(list(arguments))
    wanted = ["onnx", "mujoco"] if options.mujoco else ["onnx"]
    folder = packages_folder()
    installed = set_up(folder, [_PACKAGES[name] for name in wanted], force=options.force)
    packages = installed_packages(folder)
    if options.json:
        print(json.dumps({"folder": str(folder), "packages": packages, "installed": installed}))
    else:
        listed = ", ".join(f"{name} {version}" for name, version in packages.items())
        print(f"{listed} {'installed' if installed else 'already'} in {folder}")
    return 0


def set_up(folder: Path, names: Sequence[str], *, force: bool = False) -> bool:
    """Installs these packages, in the versions that this groundtwin was made with, beside those that are there.

    :returns: whether anything had to be installed.
    :raises GroundtwinError: NPM_MISSING, INSTALL_FAILED; `folder` is then as it was.
    """
    present = installed_packages(folder)
    versions = {name: server_manifest().packages[name] for name in {*names, *present}}
    if not force and all(present.get(name) == version for name, version in versions.items()):
        return False
    # Made under a name of its own and renamed when whole: a server that starts meanwhile sees all of it or nothing.
    making = folder.with_name(f"{folder.name}.{os.getpid()}")
    try:
        _npm_install(making, [f"{name}@{version}" for name, version in sorted(versions.items())])
        _replace(folder, making)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return True


def _replace(folder: Path, by: Path) -> None:
    """Moved away before it is removed: Windows refuses the whole while a server runs from it, and would remove a part."""
    old = by.with_name(f"{by.name}.old")
    try:
        if folder.exists():
            folder.rename(old)
        by.rename(folder)
    except OSError as error:
        raise GroundtwinError(
            "INSTALL_FAILED",
            f"groundtwin (this Python process): {folder} cannot be replaced: {error}. End what uses it, and run it again.",
            {"problem": str(error), "packages": []},
        ) from error
    shutil.rmtree(old, ignore_errors=True)


def installed_packages(folder: Path) -> dict[str, str]:
    """Of those that ``setup`` can install: name → version."""
    found = {}
    for name in _PACKAGES.values():
        manifest = folder / "node_modules" / name / "package.json"
        if manifest.is_file():
            found[name] = str(json.loads(manifest.read_text("utf-8"))["version"])
    return found


def _npm_install(folder: Path, packages: Sequence[str]) -> None:
    node = find_node()
    npm = find_npm(node)
    if npm is None:
        raise GroundtwinError(
            "NPM_MISSING",
            f"groundtwin (this Python process): there is no npm beside Node at {node.path} nor on the PATH. "
            'Install npm, or run `pip install "groundtwin[node]"`, which brings both, and name its Node by GROUNDTWIN_NODE.',
            {"node": node.path},
        )
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"private": true}\n', "utf-8")
    print(f"Installing {', '.join(packages)} …", file=sys.stderr)
    flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--save-exact", "--loglevel=error"]
    # npm's own patience with a registry that does not answer is many minutes.
    flags += ["--fetch-retries=1", "--fetch-timeout=60000"]
    # The script of onnxruntime-node would fetch a GPU library that nobody uses here.
    environment = {**os.environ, "ONNXRUNTIME_NODE_INSTALL": "skip"}
    # npm's own scripts look for `node` on the PATH.
    environment["PATH"] = os.pathsep.join([str(Path(node.path).parent), environment.get("PATH", "")])
    try:
        # What npm says belongs to people: standard output holds the result alone.
        done = subprocess.run(
            [*npm, "install", "--prefix", str(folder), *flags, *packages],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, timeout=_INSTALL_LIMIT_S, check=False,
        )  # fmt: skip
        problem = None if done.returncode == 0 else f"npm ended with exit code {done.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        problem = str(error)
    if problem is not None:
        raise GroundtwinError(
            "INSTALL_FAILED",
            f"groundtwin (npm, run by this Python process): {problem}. Check the network and the lines above, and run it again.",
            {"problem": problem, "packages": list(packages)},
        )
