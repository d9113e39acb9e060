"""Frames of groundtwin.v1: a length, a small msgpack header, then raw little-endian tensors.

::

    0      header length H, uint32 little-endian
    4      H bytes of msgpack: one map, whose `tensors` lists [dtype, *shape] of each tensor;
           `{"$t": i}` stands for tensor i
    …      the tensors, raw little-endian, each starting at the next multiple of 8, zeros between
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgpack
import numpy as np
import numpy.typing as npt

from .errors import GroundtwinError, bad_message, from_wire, make_error

PROTOCOL = "groundtwin.v1"
HELLO_SEQ = 0

#: dtypes as they travel; others have no wire form.
DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype("<" + name) for name in ("f4", "f8", "i4", "u1")}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_ALIGNMENT = 8
_PREFIX = 4
_U32 = struct.Struct("<I")
_BIG = {0xCD: struct.Struct(">H"), 0xCE: struct.Struct(">I"), 0xCF: struct.Struct(">Q"), 0xCB: struct.Struct(">d")}

#: Bounds of a reply; its header is small beside its tensors.
MAX_REPLY_BYTES = 64 << 20
_MAX_HEADER_BYTES = 4 << 20
_MAX_DEPTH = 8
_MAX_TENSORS = 1024
_MAX_RANK = 8


class TensorRef(NamedTuple):
    """Where a tensor lies in a frame."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    #: Bytes from the start of the first tensor.
    offset: int
    #: Elements.
    size: int


def aligned(offset: int) -> int:
    """The next multiple of 8."""
    return (offset + _ALIGNMENT - 1) & -_ALIGNMENT


def encode(message: Mapping[str, Any]) -> bytes:
    """Encodes one message.

    Args:
        message: plain data with arrays (float32, float64, int32, uint8) or bytes anywhere in it.

    Raises:
        GroundtwinError: WIRE_VALUE for what has no wire form.
    """
    tensors: list[npt.NDArray[Any]] = []
    header = _lower(dict(message), "", 1, tensors)
    if tensors:
        header["tensors"] = [[_NAMES[tensor.dtype], *tensor.shape] for tensor in tensors]
    head = msgpack.packb(header)
    parts = [_U32.pack(len(head)), head]
    end = _PREFIX + len(head)
    for tensor in tensors:
        start = aligned(end)
        parts.append(bytes(start - end))
        parts.append(tensor.tobytes())
        end = start + tensor.nbytes
    return b"".join(parts)


def _lower(value: Any, path: str, depth: int, tensors: list[npt.NDArray[Any]]) -> Any:
    if value is None or isinstance(value, (bool, str, float)):
        return value
    if isinstance(value, int):
        if not -(2**53) < value < 2**53:
            _refuse(path, "an integer past 2^53")
        return value
    if depth > _MAX_DEPTH:
        _refuse(path, f"nested more than {_MAX_DEPTH} deep")
    if isinstance(value, np.generic):
        return _lower(value.item(), path, depth, tensors)
    if isinstance(value, (bytes, bytearray, memoryview)):
        value = np.frombuffer(value, np.uint8)
    if isinstance(value, np.ndarray):
        return _lower_array(value, path, tensors)
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or key.startswith("$") or key == "__proto__":
                _refuse(f"{path}.{key}".lstrip("."), "under a key that is reserved or no string")
        return {key: _lower(item, f"{path}.{key}".lstrip("."), depth + 1, tensors) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_lower(item, f"{path}[{i}]", depth + 1, tensors) for i, item in enumerate(value)]
    if isinstance(value, GroundtwinError):
        form = {"code": value.code, "message": value.message, "details": value.details, "retryable": value.retryable}
        return {"$e": _lower(form, path, depth + 1, tensors)}
    return _refuse(path, f"a {type(value).__name__}")


def _lower_array(value: npt.NDArray[Any], path: str, tensors: list[npt.NDArray[Any]]) -> dict[str, int]:
    if value.dtype not in _NAMES:
        _refuse(path, f"an array of {value.dtype}")
    tensors.append(value)
    return {"$t": len(tensors) - 1}


def _refuse(path: str, what: str) -> Any:
    raise make_error(
        "WIRE_VALUE",
        f"{path or 'the message'} is {what}, which cannot travel over {PROTOCOL}. Send numbers, strings, booleans, None, "
        "arrays of float32, float64, int32 or uint8, and lists and dictionaries of them.",
        {"path": path, "what": what},
    )


def header_span(frame: bytes) -> tuple[int, int]:
    """First and last offset of a frame's header. Raises BAD_MESSAGE for one that is cut short."""
    if len(frame) < _PREFIX:
        raise bad_message("frame", "a length, a header and its tensors")
    end: int = _PREFIX + _U32.unpack_from(frame)[0]
    if end > len(frame):
        raise bad_message("frame", "as long as its header says")
    return _PREFIX, end


def split_seq(frame: bytes) -> tuple[int | None, int]:
    """The seq of a reply, and where the rest of its header begins, without decoding it.

    Replies begin with `seq`, so two replies of one form differ, up to their tensors, in nothing else.
    """
    if len(frame) < 12:
        return None, _PREFIX
    at = 7 if frame[4] == 0xDE else 5
    if frame[at : at + 4] != b"\xa3seq":
        return None, _PREFIX
    at += 4
    token = frame[at]
    if token < 0x80:
        return token, at + 1
    if token == 0xCC:
        return frame[at + 1], at + 2
    number = _BIG.get(token)
    if number is None or at + 1 + number.size > len(frame):
        return None, _PREFIX
    return int(number.unpack_from(frame, at + 1)[0]), at + 1 + number.size


