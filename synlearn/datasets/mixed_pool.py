"""All images of the mixed experiment in one table, small and of one size, each with its part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.labelled_images import LabelledImages
from synlearn.datasets.look_alikes import look_alikes
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_split import DomainSplit, MixedSplit, parts_of, rows_digest
from synlearn.datasets.small_pictures import Pictures, moved_copy, to_pictures
from synlearn.errors import InputError

_COPIED: Final = (Part.EXAMPLES, Part.TRUTH_A, Part.TRUTH_B)

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PoolClass:
    """A class of the pool. kind: see `Kind`; group: superclass or alphabet, or empty."""

    domain: str
    name: str
    kind: str
    group: str

    @property
    def full_name(self) -> str:
        """Set and name, such as `cifar100/bear`: no two classes of the pool share it."""
        return f"{self.domain}/{self.name}"


@dataclass(frozen=True, slots=True)
class MixedPool:
    """The table.

    Attributes:
        pictures: (n, 32, 32, 3) uint8.
        labels: (n,) int64, index into `classes`.
        parts: (n,) text, values of `Part`.
        images: (n,) int64, which image a row shows: moved copies share it with their original.
        classes: The classes, over all sets.
    """

    pictures: Pictures
    labels: Indices
    parts: NDArray[np.str_]
    images: Indices
    classes: tuple[PoolClass, ...]
    _rows: dict[tuple[str, int], Indices] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        order = np.lexsort((self.labels, self.parts))
        changes = (np.diff(self.labels[order]) != 0) | (
            self.parts[order][1:] != self.parts[order][:-1]
        )
        groups = np.split(order, np.flatnonzero(changes) + 1) if len(order) else []
        found = {(str(self.parts[rows[0]]), int(self.labels[rows[0]])): rows for rows in groups}
        object.__setattr__(self, "_rows", found)

    def __len__(self) -> int:
        return len(self.pictures)

    def rows(self, part: Part, label: int | None = None) -> Indices:
        """Return the rows of a part, rising; of one class only where `label` is given."""
        if label is None:
            return np.flatnonzero(self.parts == part.value)
        return self._rows.get((part.value, label), np.empty(0, np.int64))

    def only(self, parts: Sequence[Part]) -> "MixedPool":
        """Return a pool of the rows of these parts; classes keep their positions."""
        rows = np.flatnonzero(np.isin(self.parts, [part.value for part in parts]))
        return MixedPool(
            self.pictures[rows],
            self.labels[rows],
            self.parts[rows],
            self.images[rows],
            self.classes,
        )

    def labels_of(self, part: Part) -> list[int]:
        """Return the classes that have images of a part, rising."""
        return sorted(label for name, label in self._rows if name == part.value)


def build_pool(
    split: MixedSplit, sources: Mapping[str, LabelledImages], anchors: Pictures | None = None
) -> MixedPool:
    """Bring the sets' images together as the manifest says.

    Args:
        split: The manifest.
        sources: The sets, by name.
        anchors: (a, 32, 32, 3) uint8, public pictures that models are described by: an image that
            is one of them is for nothing else, whatever a manifest of other data or another seed
            says.

    Raises:
        InputError: A set is not the one that the manifest was made from.
    """
    classes: list[PoolClass] = []
    pictures, labels, parts, images = [], [], [], []
    first_image = 0
    for domain in split.domains:
        source = sources[domain.name]
        part_of = _verified(domain, source, split.seed)
        used = np.flatnonzero(part_of != "")
        originals = to_pictures(source.images[used])
        if anchors is not None:
            taken = look_alikes(originals, anchors) & (part_of[used] != Part.ANCHOR.value)
            used, originals = used[~taken], originals[~taken]
        kind_of = {name: kind for kind, names in domain.classes.items() for name in names}
        number = {}
        for name, group in zip(source.class_names, source.groups, strict=True):
            if name in kind_of:
                number[name] = len(classes)
                classes.append(PoolClass(domain.name, name, kind_of[name], group))
        table = _with_copies(originals, part_of[used], domain)
        pictures.append(table.pictures)
        parts.append(part_of[used][table.original])
        images.append(first_image + table.original)
        own = np.array([number[source.class_names[label]] for label in source.labels[used]])
        labels.append(own[table.original])
        first_image += len(used)
    return MixedPool(
        np.concatenate(pictures),
        np.concatenate(labels).astype(np.int64),
        np.concatenate(parts),
        np.concatenate(images).astype(np.int64),
        tuple(classes),
    )


@dataclass(frozen=True, slots=True)
class _Table:
    pictures: Pictures
    original: Indices


def _with_copies(originals: Pictures, parts: NDArray[np.str_], domain: DomainSplit) -> _Table:
    """Return the originals, each of the test's parts followed by its moved copies."""
    repeats = np.where(np.isin(parts, [part.value for part in _COPIED]), domain.copies, 1)
    original = np.repeat(np.arange(len(originals)), repeats)
    pictures = originals[original]
    copy = np.arange(len(original)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    for row in np.flatnonzero(copy):
        pictures[row] = moved_copy(pictures[row], f"{domain.name}/{original[row]}/{copy[row]}")
    return _Table(pictures, original)


def _verified(domain: DomainSplit, source: LabelledImages, seed: int) -> NDArray[np.str_]:
    parts = parts_of(domain, source, seed) if source.digest() == domain.images else None
    if parts is None or rows_digest(parts) != domain.rows:
        raise InputError(
            f"The images of {domain.name} are not those that the split was made from; use the same "
            "files, or make a split of yours with `synlearn zoo mixed split`."
        )
    return parts
