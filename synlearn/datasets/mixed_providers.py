"""What each provider of the mixed experiment holds."""

import numpy as np

from synlearn.datasets.labelled_images import LabelledImages, labelled_images
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import Indices, MixedPool
from synlearn.datasets.mixed_split import MixedSplit
from synlearn.datasets.stable_draw import stable_order


def provider_rows(pool: MixedPool, split: MixedSplit) -> tuple[Indices, ...]:
    """Return the pool's rows that each provider of the manifest holds, rising.

    The images of a class are dealt to all its holders in turn: two never hold the same image.
    """
    label_of = {(entry.domain, entry.name): row for row, entry in enumerate(pool.classes)}
    holders: dict[int, list[int]] = {}
    for number, holder in enumerate(split.providers):
        for name in holder.classes:
            holders.setdefault(label_of[holder.domain, name], []).append(number)
    held: list[list[Indices]] = [[] for _ in split.providers]
    for label, numbers in holders.items():
        rows = pool.rows(Part.PROVIDER, label)
        rows = rows[stable_order(f"synlearn/mixed/v1/held/seed={split.seed}/{label}", len(rows))]
        for place, number in enumerate(numbers):
            held[number].append(rows[place :: len(numbers)])
    return tuple(np.sort(np.concatenate(own)) for own in held)


def provider_images(pool: MixedPool, rows: Indices) -> LabelledImages:
    """Return some rows as a data set of their own; classes have their full names."""
    labels, local = np.unique(pool.labels[rows], return_inverse=True)
    return labelled_images(
        pool.pictures[rows],
        local,
        [pool.classes[label].full_name for label in labels],
        [pool.classes[label].group for label in labels],
        where="the provider's share",
    )
