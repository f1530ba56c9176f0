"""Writes a planned snapshot and its record; neither counts before the store says so."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provider.data.array_files import RowWriter, content_writer
from provider.data.contents import Contents
from provider.data.manifest import MANIFEST, ORIGINS, ROWS, TARGETS, content_file
from provider.data.plan import Former, Plan
from provider.data.private_files import check_room, create, folder_that_appears_whole
from provider.data.record import WAITING, Record
from provider.data.report import SnapshotReport
from provider.data.scan import Scan

_ROWS_AT_A_TIME = 4096


@dataclass(frozen=True, slots=True)
class Spool:
    """Contents that a scan has read.

    Attributes:
        file: A `.npy` file that may be moved away.
        digests: SHA-256 of each of its rows.
    """

    file: Path
    digests: list[bytes]


def write_snapshot(folder: Path, planned: Plan, contents: Contents, spool: Spool) -> None:
    """Write a snapshot into a folder of its own, unless it is there already.

    Where the spool holds just its rows, in order, the spool becomes part of it.

    Raises:
        InputError: There is no room on the disk.
    """
    if folder.exists():
        return
    layout = planned.manifest.layout
    wanted = [row.content for row in planned.rows]
    moved = wanted == spool.digests
    if not moved:
        check_room(folder.parent, len(wanted) * layout.row_bytes)
    with folder_that_appears_whole(folder) as new:
        if moved:
            spool.file.rename(new / content_file(layout))
        else:
            with content_writer(new / content_file(layout), layout) as writer:
                contents.copy(wanted, writer)
        _write_digests(new / ROWS, planned)
        if layout.targets:
            with RowWriter(new / TARGETS, (layout.targets,), np.dtype("<f4")) as writer:
                writer.append(np.stack([row.targets for row in planned.rows]).astype("<f4"))
        with create(new / ORIGINS) as file:
            file.write(json.dumps([row.origin for row in planned.rows]).encode())
        with create(new / MANIFEST) as file:
            file.write(planned.manifest.to_json())


def write_record(
    folder: Path, planned: Plan, found: Scan, contents: Contents, report: SnapshotReport
) -> None:
    """Write a record, with the contents that wait, into a folder of its own."""
    layout = planned.manifest.layout
    known = {
        origin: (stamp, content)
        for origin, stamp, content in zip(found.origins, found.stamps, found.contents, strict=True)
        if stamp
    }
    with folder_that_appears_whole(folder) as new:
        with content_writer(new / WAITING, layout) as writer:
            contents.copy(planned.waiting_contents, writer)
        Record(layout, planned.cohorts, known, planned.waiting_contents, report).write(new)


def report_of(found: Scan, planned: Plan, former: Former | None) -> SnapshotReport:
    """Tell what came of a scan."""
    named_before = set(former[0].report.corrupt) if former else set()
    digest = planned.manifest.digest
    return SnapshotReport(
        digest=digest,
        changed=former is None or former[0].report.digest != digest,
        rows=len(planned.rows),
        classes=dict(planned.manifest.classes),
        waiting=planned.waiting,
        gone=planned.gone,
        left_out=found.left_out,
        corrupt=tuple(found.corrupt),
        newly_corrupt=tuple(row for row in found.corrupt if row not in named_before),
        copies=planned.copies,
        read=len(found.origins) - found.reused,
        reused=found.reused,
    )


def _write_digests(file: Path, planned: Plan) -> None:
    with RowWriter(file, (64,), np.dtype("u1")) as writer:
        for first in range(0, len(planned.rows), _ROWS_AT_A_TIME):
            some = planned.rows[first : first + _ROWS_AT_A_TIME]
            digests = b"".join(row.content + row.key for row in some)
            writer.append(np.frombuffer(digests, np.uint8).reshape(-1, 64))
