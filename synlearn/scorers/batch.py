"""Many models scored for one task at once.

Shared by all scores of a model: the check of its features and, for wide features, the coordinates
of their rows. Shared by all models: the check of labels and the reference's side of `rsa` and
`dds`. A score that is undefined for one model is recorded with its reason and stops nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, check_labelled
from synlearn.scorers.registry import ModelOutputs, Needs, Score, Task, find_scores
from synlearn.scorers.row_space import row_coordinates, to_cpu

if TYPE_CHECKING:
    import torch

    Array = ArrayLike | torch.Tensor

WORTH_COORDINATES = 2
"""From this many scores on, finding coordinates once is less work than all scores going without."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """A score that a model does not have.

    Attributes:
        reason: One sentence.
    """

    reason: str


Cell = float | Undefined


@dataclass(frozen=True, slots=True)
class ScoreTable:
    """Scores of models for one task.

    Attributes:
        scores: Names of the columns.
        rows: One row for each model; each cell a finite number, higher is better in its column, or
            why there is none.
    """

    scores: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def cell(self, model: int, score: str) -> Cell:
        """The score of one model."""
        return self.rows[model][self.scores.index(score)]

    def column(self, score: str) -> Float64:
        """One score of all models, (models,).

        Raises:
            ScoreInputError: It is undefined for a model.
        """
        cells = [self.cell(model, score) for model in range(len(self.rows))]
        for model, cell in enumerate(cells):
            if isinstance(cell, Undefined):
                raise ScoreInputError(f"{score} is undefined for model {model}: {cell.reason}")
        return np.array(cells, dtype=np.float64)

    def undefined(self) -> Iterator[tuple[int, str, str]]:
        """Model, score and reason of each cell without a number."""
        for model, row in enumerate(self.rows):
            for score, cell in zip(self.scores, row, strict=True):
                if isinstance(cell, Undefined):
                    yield model, score, cell.reason


def score_models(
    features: "Sequence[Array | None] | None",
    labels: ArrayLike,
    scores: Sequence[str],
    *,
    source_probs: "Sequence[Array | None] | None" = None,
    general_features: "Sequence[Array | None] | None" = None,
    reference: "Array | None" = None,
) -> ScoreTable:
    """Score many models for one task; higher is better.

    Arrays may be PyTorch tensors on any device. Wide features that lie on a GPU are factored there,
    and only n numbers a row leave it, where no score asks for more.

    Args:
        features: (n, d) array of each model, of any width; None for a model that has none.
        labels: (n,) whole numbers.
        scores: Names from `synlearn.scorers.registry.SCORES`; each runs with its defaults.
        source_probs: (n, c_source) array of each model, for nce and leep.
        general_features: (m, d) array of each model on general images, for ped.
        reference: (n, d_reference) array for the task, for rsa and dds.

    Returns:
        A table with a row for each model, in order.

    Raises:
        ScoreInputError: Labels are unusable; a score is unknown, or needs what was not passed at
            all; sequences differ in length. What is wrong with one model is in the table instead.
    """
    wanted = find_scores(scores)
    by_model = {
        Needs.FEATURES: features,
        Needs.SOURCE_PROBS: source_probs,
        Needs.GENERAL_FEATURES: general_features,
    }
    passed = {need for need, arrays in by_model.items() if arrays is not None}
    if reference is not None:
        passed.add(Needs.REFERENCE)
    for score in wanted:
        for need in _all_needs(score):
            if need not in passed:
                raise ScoreInputError(f"{score.name} needs {need}; pass them, or drop the score.")
    counts = {len(arrays) for arrays in by_model.values() if arrays is not None}
    if len(counts) != 1:
        raise ScoreInputError(
            f"outputs are for {' and '.join(map(str, sorted(counts)))} models; pass one of each "
            "kind for each model, None where a model has none."
        )
    y = np.asarray(labels)
    check_labelled(np.zeros((max(y.size, 1), 1)), y)
    task = Task(y, _on_cpu(reference))
    rows = []
    for model in range(counts.pop()):
        own = {need: None if each is None else each[model] for need, each in by_model.items()}
        rows.append(_row(own, task, wanted))
    return ScoreTable(tuple(score.name for score in wanted), tuple(rows))


def _all_needs(score: Score) -> tuple[Needs, ...]:
    if score.needs in (Needs.GENERAL_FEATURES, Needs.REFERENCE):
        return Needs.FEATURES, score.needs
    return (score.needs,)


def _row(
    own: "dict[Needs, Array | None]", task: Task, wanted: tuple[Score, ...]
) -> tuple[Cell, ...]:
    lacking = {need for need in own if own[need] is None}
    able = [score for score in wanted if not lacking.intersection(_all_needs(score))]
    outputs = _outputs(own, able)
    return tuple(
        _cell(score, outputs, task)
        if score in able
        else Undefined(
            f"the model has no {' and '.join(sorted(lacking.intersection(_all_needs(score))))}."
        )
        for score in wanted
    )


def _outputs(own: "dict[Needs, Array | None]", able: list[Score]) -> ModelOutputs:
    features = own[Needs.FEATURES]
    coordinates = None
    if sum(score.inner_products_only for score in able) >= WORTH_COORDINATES and _wide(features):
        with suppress(ScoreInputError):  # which each score then finds, and says, itself
            coordinates = row_coordinates(features)
    if coordinates is not None and all(
        score.inner_products_only or score.needs is Needs.SOURCE_PROBS for score in able
    ):
        features = None  # so that a tensor can stay where it is
    return ModelOutputs(
        _on_cpu(features),
        coordinates,
        _on_cpu(own[Needs.SOURCE_PROBS]),
        _on_cpu(own[Needs.GENERAL_FEATURES]),
    )


def _wide(features: "Array | None") -> "TypeGuard[Array]":
    shape: tuple[int, ...] = getattr(features, "shape", ())
    return len(shape) == 2 and shape[0] < shape[1]


def _on_cpu(array: "Array | None") -> ArrayLike | None:
    return None if array is None else to_cpu(array)


def _cell(score: Score, outputs: ModelOutputs, task: Task) -> Cell:
    try:
        return float(score.run(outputs, task))
    except ScoreInputError as error:
        return Undefined(str(error))
