"""One look at the data: every row read once, in bounded memory, what is known not even once."""

import hashlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np

from provider.data.array_files import content_writer
from provider.data.labels import LEFT_OUT
from provider.data.report import CorruptRow
from provider.data.settings import SnapshotRules
from provider.data.source import Content, Layout, RowError, Source, SourceRow, Targets
from synlearn.errors import InputError

_AHEAD: Final = 256
"""Rows that are read side by side, and in memory at a time."""

Known = Mapping[str, tuple[str, bytes]]
"""Stamp, and SHA-256 of the content, of each origin."""


@dataclass(slots=True)
class Scan:
    """The rows that can be used, in the source's order.

    Attributes:
        origins: Where each lies.
        stamps: See `SourceRow`.
        classes: The federation's name of each one's class.
        contents: SHA-256 of each one's content, targets apart.
        targets: Of each, (t,) float32; empty where the layout has none.
        spooled: SHA-256 of contents that were read, as they follow each other in the spool.
        corrupt: Rows that cannot be used.
        left_out: Rows that the label map leaves out.
        reused: Rows that were not read.
    """

    origins: list[str] = field(default_factory=list)
    stamps: list[str] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    targets: list[Targets] = field(default_factory=list)
    spooled: list[bytes] = field(default_factory=list)
    corrupt: list[CorruptRow] = field(default_factory=list)
    left_out: int = 0
    reused: int = 0

    def keys(self) -> list[bytes]:
        """SHA-256 of each row's content with its targets: what a row is."""
        if not self.targets:
            return self.contents
        return [row_digest(*row) for row in zip(self.contents, self.targets, strict=True)]


def row_digest(content: bytes, targets: Targets) -> bytes:
    """What a row is: the digest of its content, and of its targets where it has some."""
    if not targets.size:
        return content
    return hashlib.sha256(content + targets.astype("<f4").tobytes()).digest()


@dataclass(frozen=True, slots=True)
class _Read:
    digest: bytes
    pixels: Content | None
    """None where they are kept elsewhere."""


def scan(
    source: Source, names: Mapping[str, str], known: Known, rules: SnapshotRules, spool: Path
) -> Scan:
    """Read the rows of a source.

    Args:
        source: The data.
        names: From local classes to the federation's.
        known: Rows whose content is kept elsewhere; with the same stamp they are not read.
        rules: Of corrupt rows, and how many threads read.
        spool: Contents that were read go to this file, `.npy`.

    Raises:
        InputError: The data cannot be listed, or too many rows cannot be used.
    """
    found = Scan()
    layout = source.layout
    have = {content for _, content in known.values()}
    with (
        ThreadPoolExecutor(rules.threads) as pool,
        content_writer(spool, layout) as writer,
    ):
        for row, content in _contents(source, names, known, pool, found):
            if isinstance(content, CorruptRow):
                found.corrupt.append(content)
                continue
            if content.pixels is None:
                found.reused += 1
            elif content.digest not in have:
                have.add(content.digest)
                found.spooled.append(content.digest)
                writer.append(content.pixels[None])
            _keep(found, row, names[row.label], content.digest, layout)
    check_corrupt(found, rules)
    return found


def check_corrupt(found: Scan, rules: SnapshotRules) -> None:
    """Apply the rule about rows that cannot be used.

    Raises:
        InputError: There are too many; the sentence names the first three.
    """
    bad, all_rows = len(found.corrupt), len(found.corrupt) + len(found.origins)
    if not bad:
        return
    first = "; ".join(str(row) for row in found.corrupt[:3])
    if rules.corrupt_rows == "refuse":
        raise InputError(
            f"{bad} of {all_rows} rows cannot be used ({first}); repair or remove them, or set "
            'corrupt_rows = "skip".'
        )
    if bad > rules.most_corrupt * all_rows:
        raise InputError(
            f"{bad} of {all_rows} rows cannot be used, more than most_corrupt = "
            f"{rules.most_corrupt} allows ({first}); repair or remove them."
        )


def _contents(
    source: Source,
    names: Mapping[str, str],
    known: Known,
    pool: Executor,
    found: Scan,
) -> Iterator[tuple[SourceRow, _Read | CorruptRow]]:
    """Each row's content, or what is wrong with it."""
    layout = source.layout

    def read(row: SourceRow) -> _Read | CorruptRow:
        stamp, digest = known.get(row.origin, ("", b""))
        try:
            same = row.stamp and row.stamp == stamp
            content = None if same else np.ascontiguousarray(row.read())
            if layout.targets and row.targets is None:
                raise RowError("has a target that is no finite number")
        except RowError as error:
            return CorruptRow(row.origin, str(error))
        if content is None:
            return _Read(digest, None)
        return _Read(hashlib.sha256(content.data).digest(), content)

    rows = source.rows()
    while some := list(islice(rows, _AHEAD)):
        used = [row for row in some if not row.label or names.get(row.label) != LEFT_OUT]
        found.left_out += len(some) - len(used)
        for row in used:
            if row.label and row.label not in names:
                raise InputError(
                    f"The class '{row.label}' appeared while the data was read; try again when "
                    "nothing writes to it."
                )
        yield from zip(used, pool.map(read, used), strict=True)


def _keep(found: Scan, row: SourceRow, name: str, digest: bytes, layout: Layout) -> None:
    found.origins.append(row.origin)
    found.stamps.append(row.stamp)
    found.classes.append(name)
    found.contents.append(digest)
    if layout.targets:
        assert row.targets is not None  # noqa: S101 - was checked when it was read
        found.targets.append(row.targets)
