"""An immutable, content-addressed folder of rows, and the data set that answers from it.

A folder `<digest>/` of mode 0700 holds

- `pixels.npy`, (n, h, w, c) uint8, or `features.npy`, (n, f) float32: the rows, class by class;
- `targets.npy`, (n, t) float32, where there are values to predict;
- `rows.npy`, (n, 64) uint8: SHA-256 of each row's content, and of content and targets together;
- `origins.json`: where each row came from, for the owner alone;
- `manifest.json`: shape, classes in order with their rows, and the digest.

The digest covers whatever answers depend on: the shape, the classes and each row, in order. Where
rows came from does not change it.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from provider.data.array_files import Array, mapped, pieces
from provider.data.manifest import MANIFEST, ORIGINS, ROWS, TARGETS, Manifest, content_file
from provider.data.scan import row_digest
from provider.data.source import Layout
from provider.dataset import Float32, Indices
from synlearn.errors import InputError


class SnapshotDataset:
    """The rows of one snapshot, mapped and never changed: a `provider.dataset.Dataset`.

    Args:
        folder: A snapshot's folder.

    Raises:
        InputError: It is not there, or is damaged; see `verify` for damage to rows themselves.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            manifest = Manifest.from_json((folder / MANIFEST).read_bytes())
            layout = manifest.layout
            self._content = mapped(folder / content_file(layout))
            self._digests = mapped(folder / ROWS)
            self._targets = mapped(folder / TARGETS) if layout.targets else None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"The snapshot {folder} is missing or damaged ({error}); remove it, and make "
                "another one from the data."
            ) from error
        self._layout = layout
        self._classes = dict(manifest.classes)
        starts = np.cumsum([0, *self._classes.values()])
        self._starts = dict(zip(self._classes, starts[:-1].tolist(), strict=True))
        self._rows = int(starts[-1])
        self._check(manifest)
        self.digest = manifest.digest

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self._rows

    @property
    def layout(self) -> Layout:
        """What each row is."""
        return self._layout

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Channels, height, width; (features, 1, 1) for numbers of a table."""
        return self._layout.input_shape

    @property
    def targets(self) -> int:
        """Values to predict for each row."""
        return self._layout.targets

    @property
    def classes(self) -> Mapping[str, int]:
        """Rows of each class, sorted by name."""
        return dict(self._classes)

    def rows_of(self, name: str) -> Indices:
        """Rows of a class in the order in which they came to be; none of one not held."""
        start = self._starts.get(name, 0)
        return np.arange(start, start + self._classes.get(name, 0))

    def images(self, rows: Indices) -> Float32:
        """Rows, (n, channels, height, width), images in [0, 1]; numbers of a table as they are."""
        content = self._content[rows]
        if not self._layout.images:
            return np.ascontiguousarray(content, np.float32).reshape(len(rows), -1, 1, 1)
        found = content.astype(np.float32)
        found /= np.float32(255)
        return found.transpose(0, 3, 1, 2)  # a view: to move bytes around would cost as much again

    def values(self, rows: Indices) -> Float32:
        """Values to predict for the given rows, (n, targets)."""
        if self._targets is None:
            return np.empty((len(rows), 0), np.float32)
        return np.asarray(self._targets[rows], np.float32)

    def contents(self) -> list[bytes]:
        """SHA-256 of each row's content, targets apart."""
        return [row.tobytes() for row in self._digests[:, :32]]

    def origins(self) -> list[str]:
        """Where each row came from; for the owner alone.

        Raises:
            InputError: The list is damaged.
        """
        try:
            found = json.loads((self.folder / ORIGINS).read_bytes())
        except (OSError, ValueError) as error:
            raise InputError(f"{self.folder / ORIGINS} is damaged; remove the snapshot.") from error
        return [str(origin) for origin in found]

    def verify(self) -> None:
        """Read every row and compare it with its digest.

        Raises:
            InputError: One is not what it was; the sentence names it.
        """
        for piece in pieces(self._rows, self._layout.row_bytes):
            values = self.values(np.arange(piece.start, piece.stop))
            kept = self._digests[piece]
            for place, row in enumerate(self._content[piece]):
                content = hashlib.sha256(np.ascontiguousarray(row).data).digest()
                if content + row_digest(content, values[place]) != kept[place].tobytes():
                    raise InputError(
                        f"Row {piece.start + place} of the snapshot {self.folder} is damaged; "
                        "remove the snapshot, and make another one from the data."
                    )

    def _check(self, manifest: Manifest) -> None:
        """Check shapes and the digest; rows themselves are read by `verify`."""
        layout, rows = manifest.layout, self._rows
        fits = _is(self._content, (rows, *layout.shape), layout.dtype)
        fits &= _is(self._digests, (rows, 64), np.dtype("u1"))
        if self._targets is not None:
            fits &= _is(self._targets, (rows, layout.targets), np.dtype("<f4"))
        keys = [row.tobytes() for row in self._digests[:, 32:]] if fits else []
        again = Manifest.of(layout, manifest.classes, keys)
        if not fits or again.digest != manifest.digest or manifest.digest != self.folder.name:
            raise InputError(
                f"The snapshot {self.folder} is damaged: its parts do not fit its digest; remove "
                "it, and make another one from the data."
            )


def _is(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return array.shape == shape and array.dtype == dtype
