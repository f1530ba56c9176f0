"""`task_evidence`: a task's small target datasets, as the metric and as direct scores see them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from protocols.errors import Code, Refused
from protocols.queries import Answer, TaskEvidence
from protocols.values import Value, encode_values
from provider.answers.context import Context
from provider.answers.direct_evidence import score_models
from provider.dataset import Dataset, Float32, Indices
from provider.model_api import Embedding
from provider.rows import check_class_rows
from synlearn.scorers.direct import Direct

_IMAGES = 64
"""Images that pass through the backbone at a time: its activations dwarf its features."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The rows of all target datasets.

    Attributes:
        distinct: (u,) rows of the provider, rising.
        of_k: For each k, (draws, ways, k) positions in `distinct`; those of a target dataset are
            different.
    """

    distinct: Indices
    of_k: tuple[Indices, ...]


def task_evidence(query: TaskEvidence, context: Context) -> Answer:
    """Return class means, scores and similarities on each target dataset, over rows of its classes.

    Raises:
        Refused: TOO_FEW_ROWS, a class is not held or has too few rows for the largest k;
            MODEL_UNUSABLE, a file does not fit the question or gives what is no number.
    """
    check_class_rows(context.dataset.classes, query.classes, int(query.ks[-1]))
    held = [context.dataset.rows_of(name) for name in query.classes]
    drawn = draw_rows(held, query.ks, query.draws, context.random_about(subject_of(query)))
    seen = score_models(
        context.models.groups(query.models, context.files),
        context.dataset,
        drawn.distinct,
        [rows for of_k in drawn.of_k for rows in of_k],
        [Direct(score) for score in query.scores],
    )
    features = _features(_backbone(query, context), context.dataset, drawn.distinct)
    sides = (len(query.ks), query.draws)
    return {
        "means": np.stack([_class_means(features, rows) for rows in drawn.of_k]),
        "scores": seen.scores.reshape(*sides, *seen.scores.shape[1:]),
        "similarity": seen.similarity.reshape(*sides, *seen.similarity.shape[1:]),
        "rows": np.array([len(rows) for rows in held], np.int64),
    }


def subject_of(query: TaskEvidence) -> bytes:
    """What of the question decides about its rows: not the models, so that questions compare."""
    about: dict[str, Value] = {"classes": query.classes, "ks": query.ks, "draws": query.draws}
    return encode_values(query.function, about)


def draw_rows(
    held: Sequence[Indices], ks: npt.NDArray[np.integer], draws: int, random: np.random.Generator
) -> Drawn:
    """Draw target datasets: of each class as many rows, different ones within a draw.

    Args:
        held: Rows of each class to draw from.
        ks: (c,) rows of each class.
        draws: Target datasets for each k.
        random: Keyed by the node's secret.
    """
    of_k = [
        np.stack(
            [[random.choice(own, k, replace=False) for own in held] for _ in range(draws)],
        )
        for k in ks.tolist()
    ]
    distinct = np.unique(np.concatenate([rows.ravel() for rows in of_k]))
    return Drawn(distinct, tuple(np.searchsorted(distinct, rows) for rows in of_k))


def _backbone(query: TaskEvidence, context: Context) -> Embedding:
    backbone = context.models.backbone(query.backbone, context.files[query.backbone], "float32")
    asked = (query.features, context.dataset.input_shape[0])
    if asked != (backbone.spec.features, backbone.spec.channels):
        raise Refused(
            Code.MODEL_UNUSABLE,
            local=f"the backbone makes {backbone.spec.features} features of "
            f"{backbone.spec.channels} channels, not {asked[0]} of {asked[1]}",
        )
    return backbone


def _features(backbone: Embedding, dataset: Dataset, rows: Indices) -> Float32:
    """Features of `g_mu`, (rows, features); NaN where the backbone's are."""
    found = np.empty((len(rows), backbone.spec.features), np.float32)
    with torch.inference_mode():
        for first in range(0, len(rows), _IMAGES):
            part = slice(first, first + _IMAGES)
            images = torch.from_numpy(dataset.images(rows[part]))
            # Rounding may leave a unit vector's entry just above 1, which a mean may not be.
            found[part] = backbone(images).clamp(-1.0, 1.0).numpy()
    return found


def _class_means(features: Float32, rows: Indices) -> Float32:
    """Means over the rows of each class: (draws, ways, k) rows to (draws, ways, features)."""
    means = [features[own].mean(axis=1, dtype=np.float64) for own in rows]
    return np.array(means, np.float32)
