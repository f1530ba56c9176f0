"""A map of a task among the models that it was compared with, in the metric's own space."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.evaluation.tsne import tsne
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.task_means import TaskMeans
from synlearn.zoo.catalog import Zoo

Float64 = NDArray[np.float64]

MOST_MODELS: Final = 150
"""On a map; time and memory grow with the square."""
LEAST_MODELS: Final = 5
_PERPLEXITY: Final = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class TaskMap:
    """Where a task and some models lie.

    Attributes:
        models: m ids.
        places: (1 + m, 2) places in the plane: the task's, then the models'; their mean is 0, and
            the largest coordinate is 1 or -1.
        cosines: (m,) what the metric measures between the task and each model, mean over members.
    """

    models: tuple[str, ...]
    places: Float64
    cosines: Float64


def chosen_for_map(best_first: Sequence[str]) -> tuple[str, ...]:
    """Models of a ranking that a map has room for: half the best ones, half spread over the others.

    >>> chosen_for_map(["a", "b", "c"])
    ('a', 'b', 'c')
    """
    if len(best_first) <= MOST_MODELS:
        return tuple(best_first)
    first = MOST_MODELS // 2
    others = np.linspace(first, len(best_first) - 1, MOST_MODELS - first).astype(int)
    return (*best_first[:first], *(best_first[place] for place in others))


def task_map(model: ClassificationMRE, task: TaskMeans, zoo: Zoo, models: Sequence[str]) -> TaskMap:
    """Draw a map.

    A model is represented for this very task, as the ensembler sees it; points are near each other
    where the metric's members find a small angle between them.

    Args:
        model: The metric.
        task: One task.
        zoo: Of the models.
        models: 5 to 150 ids of the zoo.

    Raises:
        InputError: There are too few models or too many, or the task does not fit.
    """
    if not LEAST_MODELS <= len(models) <= MOST_MODELS:
        raise InputError(
            f"a map has {LEAST_MODELS} to {MOST_MODELS} models, not {len(models)}; choose so many."
        )
    model.check_means(task)
    projected = model.project(zoo)
    places = {name: place for place, name in enumerate(projected.ids)}
    own = projected.models.select(np.array([places[name] for name in models]))
    with torch.inference_mode():
        task_side, models_side = model.metric.embedded(
            ClassSets.full(torch.from_numpy(task.means)[None]), own
        )
        points = torch.cat([task_side[:, None], models_side], dim=1)  # (members, 1 + m, width)
        directions = functional.normalize(points.double(), dim=-1)
        cosines: Float64 = _between(directions).numpy()
    square = (2 - 2 * cosines).clip(min=0)
    np.fill_diagonal(square, 0)
    found = tsne(square, perplexity=min(_PERPLEXITY, (len(square) - 1) / 3))
    return TaskMap(tuple(models), found / max(float(np.abs(found).max()), 1e-12), cosines[0, 1:])


def _between(directions: Tensor) -> Tensor:
    """Cosines of all points with each other, mean over members: (n, n)."""
    return (directions @ directions.mT).mean(dim=0)
