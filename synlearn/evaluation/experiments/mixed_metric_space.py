"""The metric's space as a picture: tasks, images, classes of models (SynLearn, Figure 3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.evaluation.plot_style import MUTED, house_style
from synlearn.evaluation.tsne import tsne
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric

Float64 = NDArray[np.float64]

KINDS: Final = ("task", "image", "model class")
_MARKERS: Final = dict(zip(KINDS, ("s", "o", "x"), strict=True))
_SIZES: Final = dict(zip(KINDS, (6.0, 2.6, 4.2), strict=True))
# Okabe and Ito's palette, which people with colour blindness can tell apart, with a brown.
_COLOURS: Final = (
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#7a4e1d", "#1d2733",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SpacePoints:
    """Points of one member's common space.

    Attributes:
        directions: (n, width) of length 1, to be compared by their cosine, as the metric does.
        kinds: (n,) indices of `KINDS`.
        sets: (n,) name of the image set that each belongs to.
    """

    directions: Float64
    kinds: NDArray[np.int64]
    sets: tuple[str, ...]


def space_points(
    metric: ClassificationMetric,
    tasks: tuple[Tensor, Sequence[str]],
    images: tuple[Tensor, Sequence[str]],
    classes: tuple[ClassSets, Sequence[str]],
    member: int = 0,
) -> SpacePoints:
    """Place everything where the metric compares it.

    A single image is a task of one class. A class of a model stands where its model would, were all
    attention paid to this class. Each kind is moved so that its mean is 0: a ranking compares
    models with each other, and does not say how far all of them are from all tasks.

    Args:
        metric: With cosine distances.
        tasks: (t, l, f) mean features of classes, and the set of each task.
        images: (i, f) features, and the set of each image.
        classes: m models, and the set of each of their classes, model after model.
        member: Which of the metrics trained side by side.
    """
    with torch.inference_mode():
        placed = [
            _tasks(metric, tasks[0])[member],
            _tasks(metric, images[0][:, None])[member],
            _detectors(metric, classes[0])[member][classes[0].present],
        ]
    placed = [functional.normalize(part - part.mean(dim=0), dim=-1) for part in placed]
    return SpacePoints(
        torch.cat(placed).double().numpy(),
        np.repeat(np.arange(len(KINDS)), [len(part) for part in placed]),
        (*tasks[1], *images[1], *classes[1]),
    )


def set_agreement(points: SpacePoints, kind: str) -> tuple[float, float]:
    """How often the nearest model class of a task or an image is of its own set; and by chance.

    Those of sets that no model class belongs to do not count.
    """
    sets, kinds = np.array(points.sets), points.kinds
    classes = kinds == KINDS.index("model class")
    asked = (kinds == KINDS.index(kind)) & np.isin(sets, sets[classes])
    cosine = points.directions[asked] @ points.directions[classes].T
    same = sets[asked][:, None] == sets[classes]
    hits = np.take_along_axis(same, cosine.argmax(axis=1)[:, None], axis=1)
    return float(hits.mean()), float(same.mean())


def space_figure(points: SpacePoints, *, perplexity: float = 30.0) -> Figure:
    """Draw their t-SNE: a colour for each set, a marker for each kind."""
    square = 2 - 2 * points.directions @ points.directions.T
    np.fill_diagonal(square, 0)
    places = tsne(square.clip(min=0), perplexity=perplexity)
    names = sorted(set(points.sets))
    colours = dict(zip(names, _COLOURS, strict=False))
    sets = np.array(points.sets)
    with house_style():
        figure = Figure(figsize=(7.2, 5.0), layout="constrained")
        axes = figure.add_subplot()
        for kind in ("image", "model class", "task"):  # what is few lies on top
            for name in names:
                own = (points.kinds == KINDS.index(kind)) & (sets == name)
                axes.plot(
                    places[own, 0],
                    places[own, 1],
                    _MARKERS[kind],
                    ms=_SIZES[kind],
                    color=colours[name],
                    mew=0.9 if kind != "image" else 0,
                    mec="white" if kind == "task" else colours[name],
                )
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
        handles = [Line2D([], [], ls="", marker="o", color=colours[n], label=n) for n in names]
        handles += [
            Line2D([], [], ls="", marker=_MARKERS[kind], color=MUTED, label=kind) for kind in KINDS
        ]
        axes.legend(handles=handles, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def _tasks(metric: ClassificationMetric, means: Tensor) -> Tensor:
    """phi_mu, (members, n, width)."""
    inputs = (means - metric.task_mean) / metric.task_scale
    classes = metric.task_input(inputs.expand(metric.spec.members, -1, -1, -1))
    present = torch.ones(means.shape[:2], dtype=torch.bool)
    embedding: Tensor = metric.task_transform.forward(classes, present)[1]
    return embedding


def _detectors(metric: ClassificationMetric, models: ClassSets) -> Tensor:
    """phi_h were all attention paid to one class, (members, m, c, width)."""
    transform = metric.model_transform
    values = metric.project_models(models).values
    embedding: Tensor = transform.second((values + transform.first_bias).relu())
    return embedding
