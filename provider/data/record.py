"""What the store remembers between two looks at the data, beside the snapshots themselves.

A folder of mode 0700: `record.json` (the snapshot it belongs to, the layout, all cohorts there ever
were, stamp and content of each origin), `waiting.npy` (contents that are there but not visible) and
`report.json`. It is replaced as a whole.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from provider.data.private_files import create
from provider.data.report import SnapshotReport
from provider.data.scan import Known
from provider.data.source import Layout
from provider.data.visible import Cohort, RowKey
from synlearn.errors import InputError

FORMAT: Final = "synlearn-record/v1"
WAITING: Final = "waiting.npy"
_RECORD: Final = "record.json"
_REPORT: Final = "report.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is remembered.

    Attributes:
        layout: Of each row.
        cohorts: All there ever were, of each class.
        known: What was read of each origin.
        waiting: SHA-256 of the contents in `waiting.npy`, in order.
        report: Of the last look at the data; names the current snapshot.
    """

    layout: Layout
    cohorts: Mapping[str, Sequence[Cohort]]
    known: Known
    waiting: Sequence[bytes]
    report: SnapshotReport = field(repr=False)

    def write(self, folder: Path) -> None:
        """Write everything but `waiting.npy` into a folder."""
        table = {
            "format": FORMAT,
            "shape": list(self.layout.shape),
            "targets": self.layout.targets,
            "cohorts": {
                name: [
                    {
                        "visible": cohort.visible,
                        "rows": "".join(row.content.hex() for row in cohort.rows),
                        "copies": {
                            place: row.copy for place, row in enumerate(cohort.rows) if row.copy
                        },
                    }
                    for cohort in cohorts
                ]
                for name, cohorts in self.cohorts.items()
            },
            "known": {
                origin: [stamp, content.hex()] for origin, (stamp, content) in self.known.items()
            },
            "waiting": "".join(content.hex() for content in self.waiting),
        }
        with create(folder / _RECORD) as file:
            file.write(json.dumps(table).encode())
        with create(folder / _REPORT) as file:
            file.write(self.report.to_json())

    @classmethod
    def read(cls, folder: Path) -> "Record":
        """Read what `write` wrote.

        Raises:
            InputError: It is not there, or damaged.
        """
        try:
            table = json.loads((folder / _RECORD).read_bytes())
            if table["format"] != FORMAT:
                raise ValueError(f"unknown format {table['format']!r}")
            return cls(
                layout=Layout(tuple(map(int, table["shape"])), int(table["targets"])),
                cohorts={
                    name: tuple(_cohort(cohort) for cohort in cohorts)
                    for name, cohorts in table["cohorts"].items()
                },
                known={
                    origin: (str(stamp), bytes.fromhex(content))
                    for origin, (stamp, content) in table["known"].items()
                },
                waiting=_split(table["waiting"]),
                report=read_report(folder),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(damaged(folder)) from error


def read_report(folder: Path) -> SnapshotReport:
    """Read the report alone.

    Raises:
        InputError: It is not there, or damaged.
    """
    try:
        return SnapshotReport.from_json((folder / _REPORT).read_bytes())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(damaged(folder)) from error


def damaged(folder: Path) -> str:
    """Say that the record of a store cannot be used, and what that means."""
    return (
        f"The record {folder} of what was visible is missing or damaged; restore the store from a "
        "backup (or begin a new store, which forgets what former snapshots gave away)."
    )


def _cohort(table: Mapping[str, object]) -> Cohort:
    copies = table["copies"]
    if not isinstance(copies, dict) or not isinstance(table["visible"], bool):
        raise TypeError("no cohort")
    rows = tuple(
        RowKey(content, int(copies.get(str(place), 0)))
        for place, content in enumerate(_split(str(table["rows"])))
    )
    return Cohort(rows, table["visible"])


def _split(text: str) -> list[bytes]:
    data = bytes.fromhex(text)
    return [data[start : start + 32] for start in range(0, len(data), 32)]
