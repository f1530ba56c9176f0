"""The best of both: one task-agnostic pick, then the task-aware ones (section 5.3 of the paper)."""

from collections.abc import Sequence

import numpy as np

from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, Strategy


class Hybrid:
    """The first pick of one strategy, then the others in the order of another.

    With a budget of 1 it is the first strategy. It loses nothing where the second picks the same
    model anyway, and insures against a task on which the second goes wrong.

    Args:
        first: Such as `TaskAgnostic`.
        rest: Such as `LinearHead`.
    """

    def __init__(self, first: Strategy, rest: Strategy) -> None:
        self._first, self._rest = first, rest

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions."""
        head = self._first.order(candidates, task)[:1]
        rest = self._rest.order(candidates, task)
        return np.concatenate([head, rest[rest != head[0]]])
