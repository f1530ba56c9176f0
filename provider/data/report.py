"""What the owner is told about a snapshot."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True, order=True)
class CorruptRow:
    """A row that could not be used.

    Attributes:
        origin: Which.
        reason: Fits behind the origin.
    """

    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.origin} {self.reason}"


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What came of a look at the data.

    Attributes:
        digest: Of the snapshot that is current now.
        changed: Whether it is another one than before.
        rows: That questions see.
        classes: Rows that questions see, of each class.
        waiting: Rows that are there but not visible (yet), of each class that has some.
        gone: Rows that are visible but no longer there: removals that wait.
        left_out: Rows whose class the label map leaves out.
        corrupt: Rows that could not be used, all of them.
        newly_corrupt: Those that the report before did not name.
        copies: Rows that are exact copies of another one of their class.
        read: Rows that were read now.
        reused: Rows known from before, not read again.
    """

    digest: str
    changed: bool
    rows: int
    classes: Mapping[str, int]
    waiting: Mapping[str, int]
    gone: int
    left_out: int
    corrupt: tuple[CorruptRow, ...]
    newly_corrupt: tuple[CorruptRow, ...]
    copies: int
    read: int
    reused: int

    def to_json(self) -> bytes:
        """Return the report as JSON."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "SnapshotReport":
        """Read what `to_json` wrote; raises ValueError, KeyError or TypeError where it did not."""
        table = json.loads(data)
        for key in ("corrupt", "newly_corrupt"):
            table[key] = tuple(CorruptRow(**row) for row in table[key])
        return cls(**table)
