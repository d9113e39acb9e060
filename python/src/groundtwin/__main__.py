"""``python -m groundtwin``: groundtwin's command line on the Node that was found, with ``setup`` and more in ``doctor``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from . import _doctor, _setup
from ._node import find_node, server_environment, server_program
from .errors import GroundtwinError

#: Exit codes are the command line's: docs/cli.md.
_FAILED, _MISSING, _INTERRUPTED = 1, 4, 130
_MORE_HELP = """
In Python also:
  setup [options]                    install the native ONNX runtime with npm, for this user
"""


def main(arguments: Sequence[str]) -> int:
    """Runs a command; returns its exit code, or does not return where the process becomes Node's."""
    try:
        match list(arguments):
            case ["setup", *options]:
                return _setup.command(options)
            case ["doctor", *options] if set(options) <= {"--json"}:
                return _doctor.command(options)
            case ["--help" | "-h" | "help"]:
                exit_code = subprocess.call(_node_command(arguments), env=server_environment())
                sys.stdout.write(_MORE_HELP)
                return exit_code
        return _become(_node_command(arguments))
    except GroundtwinError as error:
        _tell(error, "--json" in arguments)
        return (
            _MISSING if error.code in ("NODE_MISSING", "SERVER_MISSING", "NPM_MISSING", "INSTALL_FAILED") else _FAILED
        )
    except KeyboardInterrupt:
        return _INTERRUPTED


def _node_command(arguments: Sequence[str]) -> list[str]:
    return [find_node().path, str(server_program()), *arguments]


def _become(command: list[str]) -> int:
    """Streams, signals and the exit code are Node's alone."""
    if os.name != "nt":
        os.execve(command[0], command, server_environment())
    with subprocess.Popen(command, env=server_environment()) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # It reached Node too, which decides.
                continue


def _tell(error: GroundtwinError, as_json: bool) -> None:
    form = {"code": error.code, "message": str(error), "details": error.details, "retryable": error.retryable}
    print(json.dumps({"error": form}) if as_json else f"{error.code}: {error}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
