"""Reading the named values of a body, each checked for its kind as it is taken."""

from collections.abc import Iterable
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from protocols.values import Value, decode_values


class Fields:
    """The values of a body of one kind; every mistake in them is a ValueError that names it."""

    def __init__(self, body: bytes, kind: str) -> None:
        """Parse `body`, which must say that it is a `kind`."""
        found, self._values = decode_values(body)
        if found != kind:
            raise ValueError(f"it should be a {kind}, and says that it is {found[:40]!r}")

    def text(self, name: str) -> str:
        """A text."""
        value = self._take(name)
        if not isinstance(value, str):
            raise ValueError(f"'{name}' is no text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self._take(name)
        if not isinstance(value, tuple):
            raise ValueError(f"'{name}' is no list of texts")
        return value

    def integer(self, name: str) -> int:
        """An integer of 64 bits."""
        value = self._take(name)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"'{name}' is no integer")
        return value

    def flag(self, name: str) -> bool:
        """True or false."""
        value = self._take(name)
        if not isinstance(value, bool):
            raise ValueError(f"'{name}' is neither true nor false")
        return value

    def octets(self, name: str) -> bytes:
        """Bytes of any length, written by `octets`."""
        return self._array(name, np.uint8, 1).tobytes()

    def rows(self, name: str, width: int) -> tuple[bytes, ...]:
        """Byte strings of `width` bytes each, written by `rows`."""
        table = self._array(name, np.uint8, 2)
        if table.shape[1] != width:
            raise ValueError(f"'{name}' has rows of {table.shape[1]} bytes, not of {width}")
        return tuple(row.tobytes() for row in table)

    def integers(self, name: str) -> tuple[int, ...]:
        """A list of integers of 64 bits."""
        return tuple(self._array(name, np.int64, 1).tolist())

    def table(self, name: str) -> npt.NDArray[np.int64]:
        """Integers of 64 bits with two axes, read-only."""
        return self._array(name, np.int64, 2).astype(np.int64, copy=False)

    def below(self, prefix: str) -> dict[str, Value]:
        """All values whose name starts with `prefix`, without it."""
        return {
            name.removeprefix(prefix): value
            for name, value in self._values.items()
            if name.startswith(prefix)
        }

    def pieces(self, name: str, sizes: str, most: int) -> tuple[bytes, ...]:
        """Byte strings of any lengths, at most `most`, written by `pieces`."""
        data, lengths = self.octets(name), self.integers(sizes)
        if len(lengths) > most or min(lengths, default=0) < 0 or sum(lengths) != len(data):
            raise ValueError(f"'{name}' does not divide into the pieces of '{sizes}'")
        ends = accumulate(lengths)
        return tuple(data[end - size : end] for end, size in zip(ends, lengths, strict=True))

    def groups(self, name: str, count: int) -> tuple[tuple[str, ...], ...]:
        """`count` lists of texts, written by `groups`."""
        sizes, texts = self.integers(f"{name}.sizes"), self.texts(name)
        if len(sizes) != count or min(sizes, default=0) < 0 or sum(sizes) != len(texts):
            raise ValueError(f"'{name}' does not divide into {count} lists")
        rest = iter(texts)
        return tuple(tuple(next(rest) for _ in range(size)) for size in sizes)

    def _take(self, name: str) -> Value:
        if name not in self._values:
            raise ValueError(f"'{name}' is missing")
        return self._values[name]

    def _array(self, name: str, dtype: npt.DTypeLike, axes: int) -> npt.NDArray[np.generic]:
        value = self._take(name)
        if not isinstance(value, np.ndarray) or value.dtype != dtype or value.ndim != axes:
            raise ValueError(f"'{name}' is no array of {np.dtype(dtype)} with {axes} axes")
        return value


def octets(data: bytes) -> Value:
    """Bytes as a value of a body."""
    return np.frombuffer(data, np.uint8)


def rows(data: Iterable[bytes], width: int) -> Value:
    """Byte strings of `width` bytes each as one value of a body."""
    return np.frombuffer(b"".join(data), np.uint8).reshape(-1, width)


def integers(numbers: Iterable[int]) -> Value:
    """Integers of 64 bits as one value of a body."""
    return np.array(list(numbers), np.int64)


def pieces(name: str, sizes: str, data: Iterable[bytes]) -> dict[str, Value]:
    """Byte strings of any lengths as two values of a body."""
    kept = list(data)
    return {name: octets(b"".join(kept)), sizes: integers(map(len, kept))}


def groups(name: str, lists: Iterable[Iterable[str]]) -> dict[str, Value]:
    """Lists of texts as two values of a body."""
    kept = [tuple(texts) for texts in lists]
    return {
        name: tuple(text for texts in kept for text in texts),
        f"{name}.sizes": integers(map(len, kept)),
    }
