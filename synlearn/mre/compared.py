"""One task and a zoo's models as a metric compares them: what every ranking is made of."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Float64 = NDArray[np.float64]

_TINY: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Compared:
    """m models for one task; none of them was run.

    Attributes:
        ids: (m,) of the models.
        distances: (members, m) float64, as the metric gives them; lower is better.
        means: (c, f) mean feature of each class of the task.
        classes: (c,) their names, in the same order.
        counts: (c,) examples of each.
        novelty: See `LearnedTasks.mean_novelty`; above 1 the task is unlike all that was learned.
    """

    ids: tuple[str, ...]
    distances: Float64
    means: Tensor
    classes: tuple[str, ...]
    counts: NDArray[np.int64]
    novelty: float

    @property
    def examples(self) -> int:
        """Of the class that has fewest: K."""
        return int(self.counts.min())

    @property
    def member_scores(self) -> Float64:
        """(members, m), higher is better; see `standard`."""
        return standard(self.distances)

    @property
    def scores(self) -> Float64:
        """(m,), the mean over members; what the metric alone orders by."""
        found: Float64 = self.member_scores.mean(axis=0)
        return found


def standard(distances: Float64) -> Float64:
    """Turn distances, (..., m), into scores: minus the distance, standardised over the models.

    Mean 0 and deviation 1 for each member and task, since members differ in scale.
    """
    centred = distances.mean(axis=-1, keepdims=True) - distances
    deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True))
    found: Float64 = centred / np.where(deviation > 0, deviation, 1.0)
    return found


def unrest(distances: Float64, moved: Float64, probed: NDArray[np.int64]) -> Float64:
    """How far scores move with other examples, and from member to member.

    Both as the logarithm of a root mean square over models, in units of the scores' deviation over
    the models. What moves all models alike does not count.

    Args:
        distances: (members, n, m) of n tasks to m models.
        moved: (replicates, n, p) mean distances over members, had other examples been drawn.
        probed: (p,) the models that `moved` is of.

    Returns:
        (n, 2).
    """
    base = distances.mean(axis=0)
    deviation = np.maximum(base.std(axis=-1, keepdims=True), _TINY)
    shift = moved - base[..., probed]
    shift = (shift - shift.mean(axis=-1, keepdims=True)) / deviation
    scores = standard(distances)
    apart = scores - scores.mean(axis=0)
    squares = [np.square(own).mean(axis=(0, -1)) for own in (shift, apart)]
    found: Float64 = np.log(np.maximum(np.stack(squares, axis=-1), _TINY)) / 2
    return found
