"""How many bytes a body has, without making it: for estimates of what would be sent."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from protocols.values import Value, dtype_name, encode_values


def encoded_size(function: str, values: Mapping[str, Value]) -> int:
    """Bytes of `encode_values(function, values)`; of an array, type and shape alone are looked at.

    >>> encoded_size("", {"means": np.zeros((3, 2))}) == len(
    ...     encode_values("", {"means": np.zeros((3, 2))})
    ... )
    True

    Raises:
        ValueError: A value cannot be sent.
    """
    size = len(encode_values(function, {}))
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            named = _delimited(len(name.encode())) if name else 0
            size += _delimited(named + _delimited(_array_size(value)))
        else:
            size += len(encode_values("", {name: value}))
    return size


def array_like(dtype: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Stands for an array in `encoded_size`: takes the memory of one number."""
    return np.broadcast_to(np.zeros((), dtype), shape)


def octets_like(count: int) -> npt.NDArray[Any]:
    """Stands for so many bytes in `encoded_size`."""
    return array_like("uint8", (count,))


def _array_size(array: npt.NDArray[Any]) -> int:
    """Bytes of a message `Array`."""
    name = dtype_name(array)
    if name is None:
        raise ValueError(f"arrays of dtype {array.dtype} cannot be sent")
    size = _delimited(len(name))
    if array.ndim:
        size += _delimited(sum(map(_varint, array.shape)))
    if array.size:
        size += _delimited(array.size * array.itemsize)
    return size


def _delimited(length: int) -> int:
    """Bytes of a field of so many bytes: tag, length, content."""
    return 1 + _varint(length) + length


def _varint(number: int) -> int:
    return max(1, -(-number.bit_length() // 7))
