"""Snapshots on disk: makes the next one, keeps those in use, and remembers what was visible.

    store/
      current.json         which record counts; replaced last, in one step
      records/<name>/      see `record.py`
      snapshots/<digest>/  see `snapshot.py`

A look at the data that stops at any point leaves the former snapshot and record current.
"""

import json
import re
import secrets
import shutil
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from provider.data.contents import Contents
from provider.data.labels import LEFT_OUT, LabelMap
from provider.data.manifest import content_file
from provider.data.plan import Former, plan
from provider.data.private_files import (
    PARTIAL,
    BusyError,
    check_room,
    full_disk_said_plainly,
    only_one,
    private_folder,
    remove_partial,
    write_private,
)
from provider.data.publish import Spool, report_of, write_record, write_snapshot
from provider.data.record import WAITING, Record, damaged, read_report
from provider.data.report import SnapshotReport
from provider.data.scan import scan
from provider.data.settings import SnapshotRules
from provider.data.snapshot import SnapshotDataset
from provider.data.source import Layout, Source
from synlearn.errors import InputError

_CURRENT: Final = "current.json"
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_RECORD: Final = re.compile(r"[0-9a-f]{16}")


class SnapshotStore:
    """All snapshots of one node.

    Args:
        folder: Made, of mode 0700, where it is not there.

    Raises:
        InputError: The folder cannot be made, or others may look into it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = private_folder(folder)
        self._snapshots = private_folder(folder / "snapshots")
        self._records = private_folder(folder / "records")
        try:
            with self._alone():
                self._clean()
        except BusyError:
            pass  # whoever writes there has cleaned up before

    def current(self) -> SnapshotDataset:
        """Open the snapshot that new jobs answer from.

        Raises:
            InputError: There is none yet, or it is damaged.
        """
        return self.open(self.report().digest)

    def open(self, digest: str) -> SnapshotDataset:
        """Open a snapshot by its digest, such as that of a job that began with it.

        Raises:
            InputError: It is no longer there, or damaged.
        """
        if not _DIGEST.fullmatch(digest):
            raise InputError(f"{digest!r} is no digest of a snapshot; it has 64 hex digits.")
        return SnapshotDataset(self._snapshots / digest)

    def report(self) -> SnapshotReport:
        """Return what the last look at the data found.

        Raises:
            InputError: There was none yet, or the record is damaged.
        """
        record = self._record()
        if record is None:
            raise InputError(f"{self._folder} holds no snapshot yet; look at the data first.")
        return read_report(record)

    def refresh(self, source: Source, labels: LabelMap, rules: SnapshotRules) -> SnapshotReport:
        """Look at the data, and make what the rules allow visible to jobs that begin later.

        Args:
            source: The data.
            labels: The owner's classes to the federation's.
            rules: See `SnapshotRules`.

        Raises:
            InputError: The data, the label map or the disk does not allow it, or another process
                does the same; nothing has changed.
        """
        with self._alone(), full_disk_said_plainly(self._folder):
            self._clean()
            former = self._former(source.layout)
            local = source.local_classes()
            names = labels.resolve(local)
            used = sum(rows for name, rows in local.items() if names[name] != LEFT_OUT)
            if not used:
                raise InputError("No row is of a class that the label map uses; map one.")
            if former is None:
                check_room(self._folder, used * source.layout.row_bytes)
            work = self._folder / f"{PARTIAL}scan-{secrets.token_hex(4)}"
            work.mkdir(mode=0o700)
            try:
                return self._renew(source, names, rules, former, work)
            finally:
                shutil.rmtree(work, ignore_errors=True)

    def keep_only(self, in_use: Collection[str]) -> int:
        """Remove snapshots that are neither current nor in use; returns how many.

        None is removed while another process looks at the data. Whoever has one open can go on
        reading it.
        """
        try:
            with self._alone():
                record = self._record()
                kept = {*in_use, *([read_report(record).digest] if record else [])}
                old = [path for path in self._snapshots.iterdir() if path.name not in kept]
                for path in old:
                    path.rename(path.with_name(f"{PARTIAL}{path.name}"))
                remove_partial(self._snapshots)
                return len(old)
        except BusyError:
            return 0

    def _renew(
        self,
        source: Source,
        names: Mapping[str, str],
        rules: SnapshotRules,
        former: Former | None,
        work: Path,
    ) -> SnapshotReport:
        """Read what is new, write snapshot and record, and make them current."""
        layout, file = source.layout, work / "spool.npy"
        found = scan(source, names, former[0].known if former else {}, rules, file)
        planned = plan(found, former, rules, layout)
        if not planned.rows:
            waiting = ", ".join(f"{rows} of {name}" for name, rows in planned.waiting.items())
            raise InputError(
                f"No class has {rules.min_rows} rows that may become visible together (there are "
                f"{waiting or 'none'}); gather more, or lower min_rows."
            )
        contents = Contents(layout)
        if former:
            record, snapshot = former
            contents.add(snapshot.folder / content_file(layout), snapshot.contents())
            contents.add((self._record() or work) / WAITING, record.waiting)
        contents.add(file, found.spooled)
        report = report_of(found, planned, former)
        name = secrets.token_hex(8)
        write_record(self._records / name, planned, found, contents, report)
        folder = self._snapshots / planned.manifest.digest
        write_snapshot(folder, planned, contents, Spool(file, found.spooled))
        write_private(self._folder / _CURRENT, json.dumps({"record": name}).encode())
        self._clean()
        return report

    def _alone(self) -> AbstractContextManager[None]:
        return only_one(self._folder / "lock")

    def _record(self) -> Path | None:
        """The record that counts; None before the first look at the data."""
        file = self._folder / _CURRENT
        try:
            name = json.loads(file.read_bytes())["record"]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(damaged(file)) from error
        if not isinstance(name, str) or not _RECORD.fullmatch(name):
            raise InputError(damaged(file))
        return self._records / name

    def _former(self, layout: Layout) -> Former | None:
        folder = self._record()
        if folder is None:
            return None
        record = Record.read(folder)
        if record.layout != layout:
            raise InputError(
                f"The snapshots in {self._folder} hold rows of shape {record.layout.shape} with "
                f"{record.layout.targets} targets, but the data has {layout.shape} with "
                f"{layout.targets}; begin a new store in another folder."
            )
        return record, self.open(record.report.digest)

    def _clean(self) -> None:
        """Remove what was never finished, and records that no longer count."""
        for folder in (self._folder, self._snapshots, self._records):
            remove_partial(folder)
        current = self._record()
        for record in self._records.iterdir():
            if record != current:
                shutil.rmtree(record)
