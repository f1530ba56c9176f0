"""What a fuzzer drives: a function of bytes that raises only where there is a defect.

Two engines drive the same targets: hypothesis, in the tests, and atheris, guided by coverage, in
`python -m tests.fuzz`. Both begin with seeds that code makes of real objects, so that no blob is
committed, and both use a target's own mutator, since bytes changed at random rarely parse.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

Mutator: TypeAlias = Callable[[bytes, Random], bytes]
"""Makes another input of one."""


@dataclass(frozen=True, slots=True)
class Target:
    """One thing to fuzz.

    Attributes:
        name: On the command line, and in tests.
        run: Raises on a defect, and only then.
        seeds: Makes inputs that go well; at least one.
        mutate: See `Mutator`.
        share: Of the time, relative to other targets.
        examples: In the tests; fewer where one is slow.
        largest: Bytes of an input.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Sequence[bytes]]
    mutate: Mutator
    share: float = 1.0
    examples: int = 100
    largest: int = 2**16


class Choices:
    """Decisions read from an input, in order; zeros once it is used up."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        """Bytes not yet used."""
        return len(self._data) - self._at

    def take(self, count: int) -> bytes:
        """The next bytes; fewer at the end."""
        found = self._data[self._at : self._at + count]
        self._at += len(found)
        return found

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1."""
        return int.from_bytes(self.take(1 if limit <= 256 else 4), "little") % limit
