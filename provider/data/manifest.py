"""What a snapshot holds, in a few lines, and the names of its files; see `snapshot.py`."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from provider.data.source import Layout

FORMAT: Final = "synlearn-snapshot/v1"
MANIFEST: Final = "manifest.json"
ROWS: Final = "rows.npy"
ORIGINS: Final = "origins.json"
TARGETS: Final = "targets.npy"


def content_file(layout: Layout) -> str:
    """Return the name of the file of the rows themselves."""
    return "pixels.npy" if layout.images else "features.npy"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot holds.

    Attributes:
        layout: Of each row.
        classes: Name and rows of each class, in the order of the rows.
        digest: SHA-256, hex; see the module.
    """

    layout: Layout
    classes: tuple[tuple[str, int], ...]
    digest: str

    @classmethod
    def of(
        cls, layout: Layout, classes: Sequence[tuple[str, int]], keys: Sequence[bytes]
    ) -> "Manifest":
        """Describe rows, each named by the digest of its content and targets, in order."""
        described = {
            "format": FORMAT,
            "shape": list(layout.shape),
            "targets": layout.targets,
            "classes": [list(item) for item in classes],
        }
        whole = hashlib.sha256(json.dumps(described, sort_keys=True).encode())
        for key in keys:
            whole.update(key)
        return cls(layout, tuple(classes), whole.hexdigest())

    def to_json(self) -> bytes:
        """Return the manifest as JSON."""
        table = {
            "format": FORMAT,
            "digest": self.digest,
            "shape": list(self.layout.shape),
            "dtype": self.layout.dtype.name,
            "targets": self.layout.targets,
            "classes": [list(item) for item in self.classes],
        }
        return (json.dumps(table, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Read what `to_json` wrote; raises ValueError, KeyError or TypeError where it did not."""
        table = json.loads(data)
        if table["format"] != FORMAT:
            raise ValueError(f"unknown format {table['format']!r}")
        layout = Layout(tuple(map(int, table["shape"])), int(table["targets"]))
        classes = tuple((str(name), int(rows)) for name, rows in table["classes"])
        return cls(layout, classes, str(table["digest"]))
