"""Frames: the conformance vectors that TypeScript reads too, and what is not in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from groundtwin import _codec
from groundtwin._session import reply_fields
from groundtwin.errors import GroundtwinError, from_wire

VECTORS = Path(__file__).parents[2] / "test" / "vectors" / "groundtwin-v1"
CASES = [(path.stem, case) for path in sorted(VECTORS.glob("*.json")) for case in json.loads(path.read_text())]
SOUND = [case for _, case in CASES if case.get("json") is not None]
#: msgpack's Python decoder does not tell in how many bytes a small number was written.
LENIENT = {"a signed 64-bit integer"}
BROKEN = [case for stem, case in CASES if stem == "broken-frames" and case["name"] not in LENIENT]


def name_of(case):
    return f"{case.get('op')}-{case['name']}".replace(" ", "_")


def from_json(value):
    """A message of a vector as `encode` takes it and `decode` gives it."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"dtype", "shape", "values"}:
        return (
            np.array([float(item) for item in value["values"]])
            .astype(_codec.DTYPES[value["dtype"]])
            .reshape(value["shape"])
        )
    if "$e" in value:
        return from_wire({**value["$e"], "details": from_json(value["$e"].get("details", {}))})
    return {key: from_json(item) for key, item in value.items()}


def plain(value):
    """With arrays and errors as something that can be compared, bit for bit."""
    if isinstance(value, GroundtwinError):
        return {"$e": plain({"code": value.code, "retryable": value.retryable, "details": value.details})}
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("case", SOUND, ids=name_of)
def test_vectors_decode(case):
    frame = bytes.fromhex(case["hex"])
    assert plain(_codec.decode(frame)) == plain(from_json(case["json"]))


@pytest.mark.parametrize("case", SOUND, ids=name_of)
def test_what_is_encoded_decodes_the_same(case):
    message = from_json(case["json"])
    assert plain(_codec.decode(_codec.encode(message))) == plain(message)


@pytest.mark.parametrize("case", BROKEN, ids=name_of)
def test_broken_frames_are_refused(case):
    with pytest.raises(GroundtwinError) as caught:
        _codec.decode(bytes.fromhex(case["hex"]))
    assert caught.value.code == case["error"]["code"]
    assert caught.value.details["field"] == case["error"]["field"]


def test_the_vectors_are_there():
    if not VECTORS.is_dir():
        pytest.skip("needs the repository")
    assert len(SOUND) > 20
    assert len(BROKEN) > 10


@pytest.mark.parametrize(
    "value",
    [object(), 1j, np.zeros(1, np.int64), np.zeros(1, np.float16), 2**53, {1: 2}, {"$t": 1}, {"__proto__": 1}, {1, 2}],
)
def test_what_cannot_travel_is_named(value):
    with pytest.raises(ValueError, match=r"options\.x.*cannot travel"):
        _codec.encode({"op": "make", "options": {"x": value}})


def test_what_is_nested_too_deep_is_refused():
    value = []
    for _ in range(20):
        value = [value]
    with pytest.raises(ValueError, match="nested"):
        _codec.encode({"x": value})


def test_numpy_scalars_travel_as_numbers():
    message = {"a": np.float32(0.5), "b": np.int64(7), "c": np.bool_(True), "d": (1, 2)}
    assert _codec.decode(_codec.encode(message)) == {"a": 0.5, "b": 7, "c": True, "d": [1, 2]}


@pytest.mark.parametrize("seq", [1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1])
def test_templates_are_frames_whatever_the_number(seq):
    fields = {"op": "step", "env": 3, "action": {"a": {"$t": 0}, "b": {"$t": 1}}}
    template = _codec.Template(fields, [(_codec.DTYPES["f8"], (2, 1)), (_codec.DTYPES["i4"], (3,))])
    first, second = np.array([[1.5], [-2]]), np.array([1, 2, 3], np.int32)
    message = _codec.decode(template.fill(seq, first.tobytes() + second.tobytes()))
    assert message["seq"] == seq
    assert (message["action"]["a"] == first).all()
    assert (message["action"]["b"] == second).all()
    reply = _codec.encode({"seq": seq, "ok": {}})
    assert _codec.split_seq(reply)[0] == seq


def test_decoded_arrays_are_one_s_own():
    frame = _codec.encode({"a": np.arange(3, dtype=np.float32), "b": np.arange(3, dtype=np.int32)})
    message = _codec.decode(frame)
    message["a"][:] = 9
    assert message["a"].flags.owndata
    assert message["b"].tolist() == [0, 1, 2]


@pytest.mark.parametrize("ok", [None, 3, [], "text"])
def test_a_reply_without_fields_is_a_bad_message(ok):
    with pytest.raises(GroundtwinError, match="Bad message"):
        reply_fields(_codec.encode({"seq": 1, "ok": ok}))


def test_a_field_that_a_reply_lacks_is_named():
    with pytest.raises(GroundtwinError, match="Bad message: handle must be in the reply"):
        _ = reply_fields(_codec.encode({"seq": 1, "ok": {}}))["handle"]


def test_an_empty_tensor_with_an_axis_beyond_all_bounds_is_a_bad_message():
    header = b"\x82\xa1x\x81\xa2$t\x00\xa7tensors\x91\x93\xa2f8\x00\xcf" + (2**53 - 1).to_bytes(8, "big")
    frame = len(header).to_bytes(4, "little") + header
    with pytest.raises(GroundtwinError, match="Bad message"):
        _codec.decode(frame + bytes(-len(frame) % 8))
