from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from groundtwin._node import find_node
from groundtwin._setup import installed_packages, set_up
from groundtwin.errors import GroundtwinError
from launching import fake_node, program

posix_only = pytest.mark.skipif(os.name == "nt", reason="stand-ins are shell scripts")


def groundtwin(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return subprocess.run(
        [sys.executable, "-m", "groundtwin", *arguments],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_commands_are_the_command_lines_with_their_exit_codes() -> None:
    listed = groundtwin("list", "--json")
    assert listed.returncode == 0
    assert "CartPole-v0" in [env["id"] for env in json.loads(listed.stdout)]
    unknown = groundtwin("describe", "Nothing-v0", "--json")
    assert unknown.returncode == 2
    assert unknown.stdout == ""
    assert json.loads(unknown.stderr)["error"]["code"] == "ENV_UNKNOWN"


def test_help_names_what_python_adds() -> None:
    shown = groundtwin("--help")
    assert shown.returncode == 0
    assert "serve" in shown.stdout
    assert "setup" in shown.stdout


@posix_only
def test_without_node_commands_end_with_4_and_say_so(tmp_path: Path) -> None:
    old = fake_node(tmp_path / "node", "18.0.0")
    for form in ([], ["--json"]):
        done = groundtwin("list", *form, GROUNDTWIN_NODE=str(old))
        assert done.returncode == 4
        assert done.stdout == ""
        said = json.loads(done.stderr)["error"]["code"] if form else done.stderr
        assert said.startswith("NODE_MISSING")


def test_doctor_tells_of_python_and_of_the_server(tmp_path: Path) -> None:
    done = groundtwin("doctor", "--json", GROUNDTWIN_PACKAGES=str(tmp_path))
    report = json.loads(done.stdout)
    said = {finding["what"]: finding["says"] for finding in report["findings"]}
    assert done.returncode == 0
    assert report["fine"] is True
    assert said["Python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert "gymnasium" in said["Python"]
    assert find_node().path in said["Node"]
    assert "python -m groundtwin setup" in said["added by setup"]
    assert "Rapier" in said["physics"]
    assert "onnxruntime-" in said["ONNX runtime"]


@posix_only
def test_doctor_without_node_tells_of_python_alone(tmp_path: Path) -> None:
    done = groundtwin("doctor", GROUNDTWIN_NODE=str(tmp_path / "absent"))
    assert done.returncode == 4
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [["ok", "Python"], ["MISSING", "Node"]]


NPM = """
[ "$1" = "--version" ] && echo v22.0.0 && exit 0
shift
while [ "$1" != "--prefix" ]; do shift; done
folder=$2
for package in "$@"; do
  case $package in
    *@*) name=${package%@*}
      mkdir -p "$folder/node_modules/$name"
      echo "{\\"version\\": \\"${package##*@}\\"}" > "$folder/node_modules/$name/package.json" ;;
  esac
done
"""


@pytest.fixture
def npm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A Node with an npm that installs what it is told; returns the program, to be replaced."""
    script = tmp_path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    script.parent.mkdir(parents=True)
    script.touch()
    (tmp_path / "bin").mkdir()
    node = program(tmp_path / "bin" / "node", NPM)
    monkeypatch.setenv("GROUNDTWIN_NODE", str(node))
    return node


@posix_only
def test_setup_installs_once_and_adds_to_what_is_there(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "packages"
    assert installed_packages(folder) == {}
    assert set_up(folder, ["onnxruntime-node"]) is True
    assert list(installed_packages(folder)) == ["onnxruntime-node"]
    assert set_up(folder, ["onnxruntime-node"]) is False
    assert set_up(folder, ["@mujoco/mujoco"]) is True
    assert sorted(installed_packages(folder)) == ["@mujoco/mujoco", "onnxruntime-node"]
    assert set_up(folder, ["onnxruntime-node"], force=True) is True
    assert [entry.name for entry in folder.parent.iterdir()] == ["packages"]


@posix_only
def test_setup_that_fails_leaves_all_as_it_was(npm: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "packages"
    set_up(folder, ["onnxruntime-node"])
    before = installed_packages(folder)
    program(npm, '[ "$1" = "--version" ] && echo v22.0.0 && exit 0\nexit 1')
    with pytest.raises(GroundtwinError, match="npm ended with exit code 1") as caught:
        set_up(folder, ["onnxruntime-node"], force=True)
    assert caught.value.code == "INSTALL_FAILED"
    assert installed_packages(folder) == before
    assert [entry.name for entry in folder.parent.iterdir()] == ["packages"]


@posix_only
def test_setup_removes_nothing_of_what_is_in_use(npm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "data" / "packages"
    set_up(folder, ["onnxruntime-node"])
    before = installed_packages(folder)

    def in_use(*_: object) -> None:
        raise PermissionError(13, "in use by a server, as on Windows")

    monkeypatch.setattr(Path, "rename", in_use)
    with pytest.raises(GroundtwinError, match="in use by a server") as caught:
        set_up(folder, ["onnxruntime-node"], force=True)
    assert caught.value.code == "INSTALL_FAILED"
    assert installed_packages(folder) == before
    assert [entry.name for entry in folder.parent.iterdir()] == ["packages"]


@posix_only
def test_setup_without_npm_says_where_to_get_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GROUNDTWIN_NODE", str(fake_node(tmp_path / "node", "22.0.0")))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GroundtwinError, match="no npm beside Node") as caught:
        set_up(tmp_path / "packages", ["onnxruntime-node"])
    assert caught.value.code == "NPM_MISSING"


def test_setup_refuses_unknown_options() -> None:
    refused = groundtwin("setup", "--mujocco")
    assert refused.returncode == 2
    assert "--mujocco" in refused.stderr
