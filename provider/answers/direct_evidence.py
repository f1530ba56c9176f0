"""Direct scores of many models on many small target datasets, in bounded memory."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np

from protocols.errors import Code, Refused
from provider.answers.class_rows import Float64, own_features, probabilities
from provider.dataset import Dataset, Float32, Indices
from provider.models import ModelGroup
from synlearn.errors import ScoreInputError
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.zoo.architectures import Linear

Made = TypeVar("Made", Float32, Float64)

_IMAGES = 256
"""Most images in memory at a time."""
_NUMBERS = 2**24
"""Most numbers that a few models make of all rows, with what scoring them needs; 128 MiB."""


def score_models(
    groups: Sequence[ModelGroup],
    dataset: Dataset,
    rows: Indices,
    draws: Sequence[Indices],
    wanted: Sequence[Direct],
) -> Float64:
    """Score every model on every target dataset.

    Each model sees each row once, however many target datasets it is in. Models are scored by the
    hundred, whatever their architectures, since a call costs more than a small model's numbers.

    Args:
        groups: The models; their outputs are logits.
        dataset: The provider's rows.
        rows: (u,) all that are needed.
        draws: For each target dataset, (ways, k) positions in `rows`.
        wanted: Which scores.

    Returns:
        (draws, scores, models), higher is better; LogME may be infinite.

    Raises:
        Refused: MODEL_UNUSABLE, a model takes other images, has no features before its last layer,
            or makes something of the rows that is no number.
    """
    models = sum(len(group.positions) for group in groups)
    found = np.empty((len(draws), len(wanted), models))
    largest = max(own.size for own in draws)
    for block in _blocks(groups, len(rows), largest):
        outputs = _outputs(block, dataset, rows)
        places = np.concatenate([group.positions for group in block])
        for draw, own in enumerate(draws):
            labels = np.repeat(np.arange(len(own)), own.shape[1])
            try:
                scores = direct_scores(outputs.rows(own.ravel()), labels, wanted)
            except (ScoreInputError, np.linalg.LinAlgError) as error:
                raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
            found[draw][:, places] = [scores[score] for score in wanted]
    return found


def _blocks(groups: Sequence[ModelGroup], rows: int, largest: int) -> Iterator[list[ModelGroup]]:
    """Divide the models, so that what some of them make of the rows fits in memory.

    Args:
        groups: All models.
        rows: That each model sees.
        largest: Rows of a target dataset.
    """
    block: list[ModelGroup] = []
    used = 0
    for piece, numbers in _pieces(groups, rows, largest):
        if block and used + numbers > _NUMBERS:
            yield block
            block, used = [], 0
        block.append(piece)
        used += numbers
    yield block


def _pieces(
    groups: Sequence[ModelGroup], rows: int, largest: int
) -> Iterator[tuple[ModelGroup, int]]:
    """Groups, cut where they are too large, each with the numbers that it makes."""
    for group in groups:
        network = group.models.architecture
        _, last = network.layers[-1]
        width = last.inputs if isinstance(last, Linear) else 1  # without one there are no features
        scratch = largest * (8 * (largest + 64) + 2 * width)  # Gram matrices, searches of evidence
        each = rows * (width + network.outputs) + scratch
        size = max(1, _NUMBERS // each)
        for first in range(0, len(group.positions), size):
            part = range(len(group.positions))[first : first + size]
            whole = len(part) == len(group.positions)
            piece = ModelGroup(group.positions[part], group.models.select(part))
            yield group if whole else piece, each * len(part)


def _outputs(block: Sequence[ModelGroup], dataset: Dataset, rows: Indices) -> ModelOutputs:
    """What the models of a block, in its order, make of each row.

    Raises:
        Refused: As `score_models`.
    """
    features: list[list[Float32]] = [[] for _ in block]
    said: list[list[Float64]] = [[] for _ in block]
    for first in range(0, len(rows), _IMAGES):
        images = dataset.images(rows[first : first + _IMAGES])
        for place, group in enumerate(block):
            outputs = group.models.architecture.outputs
            features[place].append(_finite(own_features(group.models, images)))
            said[place].append(_finite(probabilities(group.models, images, outputs)))
    return ModelOutputs.of(
        [model for parts in features for model in np.concatenate(parts, axis=1)],
        [model for parts in said for model in np.concatenate(parts, axis=1)],
    )


def _finite(made: Made) -> Made:
    if not np.isfinite(made).all():
        raise Refused(Code.MODEL_UNUSABLE, local="what a model makes of the rows is not finite")
    return made
