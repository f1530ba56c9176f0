"""A question of every kind, and an answer that each allows."""

import numpy as np

from protocols.ids import digest_of
from protocols.queries import (
    Answer,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    pack_names,
)

A, B = digest_of(b"a"), digest_of(b"b")
CLASSES = ("ant", "bee", "cat")
TASKS = np.array([[0, 1, -1], [2, 0, 1]], np.int32)
GRADIENT = PretrainingGradient(A, classes=4, rows_per_class=3, margin=0.5)
UPDATE = PretrainingUpdate(
    A, classes=4, rows_per_class=3, margin=0.5, steps=2, learning_rate=0.1, precision="float64"
)
ERROR = SquaredError((A, B), rows=5)
FEATURES = TargetFeatures(A, k=3, draws=2)
OUTPUTS = ClassOutputs((A, B), CLASSES, outputs=4)
LIKELIHOOD = LeepLikelihood((A, B), CLASSES, TASKS, np.full((2, 2, 3, 4), 0.25))
STATISTICS = HeadStatistics((A, B), CLASSES, width=3, unit_length=True, halved=False)
CORRECT = HeadCorrect(
    (A, B),
    CLASSES,
    True,
    TASKS,
    np.arange(36, dtype=np.float32).reshape(2, 2, 3, 3),
    np.ones((2, 2, 3), np.float32),
)
EVIDENCE = TaskEvidence(
    (A, B),
    backbone=A,
    features=6,
    classes=CLASSES,
    ks=np.array([1, 3], np.int32),
    draws=2,
    scores=("ridge_loo", "logme", "leep", "knn"),
)
EXAMPLES: tuple[Query, ...] = (
    Describe(),
    GRADIENT,
    UPDATE,
    ERROR,
    FEATURES,
    OUTPUTS,
    LIKELIHOOD,
    STATISTICS,
    CORRECT,
    EVIDENCE,
)

ROWS = np.array([5, 0, 2])
"""Of each class, where a question names classes."""


def answer_to(query: Query) -> Answer:  # noqa: PLR0911 - one for each function
    """An answer that the question allows: ones, with a length of 7 where any is allowed."""
    match query:
        case Describe():
            return {
                "rows": np.array(7),
                "input_shape": np.array([3, 8, 8]),
                "targets": np.array(0),
                "class_names": pack_names(CLASSES),
                "class_rows": ROWS.copy(),
            }
        case ClassOutputs():
            hard = np.zeros((2, 3, 4), np.int64)
            hard[..., 1] = ROWS
            return {
                "sums": np.ones((2, 3, 4)) * ROWS[:, None] / 4,
                "hard": hard,
                "rows": ROWS.copy(),
            }
        case LeepLikelihood():
            behind = np.where(TASKS >= 0, ROWS[TASKS], 0)
            return {"sums": np.ones((2, 1, 1)) * -3.0 * behind, "rows": ROWS.copy()}
        case HeadStatistics():
            x = np.array([0.6, 0.0, -0.8])  # the same unit vector in every row
            products = np.outer(x, x)[np.triu_indices(3)]
            return {
                "sums": np.ones((2, 1, 1)) * ROWS[:, None] * x,
                "products": np.ones((2, 1, 1)) * ROWS[:, None] * products,
                "rows": ROWS.copy(),
            }
        case HeadCorrect():
            return {
                "correct": np.where(TASKS >= 0, ROWS[TASKS], 0) // 2 * np.ones((2, 1, 1), np.int64),
                "rows": ROWS.copy(),
            }
        case TaskEvidence():
            scores = np.ones((2, 2, 4, 2)) * np.array([-0.7, 3.0, -1.0, 0.5])[:, None]
            scores[0, 1, 1, 0] = np.inf  # the evidence that has no bound
            return {
                "means": np.full((2, 2, 3, 6), -0.4, np.float32),
                "scores": scores,
                "similarity": np.full((2, 2, 1), 0.75, np.float32),
                "rows": np.array([5, 3, 4]),
            }
        case _:
            return {
                name: np.ones(tuple(7 if side is None else side for side in spec.shape), spec.dtype)
                for name, spec in query.answer.items()
            }
