"""What models say about the rows of whole classes: all that NCE and LEEP need.

`P(y, z)`, for labels y and a model's classes z, is a sum over the rows of each class, so that one
`ClassOutputs` for each provider and model serves every task there is. LEEP asks a second time, with
the tables that the sums of all providers gave.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from protocols.queries.arrays import (
    ByContent,
    keep_array,
    keep_tasks,
    rows_of_tasks,
    within,
)
from protocols.queries.spec import (
    MAX_MODELS,
    MAX_OUTPUTS,
    Answer,
    Array,
    ArraySpec,
    check_classes,
    check_digests,
    check_entries,
    check_range,
)

LEAST_LIKELIHOOD = 2.0**-40
"""What a row's likelihood counts as at least, so that one row moves a sum of LEEP by at most 28.

Honest tables never need it: with theta the outputs of the n rows behind a table, the likelihood of
each of them is at least sum_z theta_iz^2 / sum_j theta_jz >= 1/n (Cauchy and Schwarz)."""

_ROUNDING = 1e-6
"""Relative; probabilities are summed in float64."""


@dataclass(frozen=True, slots=True)
class ClassOutputs:
    """Per class, sums of several models' output probabilities and counts of their predictions.

    Over all rows of each class. A class that the provider does not hold has zeros; so have the
    outputs behind a model's last.

    Answer: `sums` (m, k, outputs) float64, sums of probabilities; `hard` (m, k, outputs) int64, how
    often the output was the largest (the first of equal ones); `rows` (k,) int64.

    Attributes:
        models: m digests of files, whose outputs are logits; architectures may differ.
        classes: k names.
        outputs: Room for outputs; a model with more is refused.
    """

    function: ClassVar[str] = "class_outputs"
    models: tuple[str, ...]
    classes: tuple[str, ...]
    outputs: int

    def __post_init__(self) -> None:
        check_digests("models", self.models, MAX_MODELS)
        check_classes("classes", self.classes)
        check_range("outputs", self.outputs, 1, MAX_OUTPUTS)
        check_entries("the answer", len(self.models), len(self.classes), self.outputs)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        shape = (len(self.models), len(self.classes), self.outputs)
        return {
            "sums": ArraySpec("float64", shape, low=0),
            "hard": ArraySpec("int64", shape, low=0),
            "rows": ArraySpec("int64", shape[1:2], low=0),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` unless every model has one prediction, of mass 1, for each row."""
        rows = answer["rows"]
        within("hard", answer["hard"].sum(axis=2), rows, rows)
        slack = _ROUNDING * rows
        within("sums", answer["sums"].sum(axis=2), rows - slack, rows + slack)


@dataclass(frozen=True, slots=True, eq=False)
class LeepLikelihood(ByContent):
    """Second pass of LEEP: per task and class, sums of log sum_z p(y | z) theta_z over the rows.

    Over all rows of each class, as in `ClassOutputs`. A likelihood below 2^-40 counts as 2^-40.

    Answer: `sums` (m, t, w) float64, 0 where a task has no further class or the provider does not
    hold it; `rows` (k,) int64.

    Attributes:
        models: m digests of files, whose outputs are logits; architectures may differ.
        classes: k names.
        tasks: (t, w) int32, indices into `classes`, -1 behind the last class of a task.
        tables: (m, t, w, z) float64 in [0, 1], p(y | z) of each task's classes y given a model's
            class z; a model with more outputs than z is refused.
    """

    function: ClassVar[str] = "leep_likelihood"
    models: tuple[str, ...]
    classes: tuple[str, ...]
    tasks: Array
    tables: Array

    def __post_init__(self) -> None:
        check_digests("models", self.models, MAX_MODELS)
        check_classes("classes", self.classes)
        tasks = keep_tasks(self, len(self.classes))
        shape = (len(self.models), *tasks.shape, None)
        tables = keep_array(self, "tables", ArraySpec("float64", shape, low=0.0, high=1.0))
        check_range("outputs", tables.shape[3], 1, MAX_OUTPUTS)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The models' files."""
        return self.models

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        return {
            "sums": ArraySpec("float64", (len(self.models), *self.tasks.shape), high=0),
            "rows": ArraySpec("int64", (len(self.classes),), low=0),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` where a sum is lower than its rows allow."""
        rows = rows_of_tasks(self.tasks, answer["rows"])
        within("sums", answer["sums"], rows * math.log(LEAST_LIKELIHOOD) * (1 + _ROUNDING), 0.0)
