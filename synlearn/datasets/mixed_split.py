"""The manifest of the mixed experiment: which class is of which kind, and who holds which classes.

It names every class and states the digest of every set's images and of the resulting rows, so that
anyone with the same data gets the same experiment, and with other data a clear refusal.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.labelled_images import LabelledImages
from synlearn.datasets.mixed_plan import (
    CLASSES_PER_PROVIDER,
    DOMAINS,
    PROVIDERS_PER_CLASS,
    DomainPlan,
    KindPlan,
    Part,
    Unit,
)
from synlearn.datasets.repeats import first_of_their_kind
from synlearn.datasets.stable_draw import stable_order
from synlearn.errors import InputError
from synlearn.zoo.records import RecordError, parse_record

FORMAT: Final = "synlearn-mixed-split/1"
_NAMESPACE: Final = "synlearn/mixed/v1"


@dataclass(frozen=True, slots=True)
class DomainSplit:
    """How one set was divided.

    Attributes:
        name: Of the set.
        images: Digest of what the loader gave (`LabelledImages.digest`).
        copies: As in `DomainPlan`.
        classes: Kind to the names of its classes.
        shares: Kind to part to images of each class; None: all that are left.
        rows: SHA-256 of the part of every image; see `parts_of`.
    """

    name: str
    images: str
    copies: int
    classes: dict[str, tuple[str, ...]]
    shares: dict[str, dict[str, int | None]]
    rows: str


@dataclass(frozen=True, slots=True)
class Holder:
    """A provider: the classes of one set that it holds."""

    domain: str
    classes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MixedSplit:
    """The whole manifest. seed: of every draw in it."""

    format: str
    seed: int
    domains: tuple[DomainSplit, ...]
    providers: tuple[Holder, ...]

    def to_json(self) -> bytes:
        """Return it as JSON; the same manifest always has the same bytes."""
        return (json.dumps(asdict(self), indent=1) + "\n").encode()

    @property
    def digest(self) -> str:
        """SHA-256, hex, of its JSON."""
        return hashlib.sha256(self.to_json()).hexdigest()


def read_split(path: Path) -> MixedSplit:
    """Read a manifest; raises InputError when it is none."""
    try:
        split = parse_record(MixedSplit, path.read_bytes())
    except (OSError, RecordError) as error:
        raise InputError(
            f"{path} is not a usable split manifest: {error}; make it again."
        ) from error
    if split.format != FORMAT:
        raise InputError(
            f"{path} has format {split.format!r}, but this version reads {FORMAT!r}; make it again."
        )
    return split


def make_split(
    sources: Mapping[str, LabelledImages], seed: int, plans: Sequence[DomainPlan] = DOMAINS
) -> MixedSplit:
    """Divide the sets as planned.

    Raises:
        InputError: A set has too few classes, or a class too few images.
    """
    domains = tuple(_divided(plan, sources[plan.name], seed) for plan in plans)
    providers = tuple(holder for domain in domains for holder in _holders(domain, seed))
    return MixedSplit(FORMAT, seed, domains, providers)


def parts_of(domain: DomainSplit, images: LabelledImages, seed: int) -> NDArray[np.str_]:
    """Return the part of every image, (n,); an empty text where it is not used.

    Images that repeat an earlier one of the set, pixel by pixel, are not used: CIFAR-100 has such
    pairs, some of them with two labels.

    Raises:
        InputError: A class is not there, or has too few images.
    """
    parts = np.zeros(len(images), dtype="U8")
    usable = first_of_their_kind(images.images)
    index = {name: label for label, name in enumerate(images.class_names)}
    for kind, names in domain.classes.items():
        for name in names:
            if name not in index:
                raise InputError(f"Set {domain.name} has no class {name!r}, which the split names.")
            rows = np.flatnonzero((images.labels == index[name]) & usable)
            order = stable_order(f"{_NAMESPACE}/images/seed={seed}/{domain.name}/{name}", len(rows))
            _deal(parts, rows[order], domain.shares[kind], f"class {name} of set {domain.name}")
    return parts


def _deal(
    parts: NDArray[np.str_],
    rows: NDArray[np.int64],
    shares: Mapping[str, int | None],
    where: str,
) -> None:
    start = 0
    for part, count in shares.items():
        stop = len(rows) if count is None else start + count
        if stop > len(rows):
            raise InputError(
                f"{where.capitalize()} has {len(rows)} different images, but the split deals out "
                f"at least {stop}; use the whole set, or make another split."
            )
        parts[rows[start:stop]] = part
        start = stop


def _divided(plan: DomainPlan, images: LabelledImages, seed: int) -> DomainSplit:
    classes = _classes(plan, images, seed)
    shares = {
        str(kind.kind): {str(part): count for part, count in kind.shares.items()}
        for kind in plan.kinds
    }
    undigested = DomainSplit(plan.name, images.digest(), plan.copies, classes, shares, "")
    rows = rows_digest(parts_of(undigested, images, seed))
    return DomainSplit(plan.name, undigested.images, plan.copies, classes, shares, rows)


def rows_digest(parts: NDArray[np.str_]) -> str:
    """Return the SHA-256, hex, of the parts of a set's images, in order."""
    return hashlib.sha256("\n".join(parts.tolist()).encode()).hexdigest()


