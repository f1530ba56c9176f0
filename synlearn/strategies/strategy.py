"""What a search strategy is: candidates, a task and a budget in; an ordered set of models out.

A strategy orders *all* candidates, and a budget of B takes the first B: so the picks of a small
budget are always among those of a larger one.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError
from synlearn.scorers.direct import ModelOutputs
from synlearn.strategies.candidate import Candidate
from synlearn.zoo.card import ModelId

Places = NDArray[np.intp]


class SearchTask(Protocol):
    """A downstream task, as far as a strategy may look at it."""

    @property
    def images(self) -> NDArray[np.float32]:
        """(n, channels, h, w) examples in [0, 1]."""
        ...

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(n,) class of each example, from 0 without gaps; None where nobody knows."""
        ...

    def outputs(self, models: Sequence[ModelId]) -> ModelOutputs:
        """Run models on the examples; the order is theirs. This is what task-aware search costs."""
        ...


class Strategy(Protocol):
    """A way to choose. It says nothing of how good the models are, only which come first."""

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return (m,) positions of all candidates, the one to try first in front.

        Raises:
            InputError: The task lacks what the strategy needs, such as labels.
        """
        ...


def pick(
    strategy: Strategy, candidates: Sequence[Candidate], task: SearchTask, budget: int
) -> tuple[ModelId, ...]:
    """Return the models to fine-tune, best guess first; `budget` different ones.

    Raises:
        InputError: The budget is not from 1 to the number of candidates; or as `Strategy.order`.
    """
    check_budget(budget, len(candidates))
    places = strategy.order(candidates, task)[:budget]
    return tuple(candidates[place].model for place in places)


def check_budget(budget: int, candidates: int) -> None:
    """Refuse, with an InputError, a budget that cannot be spent on different candidates."""
    if not 1 <= budget <= candidates:
        raise InputError(
            f"The budget is {budget} models of {candidates} candidates; choose from 1 to "
            f"{candidates}."
        )


def order_by(*keys: ArrayLike) -> Places:
    """Positions by the first key, largest first; equals by the next one; then as they come.

    Args:
        keys: (m,) each, no NaN.
    """
    columns = [np.asarray(key, dtype=np.float64) for key in keys]
    # lexsort takes the most important key last, smallest first, and is stable.
    return np.lexsort([-column for column in reversed(columns)])


def labels_of(task: SearchTask, strategy: str) -> NDArray[np.int64]:
    """Return the task's labels, or raise an InputError that names who asks for them."""
    if task.labels is None:
        raise InputError(
            f"Strategy {strategy} needs labelled examples; give a folder for each class, or choose "
            "fennec or task-agnostic, which look at no label."
        )
    return task.labels
