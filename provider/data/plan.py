"""What the next snapshot holds: the rule of `visible.py`, applied to what a scan found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from provider.data.manifest import Manifest
from provider.data.record import Record
from provider.data.scan import Scan, row_digest
from provider.data.settings import SnapshotRules
from provider.data.snapshot import SnapshotDataset
from provider.data.source import Layout, Targets
from provider.data.visible import Cohort, RowKey, next_cohorts, numbered, visible_rows

Former = tuple[Record, SnapshotDataset]


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One visible row.

    Attributes:
        key: SHA-256 of its content with its targets.
        content: SHA-256 of its content.
        targets: (t,) float32.
        origin: Where it lies.
    """

    key: bytes
    content: bytes
    targets: Targets
    origin: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The next snapshot and record.

    Attributes:
        manifest: Of the snapshot.
        rows: Visible rows, class by class.
        cohorts: Of each class there ever was.
        waiting: Rows that are there but not visible, of each class that has some.
        waiting_contents: SHA-256 of contents that only such rows have.
        gone: Rows that are visible but no longer there.
        copies: Rows that are exact copies of another one of their class.
    """

    manifest: Manifest
    rows: Sequence[PlannedRow]
    cohorts: Mapping[str, tuple[Cohort, ...]]
    waiting: Mapping[str, int]
    waiting_contents: Sequence[bytes]
    gone: int
    copies: int


def plan(found: Scan, former: Former | None, rules: SnapshotRules, layout: Layout) -> Plan:
    """Decide about every row.

    Args:
        found: What is there now.
        former: Record and snapshot that are current; None where there are none.
        rules: `min_rows` and what happens to removed rows.
        layout: Of each row.
    """
    there = _by_class(found)
    before = former[0].cohorts if former else {}
    cohorts = {
        name: next_cohorts(
            before.get(name, ()),
            list(there.get(name, ())),
            rules.min_rows,
            wait=rules.removed_rows == "wait",
        )
        for name in sorted(before.keys() | there.keys())
    }
    shown = {name: visible_rows(cohorts[name]) for name in cohorts}
    old = _former_rows(former) if former else {}
    rows = [
        _row(found, there[name][key]) if key in there.get(name, ()) else old[name, key]
        for name, keys in shown.items()
        for key in keys
    ]
    hidden = {name: set(keys) - set(shown[name]) for name, keys in there.items()}
    kept = {row.content for row in rows}
    waiting = {
        found.contents[there[name][key]]: None for name, keys in hidden.items() for key in keys
    }
    classes = [(name, len(keys)) for name, keys in shown.items() if keys]
    return Plan(
        manifest=Manifest.of(layout, classes, [row.key for row in rows]),
        rows=rows,
        cohorts={name: own for name, own in cohorts.items() if own},
        waiting={name: len(keys) for name, keys in hidden.items() if keys},
        waiting_contents=[content for content in waiting if content not in kept],
        gone=sum(key not in there.get(name, ()) for name, keys in shown.items() for key in keys),
        copies=sum(key.copy > 0 for keys in there.values() for key in keys),
    )


def _by_class(found: Scan) -> dict[str, dict[RowKey, int]]:
    """Rows of each class in order, and their positions in the scan."""
    positions: dict[str, list[int]] = {}
    for position, name in enumerate(found.classes):
        positions.setdefault(name, []).append(position)
    keys = found.keys()
    return {
        name: dict(zip(numbered([keys[place] for place in own]), own, strict=True))
        for name, own in positions.items()
    }


def _row(found: Scan, position: int) -> PlannedRow:
    targets = found.targets[position] if found.targets else np.empty(0, np.float32)
    content = found.contents[position]
    return PlannedRow(row_digest(content, targets), content, targets, found.origins[position])


def _former_rows(former: Former) -> dict[tuple[str, RowKey], PlannedRow]:
    """Rows of the former snapshot, which lie in the order of the visible cohorts."""
    record, snapshot = former
    contents, origins = snapshot.contents(), snapshot.origins()
    targets = snapshot.values(np.arange(snapshot.rows))
    names = [
        (name, key) for name in sorted(record.cohorts) for key in visible_rows(record.cohorts[name])
    ]
    return {
        name: PlannedRow(name[1].content, contents[place], targets[place], origins[place])
        for place, name in enumerate(names)
    }
