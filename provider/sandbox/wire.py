"""Messages between a node and its model worker: a JSON header and raw little-endian arrays.

Never pickle, in either direction. Both ends check what they read; the node, for which a worker's
reply is a stranger's, also fixes how large it may be.
"""

import json
import math
import mmap
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Buffer: TypeAlias = memoryview | mmap.mmap
Array: TypeAlias = npt.NDArray[Any]
Header: TypeAlias = Mapping[str, Any]

Fill: TypeAlias = Callable[[memoryview], None]
"""Fills a buffer with the next bytes, all of it."""
Send: TypeAlias = Callable[[memoryview], None]
"""Sends bytes, all of them."""

MAX_HEADER: Final = 4 * 2**20
_MAX_AXES: Final = 8
_ALIGNED: Final = 64
_PREFIX: Final = struct.Struct("<IQ")
_DTYPES: Final = {name: np.dtype(f"<{name}") for name in ("f4", "f8", "i8")} | {
    "u1": np.dtype("u1")
}


class WireError(ValueError):
    """What arrived is no message, or larger than it may be."""


@dataclass(frozen=True, slots=True)
class Message:
    """What one end tells the other.

    Attributes:
        header: Of JSON's types.
        arrays: float32, float64, int64 or uint8.
    """

    header: Header
    arrays: tuple[Array, ...] = ()


def send_message(
    send: Send, header: Header, arrays: Iterable[Array] = (), shared: Buffer | None = None
) -> None:
    """Send one message; arrays arrive with the order of axes in memory that they have here.

    Args:
        send: Where to.
        header: Of JSON's types.
        arrays: Of any memory layout.
        shared: Memory that the other end reads; arrays go there while they fit. It is not to be
            written again before the reply.

    Raises:
        ValueError: An array has another dtype.
    """
    # Sums of floats depend on it: a convolution runs otherwise over images with channels last.
    orders = [(array, _memory_order(array)) for array in arrays]
    parts = [np.ascontiguousarray(array.transpose(order)) for array, order in orders]
    offsets = _place([part.nbytes for part in parts], len(shared) if shared is not None else 0)
    specs = [
        [_name(part.dtype), part.shape, order, offset]
        for part, (_, order), offset in zip(parts, orders, offsets, strict=True)
    ]
    inline = [part for part, offset in zip(parts, offsets, strict=True) if offset is None]
    text = json.dumps([dict(header), specs], separators=(",", ":")).encode()
    if len(text) > MAX_HEADER:
        raise WireError("the header is too large")
    for part, offset in zip(parts, offsets, strict=True):
        if shared is not None and offset is not None:
            np.copyto(np.frombuffer(shared, part.dtype, part.size, offset), part.ravel())
    send(memoryview(_PREFIX.pack(len(text), sum(part.nbytes for part in inline)) + text))
    for part in inline:
        if part.size:
            send(part.reshape(-1).view(np.uint8).data)


def _place(sizes: Iterable[int], room: int) -> list[int | None]:
    """Where in shared memory each array begins; None for one that does not fit."""
    offsets: list[int | None] = []
    used = 0
    for size in sizes:
        fits = 0 < size <= room - used
        offsets.append(used if fits else None)
        used += -(-size // _ALIGNED) * _ALIGNED if fits else 0
    return offsets


def read_message(fill: Fill, most: int | None = None, shared: Buffer | None = None) -> Message:
    """Read one message.

    Args:
        fill: Where from.
        most: Bytes that its arrays may have together; None for as many as they have.
        shared: Memory in which the other end may have left arrays, which are then views of it.

    Raises:
        WireError: It is none; nothing is to be read behind it.
    """
    prefix = bytearray(_PREFIX.size)
    fill(memoryview(prefix))
    length, size = _PREFIX.unpack(prefix)
    if length > MAX_HEADER or (most is not None and size > most):
        raise WireError(f"a header of {length} bytes with arrays of {size}")
    text = bytearray(length)
    fill(memoryview(text))
    header, specs = _parse(text)
    if sum(each.size for each in specs if each.offset is None) != size:
        raise WireError("the arrays do not have the size that was announced")
    return Message(header, tuple(_array(fill, each, shared) for each in specs))


@dataclass(frozen=True, slots=True)
class _Spec:
    """An array to come.

    Attributes:
        dtype: Little-endian.
        shape: As it lies in memory.
        order: Which of the array's own axes each of them is.
        offset: Where it begins in shared memory; None where it follows the header.
    """

    dtype: "np.dtype[Any]"
    shape: tuple[int, ...]
    order: tuple[int, ...]
    offset: int | None

    @property
    def size(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)


def _array(fill: Fill, spec: _Spec, shared: Buffer | None) -> Array:
    if spec.offset is None:
        flat = np.empty(spec.size, np.uint8)
        if flat.size:
            fill(flat.data)
    elif shared is None or spec.offset + spec.size > len(shared):
        raise WireError("an array lies outside the shared memory")
    else:
        flat = np.frombuffer(shared, np.uint8, spec.size, spec.offset)
    return flat.view(spec.dtype).reshape(spec.shape).transpose(np.argsort(spec.order))


def _memory_order(array: Array) -> tuple[int, ...]:
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def _parse(text: bytearray) -> tuple[Header, list[_Spec]]:
    try:
        header, specs = json.loads(text)
        if not isinstance(header, dict):
            raise WireError("the header is no object")
        return header, [_spec(*each) for each in specs]
    except (ValueError, TypeError, RecursionError) as error:
        raise WireError("the header cannot be read") from error


def _spec(name: object, shape: object, order: object, offset: object) -> _Spec:
    if not isinstance(name, str) or name not in _DTYPES or not isinstance(shape, list):
        raise WireError("an array of no known type")
    if len(shape) > _MAX_AXES or not all(type(axis) is int and axis >= 0 for axis in shape):
        raise WireError("an array of no possible shape")
    if not isinstance(order, list) or sorted(order) != list(range(len(shape))):
        raise WireError("an array whose axes have no order")
    if offset is not None and (type(offset) is not int or offset < 0):
        raise WireError("an array that lies nowhere")
    return _Spec(_DTYPES[name], tuple(shape), tuple(order), offset)


def _name(dtype: "np.dtype[Any]") -> str:
    for name, known in _DTYPES.items():
        if dtype == known:
            return name
    raise ValueError(f"arrays of {dtype} cannot be sent")
