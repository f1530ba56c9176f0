"""What many models make of many small target datasets: direct scores, and how alike they see them.

In bounded memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from protocols.errors import Code, Refused
from provider.answers.class_rows import Float64, outputs_of, own_features, probabilities
from provider.answers.evidence_images import EvidenceImages
from provider.dataset import Dataset, Float32, Indices
from provider.model_api import ModelGroup
from synlearn.errors import ScoreInputError
from synlearn.fusion.moved import has_copies
from synlearn.fusion.similarity import gram_directions, similarities, triangle_of
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores

Made = TypeVar("Made", Float32, Float64)

_NUMBERS = 2**24
"""Most numbers that a few models make of all rows, with what scoring them needs; 128 MiB."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What m models make of the target datasets.

    Attributes:
        scores: (draws, scores, m) float64, higher is better; LogME may be infinite.
        similarity: (draws, m (m - 1) / 2) float32 in [0, 1], as `triangle_of` packs it.
    """

    scores: Float64
    similarity: Float32


def score_models(
    groups: Sequence[ModelGroup],
    dataset: Dataset,
    rows: Indices,
    draws: Sequence[Indices],
    wanted: Sequence[Direct],
) -> Seen:
    """Score every model on every target dataset, and compare each two.

    Each model sees each row and copy once, however many target datasets it is in. Models are scored
    by the hundred, whatever their architectures, since a call costs more than a small model's
    numbers.

    Args:
        groups: The models; their outputs are logits.
        dataset: The provider's rows.
        rows: (u,) all that are needed.
        draws: For each target dataset, (ways, k) positions in `rows`.
        wanted: Which scores.

    Raises:
        Refused: MODEL_UNUSABLE, a model takes other images, has no features before its last layer,
            or makes something of the rows that is no number.
    """
    models = sum(len(group.positions) for group in groups)
    found = np.empty((len(draws), len(wanted), models))
    order: list[Indices] = []
    seen: list[list[Float32]] = [[] for _ in draws]
    shown = EvidenceImages.of(dataset, rows, [own for own in draws if has_copies(own.size)])
    largest = max(len(shown.with_copies(own)) for own in draws)
    for block in _blocks(groups, len(shown), largest):
        outputs = _outputs(block, shown)
        places = np.concatenate([group.positions for group in block])
        for draw, own in enumerate(draws):
            labels = np.repeat(np.arange(len(own)), own.shape[1])
            try:
                scores = direct_scores(outputs.rows(own.ravel()), labels, wanted)
            except (ScoreInputError, np.linalg.LinAlgError) as error:
                raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error
            found[draw][:, places] = [scores[score] for score in wanted]
            seen[draw].append(gram_directions(outputs.rows(shown.with_copies(own))))
        order.append(places)
    back = np.argsort(np.concatenate(order))
    alike = [triangle_of(similarities(np.concatenate(own)[back])) for own in seen]
    return Seen(found, np.array(alike, np.float32))


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
        width = network.features or 1  # without a linear layer at the end there are none
        scratch = largest * (8 * (largest + 64) + 2 * width)  # Gram matrices, searches of evidence
        each = rows * (width + network.outputs) + scratch
        size = max(1, _NUMBERS // each)
        for first in range(0, len(group.positions), size):
            part = range(len(group.positions))[first : first + size]
            whole = len(part) == len(group.positions)
            piece = ModelGroup(group.positions[part], group.models.select(part))
            yield group if whole else piece, each * len(part)


def _outputs(block: Sequence[ModelGroup], shown: EvidenceImages) -> ModelOutputs:
    """What the models of a block, in its order, make of each image.

    Raises:
        Refused: As `score_models`.
    """
    features: list[list[Float32]] = [[] for _ in block]
    said: list[list[Float64]] = [[] for _ in block]
    for images in shown.images():
        for place, group in enumerate(block):
            outputs = group.models.architecture.outputs
            features[place].append(_finite(own_features(group.models, images)))
            logits = outputs_of(group.models, images)
            said[place].append(_finite(probabilities(logits, outputs)))
    return ModelOutputs.of(
        [model for parts in features for model in np.concatenate(parts, axis=1)],
        [model for parts in said for model in np.concatenate(parts, axis=1)],
    )


def _finite(made: Made) -> Made:
    if not np.isfinite(made).all():
        raise Refused(Code.MODEL_UNUSABLE, local="what a model makes of the rows is not finite")
    return made
