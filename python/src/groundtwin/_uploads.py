"""Files to a server: by the hash of their bytes, in parts, only as far as it lacks them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .errors import make_error

Ask = Callable[[str, dict[str, Any]], dict[str, Any]]

#: Of a frame, for everything but the part of a file.
_HEADER_BYTES = 4096
_MAX_FILE_BYTES = 128 << 20
_MANIFEST = "manifest.json"


def upload(ask: Ask, data: bytes, max_frame_bytes: int) -> str:
    """Uploads one file, going on where an earlier try ended; returns its sha256 as hex."""
    sha256 = hashlib.sha256(data).hexdigest()
    part_bytes = max_frame_bytes - _HEADER_BYTES
    have = ask("upload", {"sha256": sha256, "bytes": len(data)})["have"]
    while have < len(data):
        part = np.frombuffer(data, np.uint8, min(part_bytes, len(data) - have), have)
        have = ask("chunk", {"sha256": sha256, "offset": have, "data": part})["have"]
    return sha256


def publish(ask: Ask, kind: str, files: dict[str, bytes], max_frame_bytes: int) -> str:
    """Uploads files and names them together; returns their id."""
    hashes = {name: upload(ask, data, max_frame_bytes) for name, data in files.items()}
    return str(ask("publish", {"kind": kind, "files": hashes})["id"])


def model_files(folder: str | os.PathLike[str]) -> dict[str, bytes]:
    """The manifest of a model's folder and the graphs that it names.

    Raises:
        ModelMissingError: there is no such folder, or no manifest in it.
        ValueRefusedError: the manifest cannot be read, or names files outside the folder.
    """
    root = Path(folder)
    manifest = _read(root, _MANIFEST)
    try:
        named = json.loads(manifest)["files"].values()
        paths = [str(entry["path"]) for entry in named]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refused(root, "its manifest.json names no files") from error
    inside = root.resolve()
    for path in paths:
        if not (inside / path).resolve().is_relative_to(inside):
            raise _refused(root, "its manifest.json names a file outside the folder")
    return {_MANIFEST: manifest, **{path: _read(root, path) for path in paths}}


def policy_file(path: str | os.PathLike[str]) -> dict[str, bytes]:
    """A policy's ONNX graph. Raises ModelMissingError."""
    file = Path(path)
    if not file.is_file():
        raise make_error(
            "MODEL_MISSING",
            f"There is no policy '{path}': give 'random', the path or the bytes of an ONNX file, or the id of an upload.",
            {"path": str(path), "problem": "there is no such file"},
        )
    return {"policy.onnx": _read(file.parent, file.name)}


def _read(root: Path, name: str) -> bytes:
    path = root / name
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise _refused(root, f"{name} is larger than {_MAX_FILE_BYTES >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise make_error(
            "MODEL_MISSING",
            f"There is no model at '{root}' on this machine: {name} cannot be read ({error.strerror}). Give the folder "
            "that holds manifest.json, the name of a model in the models folder of the server at `url`, or the id of an upload. "
            "`python -m groundtwin demo` trains one and leaves it in runs/demo-seed-1/model.",
            {"path": str(root), "problem": f"{name} cannot be read"},
        ) from error


def _refused(root: Path, problem: str) -> Exception:
    return make_error(
        "MODEL_REFUSED",
        f"The model '{root}' is refused: {problem}. See docs/model-contract.md for what a model must provide.",
        {"model": str(root), "problem": problem},
    )