def _classes(plan: DomainPlan, images: LabelledImages, seed: int) -> dict[str, tuple[str, ...]]:
    """Return kind to class names, sorted."""
    where = f"{_NAMESPACE}/classes/seed={seed}/{plan.name}"
    members: dict[str, list[str]] = {}
    for name, group in sorted(zip(images.class_names, images.groups, strict=True)):
        members.setdefault(name if plan.unit is Unit.CLASS else group, []).append(name)
    found: dict[str, list[str]] = {str(kind.kind): [] for kind in plan.kinds}
    if plan.unit is Unit.CLASS_WITHIN_GROUP:
        for group, names in members.items():
            for kind, own in _dealt(names, plan.kinds, f"{where}/{group}", plan.name):
                found[kind.kind] += own
    else:
        for kind, own in _dealt(list(members), plan.kinds, where, plan.name):
            for unit in own:
                found[kind.kind] += _some(members[unit], kind.most, f"{where}/{unit}")
    return {kind: tuple(sorted(names)) for kind, names in found.items()}


def _dealt(
    units: list[str], kinds: Sequence[KindPlan], where: str, name: str
) -> list[tuple[KindPlan, list[str]]]:
    left = [units[row] for row in stable_order(where, len(units))]
    dealt = []
    for kind in kinds:
        count = len(left) if kind.units is None else kind.units
        if count > len(left) or not left:
            raise InputError(
                f"Set {name} has too few classes for its {kind.kind} classes; use the whole set."
            )
        dealt.append((kind, left[:count]))
        left = left[count:]
    return dealt


def _some(names: list[str], most: int | None, where: str) -> list[str]:
    if most is None or len(names) <= most:
        return names
    return [names[row] for row in stable_order(where, len(names))[:most]]


def _holders(domain: DomainSplit, seed: int) -> list[Holder]:
    """Deal each class that providers hold to several of them, five to each."""
    held = [
        name
        for kind, names in domain.classes.items()
        if domain.shares[kind].get(Part.PROVIDER, 0) != 0
        for name in names
    ]
    if not held:
        return []
    holders = []
    for turn in range(PROVIDERS_PER_CLASS):
        where = f"{_NAMESPACE}/providers/seed={seed}/{domain.name}/{turn}"
        order = [held[row] for row in stable_order(where, len(held))]
        # The last provider of a turn is filled up with the turn's first classes.
        order += order[: -len(order) % CLASSES_PER_PROVIDER]
        for start in range(0, len(order), CLASSES_PER_PROVIDER):
            own = tuple(sorted(order[start : start + CLASSES_PER_PROVIDER]))
            holders.append(Holder(domain.name, own))
    return holders