def parse(header: bytes) -> tuple[dict[str, Any], int | None]:
    """Decodes a header.

    Returns:
        The message with a `TensorRef` for each tensor, and the bytes from the first tensor's start to the last's end:
        None without tensors, 0 where all of them are empty.

    Raises:
        GroundtwinError: BAD_MESSAGE, which names what was expected and never repeats the payload.
    """
    if len(header) > _MAX_HEADER_BYTES:
        raise bad_message("frame header", f"at most {_MAX_HEADER_BYTES} bytes")
    try:
        message = msgpack.unpackb(header, max_ext_len=0, max_bin_len=0)
    except Exception as error:
        raise bad_message("frame header", "one msgpack map of plain values") from error
    if not isinstance(message, dict):
        raise bad_message("frame header", "a msgpack map")
    table = message.pop("tensors", [])
    if not isinstance(table, list) or len(table) > _MAX_TENSORS:
        raise bad_message("tensors", f"a list of at most {_MAX_TENSORS} entries")
    refs: list[TensorRef] = []
    end = 0
    for entry in table:
        ref = _tensor_ref(entry, aligned(end))
        refs.append(ref)
        end = ref.offset + ref.size * ref.dtype.itemsize
    return _raise(message, refs, 1), end if refs else None


def _tensor_ref(entry: Any, offset: int) -> TensorRef:
    if not isinstance(entry, list) or not 1 <= len(entry) <= _MAX_RANK + 1:
        raise bad_message("tensors", "entries [dtype, ...shape]")
    if not isinstance(entry[0], str) or entry[0] not in DTYPES:
        raise bad_message("tensors", "entries [dtype, ...shape]")
    count = 1
    for length in entry[1:]:
        if type(length) is not int or length < 0:
            raise bad_message("tensors", "shapes of whole numbers")
        count *= length
    if max(count, *entry[1:], 0) > MAX_REPLY_BYTES:
        raise bad_message("tensors", "tensors that lie inside the frame")
    return TensorRef(DTYPES[entry[0]], tuple(entry[1:]), offset, count)


def _raise(value: Any, refs: list[TensorRef], depth: int) -> Any:
    if depth > _MAX_DEPTH + 1:
        raise bad_message("frame header", f"nested at most {_MAX_DEPTH} deep")
    if isinstance(value, dict):
        if "$t" in value:
            index = value["$t"]
            if type(index) is not int or not 0 <= index < len(refs):
                raise bad_message("tensor reference", "an index into the frame's tensors")
            return refs[index]
        if "$e" in value:
            return from_wire(value["$e"])
        if "__proto__" in value:
            raise bad_message("frame header", "free of reserved keys")
        return {key: _raise(item, refs, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_raise(item, refs, depth + 1) for item in value]
    if type(value) is int and not -(2**53) < value < 2**53:
        raise bad_message("frame header", "integers below 2^53")
    return value


def decode(frame: bytes) -> dict[str, Any]:
    """Decodes one frame; every array owns its memory. Raises BAD_MESSAGE."""
    start, end = header_span(frame)
    message, length = parse(bytes(frame[start:end]))
    base = end if length is None else aligned(end)
    length = length or 0
    if base + length > len(frame):
        raise bad_message("tensors", "tensors that lie inside the frame")
    if base + length != len(frame):
        raise bad_message("frame", "exactly as long as its header and tensors say")
    return materialise(message, frame, base)  # type: ignore[no-any-return]


def materialise(value: Any, frame: bytes, base: int) -> Any:
    """The same tree with an array, which owns its memory, in place of each `TensorRef`."""
    if isinstance(value, TensorRef):
        return read(value, frame, base)
    if isinstance(value, dict):
        return {key: materialise(item, frame, base) for key, item in value.items()}
    if isinstance(value, list):
        return [materialise(item, frame, base) for item in value]
    return value


def read(ref: TensorRef, frame: bytes, base: int) -> npt.NDArray[Any]:
    """One tensor as an array that owns its memory. `base`: where the first tensor of the frame begins."""
    view: npt.NDArray[Any] = np.ndarray(ref.shape, ref.dtype, frame, base + ref.offset)
    return np.array(view)


class Template:
    """Requests of one form, of which only seq and the bytes of the tensors change: made once, filled in by copying.

    Their tensors must each take a multiple of 8 bytes but for the last.
    """

    def __init__(self, fields: Mapping[str, Any], tensors: list[tuple[np.dtype[Any], tuple[int, ...]]]) -> None:
        header = {**fields, "seq": 2**64 - 1}
        if tensors:
            header["tensors"] = [[_NAMES[dtype], *shape] for dtype, shape in tensors]
        # The largest seq takes msgpack's eight-byte form, which may hold smaller numbers as well.
        head = msgpack.packb(header)
        mark = b"\xa3seq\xcf" + b"\xff" * 8
        if head.count(mark) != 1:
            raise ValueError("a template's fields must not look like its seq")
        seq_at = _PREFIX + head.index(mark) + 5
        end = _PREFIX + len(head)
        head = _U32.pack(len(head)) + head + bytes((aligned(end) if tensors else end) - end)
        self._before = head[:seq_at]
        self._after = head[seq_at + 8 :]

    def fill(self, seq: int, data: bytes) -> bytes:
        """A frame. `data`: the tensors' bytes with zeros between them as in a frame."""
        return b"%b%b%b%b" % (self._before, seq.to_bytes(8, "big"), self._after, data)
