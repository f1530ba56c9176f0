"""Named values as bytes, written by hand from `messages.proto`: for the second implementation.

Protocol Buffers, proto3: a field is a tag (number * 8 + wire type) and a payload; numbers are
little-endian groups of seven bits; empty and zero fields are left out, except those of a oneof.
"""

import struct

import numpy as np
import numpy.typing as npt

Plain = bool | int | float | str | tuple[str, ...] | npt.NDArray[np.generic]

DTYPES = {"uint8": "u1", "int32": "i4", "int64": "i8"}


def body(function: str, values: dict[str, Plain]) -> bytes:
    """`message Body`: a function and named values, by name."""
    named = b"".join(
        chunk(2, chunk(1, name.encode()) + one(values[name])) for name in sorted(values)
    )
    return chunk(1, function.encode()) + named


def one(value: Plain) -> bytes:
    """The oneof of `message Named`."""
    if isinstance(value, bool):
        return b"\x10" + varint(int(value))
    if isinstance(value, int):
        return b"\x18" + varint(2 * value if value >= 0 else -2 * value - 1)  # sint64: zigzag
    if isinstance(value, float):
        return b"\x21" + struct.pack("<d", value)
    if isinstance(value, str):
        return chunk(5, value.encode(), always=True)
    if isinstance(value, tuple):
        return chunk(
            6, b"".join(chunk(1, item.encode(), always=True) for item in value), always=True
        )
    shape = b"".join(varint(side) for side in value.shape)
    little = value.astype(value.dtype.newbyteorder("<")).tobytes()
    array = chunk(1, DTYPES[value.dtype.name].encode()) + chunk(2, shape) + chunk(3, little)
    return chunk(7, array, always=True)


def chunk(number: int, payload: bytes, *, always: bool = False) -> bytes:
    """A field of wire type 2: its length, then its bytes."""
    if not payload and not always:
        return b""
    return varint(8 * number + 2) + varint(len(payload)) + payload


def varint(number: int) -> bytes:
    """A number of 0 or more, seven bits a byte, the lowest first."""
    groups = [number >> shift & 127 for shift in range(0, max(number.bit_length(), 1), 7)]
    return bytes(group | 128 for group in groups[:-1]) + bytes(groups[-1:])
