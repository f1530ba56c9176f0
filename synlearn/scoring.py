"""Direct scores of a zoo's models for a handful of examples, with where they come from."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synlearn.datasets.examples import Examples
from synlearn.errors import InputError
from synlearn.evaluation.provenance import package_versions
from synlearn.scorers.batch import Cell, ScoreTable, Undefined, score_models
from synlearn.scorers.registry import SCORES
from synlearn.scorers.regression import REGRESSION_SCORES, score_regression
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.features import zoo_features

FORMAT = "synlearn-scores/1"


@dataclass(frozen=True, slots=True)
class ZooScores:
    """Scores of all models of a zoo for one task.

    Attributes:
        models: Their ids, best first by the first score, undefined ones last.
        table: A row for each of `models`.
        provenance: Digests, versions, preprocessing.
    """

    models: tuple[ModelId, ...]
    table: ScoreTable
    provenance: Mapping[str, object]

    def to_json(self) -> str:
        """Return everything as JSON; an undefined score is null, its reason beside it."""
        rows = [
            {
                "model": model,
                "scores": {n: _number(c) for n, c in zip(self.table.scores, row, strict=True)},
                "undefined": {
                    name: cell.reason
                    for name, cell in zip(self.table.scores, row, strict=True)
                    if isinstance(cell, Undefined)
                },
            }
            for model, row in zip(self.models, self.table.rows, strict=True)
        ]
        content = {"format": FORMAT, "provenance": dict(self.provenance), "models": rows}
        return json.dumps(content, indent=2, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """Return a header and a line for each model; an undefined score is empty."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["model", *self.table.scores])
        for model, row in zip(self.models, self.table.rows, strict=True):
            writer.writerow([model, *(_number(cell) for cell in row)])
        return buffer.getvalue()


def score_zoo(
    examples: Examples, zoo: Zoo, scores: Sequence[str], provenance: Mapping[str, object]
) -> ZooScores:
    """Run every model of a zoo on the examples and score its features.

    Features are the inputs of a model's last linear layer, or what an ONNX model's card names.

    Args:
        examples: With labels for classification scores, with targets for regression scores.
        zoo: The models.
        scores: Names from `SCORES` or `REGRESSION_SCORES`, not mixed.
        provenance: What the caller knows, such as the data's digest.

    Raises:
        InputError: The examples lack what the scores need, or a score is unknown.
    """
    features = zoo_features(zoo, examples.images)
    if any(name in REGRESSION_SCORES for name in scores):
        if examples.targets is None:
            raise InputError(
                "Regression scores need the values to predict; add 'targets' to the .npz file, or "
                "a targets.csv to the folder."
            )
        table = score_regression(features, examples.targets, scores)
    else:
        if examples.labels is None:
            raise InputError(
                "These scores need class labels; add 'labels' to the .npz file, or ask for "
                f"{', '.join(REGRESSION_SCORES)}. Known scores: {', '.join(SCORES)}."
            )
        table = score_models(features, examples.labels, scores)
    order = sorted(range(len(zoo)), key=lambda row: _sort_key(table.rows[row][0]))
    return ZooScores(
        models=tuple(zoo.ids[row] for row in order),
        table=ScoreTable(table.scores, tuple(table.rows[row] for row in order)),
        provenance={
            **provenance,
            "zoo": zoo.digest,
            "examples": len(examples),
            "features": "inputs of the last linear layer; of ONNX models, what their cards name",
            "preprocessing": f"images as (n, {', '.join(map(str, examples.images.shape[1:]))}) "
            "float32 in [0, 1]",
            "versions": package_versions(),
        },
    )


def _number(cell: Cell) -> float | None:
    return None if isinstance(cell, Undefined) else cell


def _sort_key(cell: Cell) -> tuple[bool, float]:
    return (True, 0.0) if isinstance(cell, Undefined) else (False, -cell)
