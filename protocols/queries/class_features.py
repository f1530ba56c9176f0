"""`class_feature_sums`: target datasets of grouped closures, by secure aggregation alone."""

from dataclasses import dataclass
from typing import ClassVar

from protocols.queries.spec import (
    MAX_OUTPUTS,
    QueryError,
    check_class_name,
    check_digest,
    check_entries,
    check_range,
)

MAX_SLOTS = 2**16
MAX_SUMMED_ROWS = 2**22
"""Rows that one party draws for all slots of a question: it holds their numbers."""


@dataclass(frozen=True, slots=True)
class ClassFeatureSums:
    """Per slot, the sum of `g_mu` features over rows of one class that the node draws.

    A slot is one class of one target dataset; slots of one class draw independently of each other,
    so that one aggregation serves hundreds of (task, draw) pairs. How many rows each party sums in
    each slot stands in the aggregation's question, where all parties see it.

    It is no SQUERY: `decode_query` refuses it, so no node answers it in the clear.

    Vector: `slots` x `width` float64, flattened row by row; since the features have unit length,
    the entries of a slot lie within [-rows, rows].

    Attributes:
        backbone: Digest of `g_mu`'s file.
        slots: Names of classes, 1 to 65,536; the same class may have many slots.
        width: Features of `g_mu`; a backbone of another width is refused.
    """

    function: ClassVar[str] = "class_feature_sums"
    backbone: str
    slots: tuple[str, ...]
    width: int

    def __post_init__(self) -> None:
        check_digest("backbone", self.backbone)
        check_range("number of slots", len(self.slots), 1, MAX_SLOTS)
        for name in set(self.slots):
            check_class_name(name)
        check_range("width", self.width, 1, MAX_OUTPUTS)
        check_entries("the vector", len(self.slots), self.width)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The backbone's file."""
        return (self.backbone,)

    @property
    def length(self) -> int:
        """Entries of the vector."""
        return len(self.slots) * self.width

    def bound(self, rows: int) -> float:
        """Largest absolute value of an entry of a slot over so many rows of one party."""
        if rows < 0:
            raise QueryError(f"rows is {rows}; it must not be negative")
        return float(rows)
