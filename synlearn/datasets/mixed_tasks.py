"""Tasks of the mixed experiment: five classes of one set, and which images stand for them.

Learning tasks are of classes that providers hold. Test tasks come on two sides: *seen* ones are of
classes that providers hold too (their images they have not), *unseen* ones of classes that no
provider holds. No image of a test task was seen by an expert or a provider.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_plan import Kind, Part
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.stable_draw import stable_order
from synlearn.errors import InputError

WAYS: Final = 5
TASKS_PER_GROUP: Final = 16
"""Test tasks of each set on each side."""
_NAMESPACE: Final = "synlearn/mixed/tasks/v1"

Indices = NDArray[np.int64]


class Side(StrEnum):
    """Whether providers hold a task's classes."""

    LEARNING = "learning"
    SEEN = "seen"
    UNSEEN = "unseen"


@dataclass(frozen=True, slots=True)
class MixedTask:
    """A task. classes: positions in the pool's list of classes, rising.

    name: Such as `unseen-omniglot-003`; those of seed s are numbered from 1000 s, so that a name
    stands for one task of a pool.
    """

    name: str
    domain: str
    side: Side
    classes: tuple[int, ...]


def evaluation_tasks(
    pool: MixedPool, seed: int = 0, each: int = TASKS_PER_GROUP
) -> list[MixedTask]:
    """Return the test tasks: `each` of every set and side that has images for them."""
    sides: dict[tuple[Side, str], list[int]] = {}
    for label in pool.labels_of(Part.EXAMPLES):
        entry = pool.classes[label]
        side = Side.SEEN if entry.kind in (Kind.PROVIDER, Kind.SHARED) else Side.UNSEEN
        sides.setdefault((side, entry.domain), []).append(label)
    return [
        task
        for (side, domain), classes in sorted(sides.items())
        for task in _drawn(pool, side, domain, classes=classes, count=each, seed=seed)
    ]


def learning_tasks(pool: MixedPool, each: int, seed: int = 0) -> list[MixedTask]:
    """Return `each` tasks of every set whose classes providers hold."""
    held: dict[str, list[int]] = {}
    for label in pool.labels_of(Part.PROVIDER):
        held.setdefault(pool.classes[label].domain, []).append(label)
    return [
        task
        for domain, classes in sorted(held.items())
        for task in _drawn(pool, Side.LEARNING, domain, classes=classes, count=each, seed=seed)
    ]


def _drawn(
    pool: MixedPool, side: Side, domain: str, *, classes: Sequence[int], count: int, seed: int
) -> list[MixedTask]:
    """Draw different tasks; every second one within one group (alphabet) where groups are large."""
    groups: dict[str, list[int]] = {}
    for label in classes:
        groups.setdefault(pool.classes[label].group, []).append(label)
    large = [group for _, group in sorted(groups.items()) if len(group) >= WAYS]
    found: dict[tuple[int, ...], MixedTask] = {}
    for attempt in range(20 * count):
        if len(found) == count:
            break
        where = f"{_NAMESPACE}/{side}/seed={seed}/{domain}/{attempt}"
        among = list(classes)
        if attempt % 2 and len(large) > 1:
            among = large[int(stable_order(f"{where}/group", len(large))[0])]
        chosen = stable_order(where, len(among))[:WAYS]
        own = tuple(sorted(among[place] for place in chosen))
        name = f"{side}-{domain}-{1000 * seed + len(found):03d}"
        found.setdefault(own, MixedTask(name, domain, side, own))
    return list(found.values())


def example_rows(pool: MixedPool, task: MixedTask, k: int, draw: int, seed: int = 0) -> Indices:
    """Return the rows of one target dataset of a test task, (5, k), class after class.

    Raises:
        InputError: There are too few examples of a class.
    """
    found = []
    for label in task.classes:
        rows = pool.rows(Part.EXAMPLES, label)
        purpose = f"{_NAMESPACE}/examples/seed={seed}/{task.name}/{label}/k={k}/{draw}"
        found.append(rows[draw_rows(pool.images[rows], k, purpose)[0]])
    return np.stack(found)


def different_images(pool: MixedPool, task: MixedTask) -> int:
    """Return the largest K for which a target dataset of the task is of K different images a class.

    Beyond it, `example_rows` fills up with moved copies of these.
    """
    rows = (pool.rows(Part.EXAMPLES, label) for label in task.classes)
    return min(len(np.unique(pool.images[own])) for own in rows)


def draw_rows(
    images: Indices, k: int, purpose: str, *, keep: float = 0.0
) -> tuple[Indices, Indices]:
    """Draw k rows of one class, different images first and moved copies only after these.

    Args:
        images: (n,) which image each row shows.
        k: Rows to draw.
        purpose: Names the draw; the same name gives the same draw.
        keep: At least this part of the images stays undrawn, for measuring on.

    Returns:
        Positions in `images`: (k,) drawn ones, and those of all images undrawn, rising.

    Raises:
        InputError: There are too few rows.
    """
    order = np.unique(images)
    order = order[stable_order(purpose, len(order))]
    most = len(order) - int(np.ceil(keep * len(order) - 1e-9))
    drawn = order[: min(k, most)]
    rows_of = [np.flatnonzero(images == image) for image in drawn]
    turns = max((len(rows) for rows in rows_of), default=0)
    rows = [own[turn] for turn in range(turns) for own in rows_of if turn < len(own)]
    if len(rows) < k:
        raise InputError(
            f"{k} examples of a class are wanted, but {len(rows)} can be drawn; use a smaller K."
        )
    return np.array(rows[:k]), np.flatnonzero(~np.isin(images, drawn))
