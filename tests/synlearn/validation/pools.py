"""Rows of several classes, spread over providers at random; classes overlap between providers."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from synlearn.validation.class_parts import Float64, Int64


@dataclass(frozen=True)
class Pool:
    """What m models say about all rows, and which provider has which.

    probabilities: (m, n, z). features: (m, n, d). labels, owners: (n,). tasks: (t, w).
    """

    probabilities: Float64
    features: Float64
    labels: Int64
    owners: Int64
    classes: int
    tasks: Int64

    def providers(self) -> Iterator[Int64]:
        """Rows of each provider; some may have none."""
        for owner in range(int(self.owners.max()) + 2):
            yield np.flatnonzero(self.owners == owner)

    def rows_of(self, task: int) -> Int64:
        """All rows of a task's classes, whoever has them."""
        return np.flatnonzero(np.isin(self.labels, self.tasks[task][self.tasks[task] >= 0]))


def pool(seed: int, *, sharp: bool = False, unbalanced: bool = False) -> Pool:
    """A pool; `sharp` models are sure of one class, some outputs are never given."""
    random = np.random.default_rng(seed)
    classes, outputs, models = (int(random.integers(*span)) for span in ((2, 7), (1, 6), (1, 4)))
    counts = random.integers(1, 30 if unbalanced else 9, classes)
    labels = random.permutation(np.repeat(np.arange(classes), counts))
    said = random.dirichlet(np.full(outputs, 0.3), (models, len(labels)))
    if sharp:
        said = np.eye(outputs)[said.argmax(axis=2)]
    width = int(random.integers(1, 6))
    centres = random.normal(size=(classes, width))
    features = 3 + centres[labels] + random.normal(size=(models, len(labels), width))
    tasks = np.full((int(random.integers(1, 5)), classes), -1)
    for task in tasks:
        chosen = random.permutation(classes)[: random.integers(1, classes + 1)]
        task[: len(chosen)] = chosen
    owners = random.integers(0, random.integers(1, 6), len(labels))
    return Pool(said, features, labels, owners, classes, tasks)


pools = st.builds(pool, st.integers(0, 2**32), sharp=st.booleans(), unbalanced=st.booleans())
