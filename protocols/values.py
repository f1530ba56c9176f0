"""Named values, in the body of a question or an answer: closed types, one encoding, no pickle.

Equal values give equal bytes, so that the digest of a body names what was asked.
"""

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from google.protobuf.message import DecodeError

from protocols import messages_pb2 as pb
from protocols.errors import Code, FrameError

Value: TypeAlias = bool | int | float | str | tuple[str, ...] | npt.NDArray[Any]

MAX_DIMENSIONS = 8
MAX_VALUES = 1024
_INT64 = range(-(2**63), 2**63)
_NAMES = {"f4": "<f4", "f8": "<f8", "i4": "<i4", "i8": "<i8", "u1": "|u1", "bool": "|b1"}
_TO_DTYPE = {name: np.dtype(code) for name, code in _NAMES.items()}
_TO_NAME = {dtype: name for name, dtype in _TO_DTYPE.items()}


def encode_values(function: str, values: Mapping[str, Value]) -> bytes:
    """A body that holds `values` by name, for `function` (empty in an answer).

    Arrays may have any memory layout and byte order; their dtype is float32, float64, int32, int64,
    uint8 or bool.

    Raises:
        ValueError: A value of another type, dtype or range; the sentence names it.
    """
    if len(values) > MAX_VALUES:
        raise ValueError(f"a body holds at most {MAX_VALUES} values, not {len(values)}")
    body = pb.Body(function=function)
    for name in sorted(values):
        _write(body.values.add(name=name), values[name])
    return body.SerializeToString()


def _write(named: pb.Named, value: Value) -> None:
    """Fill in the value where it stands: a message made apart would be copied into the body."""
    name = named.name
    if isinstance(value, np.ndarray):
        _write_array(named, value)
    elif isinstance(value, bool):
        named.boolean = value
    elif isinstance(value, int):
        if value not in _INT64:
            raise ValueError(f"value '{name}' does not fit in 64 bits: {value}")
        named.integer = value
    elif isinstance(value, float):
        named.real = value
    elif isinstance(value, str):
        named.text = value
    elif isinstance(value, tuple) and all(isinstance(item, str) for item in value):
        named.texts.SetInParent()  # also without items
        named.texts.items.extend(value)
    else:
        raise ValueError(f"value '{name}' has a type that cannot be sent: {type(value).__name__}")


def dtype_name(array: npt.NDArray[Any]) -> str | None:
    """Name of an array's dtype on the wire; None where it cannot be sent."""
    return _TO_NAME.get(array.dtype.newbyteorder("<"))


def _write_array(named: pb.Named, array: npt.NDArray[Any]) -> None:
    name = dtype_name(array)
    if name is None:
        raise ValueError(
            f"array '{named.name}' has dtype {array.dtype}; use one of {', '.join(_NAMES)}"
        )
    if array.ndim > MAX_DIMENSIONS:
        raise ValueError(
            f"array '{named.name}' has {array.ndim} axes, at most {MAX_DIMENSIONS} can be"
        )
    named.array.dtype = name
    named.array.shape.extend(array.shape)
    named.array.data = array.astype(_TO_DTYPE[name], copy=False).tobytes()


def decode_values(body: bytes) -> tuple[str, dict[str, Value]]:
    """The function and the values of a body; arrays are read-only views of `body`'s bytes.

    Raises:
        FrameError: MALFORMED; nothing else, whatever the bytes.
    """
    try:
        parsed = pb.Body.FromString(body)
    except DecodeError as error:
        raise FrameError(Code.MALFORMED, "A body is no list of named values.") from error
    parsed.DiscardUnknownFields()  # type: ignore[attr-defined]  # the stubs lack it
    if parsed.SerializeToString() != body:  # else one question could have many digests
        raise FrameError(Code.MALFORMED, "A body is not written in the one canonical way.")
    if len(parsed.values) > MAX_VALUES:
        raise FrameError(Code.MALFORMED, f"A body holds more than {MAX_VALUES} values.")
    values: dict[str, Value] = {}
    last = None
    for named in parsed.values:
        if last is not None and named.name <= last:
            raise FrameError(Code.MALFORMED, "The names of a body are not in ascending order.")
        last = named.name
        values[named.name] = _read(named)
    return parsed.function, values


def _read(named: pb.Named) -> Value:
    kind = named.WhichOneof("value")
    if kind is None:
        raise FrameError(Code.MALFORMED, f"Value '{named.name[:80]}' has no known type.")
    if kind == "array":
        return _read_array(named.name[:80], named.array)
    if kind == "texts":
        return tuple(named.texts.items)
    value: bool | int | float | str = getattr(named, kind)
    return value


def _read_array(name: str, array: pb.Array) -> npt.NDArray[Any]:
    dtype = _TO_DTYPE.get(array.dtype)
    if dtype is None:
        raise FrameError(Code.MALFORMED, f"Array '{name}' has an unknown dtype.")
    shape = tuple(array.shape)
    if len(shape) > MAX_DIMENSIONS:
        raise FrameError(Code.MALFORMED, f"Array '{name}' has more than {MAX_DIMENSIONS} axes.")
    data = array.data
    if math.prod(shape) * dtype.itemsize != len(data):
        raise FrameError(
            Code.MALFORMED, f"Array '{name}' has {len(data)} bytes, which do not fill {shape}."
        )
    if dtype == np.bool_ and data.strip(b"\0\1"):
        raise FrameError(Code.MALFORMED, f"Array '{name}' of booleans holds other bytes.")
    return np.frombuffer(data, dtype).reshape(shape)
