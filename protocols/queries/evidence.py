"""`task_evidence`: what a metric and what direct scores see of one task's small target datasets.

A fusion of the two is fitted on tasks of which both are known, about the very same examples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocols.queries.arrays import MAX_TASK_CLASSES, ByContent, keep_array, within
from protocols.queries.spec import (
    MAX_ENTRIES,
    MAX_MODELS,
    MAX_OUTPUTS,
    Answer,
    Array,
    ArraySpec,
    QueryError,
    check_choice,
    check_classes,
    check_digest,
    check_digests,
    check_entries,
    check_range,
)

SCORES = ("ridge_loo", "ridge_loo_accuracy", "logme", "leep", "nce", "knn", "ridge_held_out")
"""The closed list of direct scores; of each, higher is better."""

MAX_EXAMPLES = 1024
"""Rows of one target dataset: a node's memory grows with their square for each model."""
MAX_DRAWN = 2**14
"""Rows of all target datasets of a question together."""
MAX_GRAM = 2**26
"""Entries of the Gram matrices of all models and target datasets: a node may keep half of them."""
_FEWEST_ROWS, _MOST_ROWS = 64, 128
"""Of a Gram matrix: few rows are compared with their moved copies, of many rows some."""
_ROUNDING = 1e-6


def gram_entries(ways: int, ks: Sequence[int], draws: int) -> int:
    """Return how many entries one model's Gram matrices of a question have, counted generously."""
    rows = [min(max(ways * k, _FEWEST_ROWS), _MOST_ROWS) for k in ks]
    return draws * sum(count**2 for count in rows)


@dataclass(frozen=True, slots=True, eq=False)
class TaskEvidence(ByContent):
    """Of small target datasets of one task: class means of `g_mu`, and what models make of them.

    The provider holds all classes of the task. For each k it draws target datasets of k different
    rows of each class; other providers' rows can tell how reusable a model really is. The same
    classes, ks and draws are of the same rows in every question of a job, whatever its id and its
    models. The mean of one row is that row's feature, and a score of few rows is a function of
    these few.

    Answer: `means` (c, d, w, features) float32 in [-1, 1], mean feature of each class; `scores`
    (c, d, s, m) float64, higher is better, where LogME is infinite if its evidence has no bound;
    `similarity` (c, d, m (m - 1) / 2) float32 in [0, 1], how alike each two models see the rows
    and, where these are few, moved copies of them: centred kernel alignments, the upper triangle
    row by row; `rows` (w,) int64, rows of each class
    that were drawn from.

    Attributes:
        models: m digests of files, whose outputs are logits; architectures may differ.
        backbone: Digest of `g_mu`'s file.
        features: Of `g_mu`; a backbone of another width is refused.
        classes: w names, 2 to 256.
        ks: (c,) int32, rows of each class in a target dataset, rising, at least 1.
        draws: d target datasets for each k.
        scores: s names of `SCORES`, in the order of that list.
    """

    function: ClassVar[str] = "task_evidence"
    models: tuple[str, ...]
    backbone: str
    features: int
    classes: tuple[str, ...]
    ks: Array
    draws: int
    scores: tuple[str, ...]

    def __post_init__(self) -> None:
        check_digests("models", self.models, MAX_MODELS)
        check_digest("backbone", self.backbone)
        check_range("features", self.features, 1, MAX_OUTPUTS)
        check_classes("classes", self.classes)
        ways = len(self.classes)
        check_range("number of classes", ways, 2, MAX_TASK_CLASSES)
        ks = keep_array(self, "ks", ArraySpec("int32", (None,), low=1), most=MAX_EXAMPLES)
        if (ks[1:] <= ks[:-1]).any():
            raise QueryError("ks must rise")
        check_range("examples of a target dataset", ways * int(ks[-1]), 2, MAX_EXAMPLES)
        check_range("draws", self.draws, 1, MAX_DRAWN)
        check_range("rows of all target datasets", ways * int(ks.sum()) * self.draws, 2, MAX_DRAWN)
        entries = gram_entries(ways, ks.tolist(), self.draws) * len(self.models)
        check_range("entries of Gram matrices", entries, 1, MAX_GRAM)
        for score in self.scores:
            check_choice("a score", score, SCORES)
        check_range("number of scores", len(self.scores), 1, len(SCORES))
        if self.scores != tuple(score for score in SCORES if score in self.scores):
            raise QueryError("scores must be different, in the order of the closed list")
        sides = (len(ks), self.draws)
        check_entries("means", *sides, ways, self.features)
        check_entries("scores", *sides, len(self.scores), len(self.models))
        check_range("size of similarity", math.prod(sides) * self._pairs, 0, MAX_ENTRIES)

    @property
    def blobs(self) -> tuple[str, ...]:
        """The files of the backbone and the models."""
        return (self.backbone, *self.models)

    @property
    def answer(self) -> dict[str, ArraySpec]:
        """The arrays that come back."""
        sides, ways = (len(self.ks), self.draws), len(self.classes)
        scores = (*sides, len(self.scores), len(self.models))
        return {
            "means": ArraySpec("float32", (*sides, ways, self.features), low=-1.0, high=1.0),
            "scores": ArraySpec("float64", scores, unbounded=True),
            "similarity": ArraySpec("float32", (*sides, self._pairs), low=0.0, high=1.0),
            "rows": ArraySpec("int64", (ways,), low=int(self.ks[-1])),
        }

    def check(self, answer: Answer) -> None:
        """Raise `QueryError` where a score lies out of its range."""
        for place, score in enumerate(self.scores):
            low, high = self._range(score)
            within("scores", answer["scores"][:, :, place], low, high)

    @property
    def _pairs(self) -> int:
        return len(self.models) * (len(self.models) - 1) // 2

    def _range(self, score: str) -> tuple[float, float]:
        match score:
            case "ridge_loo":
                return -np.finfo(np.float64).max, 0.0
            case "logme":
                return -np.finfo(np.float64).max, math.inf
            case "leep" | "nce":  # minus the labels' entropy; classes have as many rows each
                return -math.log(len(self.classes)) * (1 + _ROUNDING), 0.0
            case _:  # shares of rows
                return 0.0, 1.0
