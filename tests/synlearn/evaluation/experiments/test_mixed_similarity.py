from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import Kind, Part
from synlearn.datasets.mixed_pool import MixedPool, PoolClass
from synlearn.datasets.mixed_tasks import MixedTask, Side, example_rows
from synlearn.evaluation.experiments.mixed_similarity import Draws, measure_similarities
from synlearn.fusion.moved import COPIES, with_copies
from synlearn.fusion.similarity import gram_directions, similarities
from synlearn.scorers.direct import ModelOutputs

RANDOM = np.random.default_rng(0)
CLASSES, EACH, MODELS = 5, 8, 3
POOL = MixedPool(
    pictures=RANDOM.integers(0, 256, (CLASSES * EACH, 32, 32, 3), dtype=np.uint8),
    labels=np.arange(CLASSES).repeat(EACH),
    parts=np.array([Part.EXAMPLES.value] * CLASSES * EACH),
    images=np.arange(CLASSES * EACH),
    classes=tuple(PoolClass("set", f"c{i}", Kind.UNSEEN.value, "") for i in range(CLASSES)),
)
TASKS = [MixedTask(f"task-{i}", "set", Side.UNSEEN, order) for i, order in enumerate([
    (0, 1, 2, 3, 4), (4, 2, 0, 1, 3),
])]  # fmt: skip
WEIGHTS = [RANDOM.normal(size=(3 * 32 * 32, width)) for width in (4, 4, 7)]


class Models:
    """Linear ones; how many pictures they were shown."""

    def __init__(self) -> None:
        self.shown = 0

    def __call__(self, pictures: np.ndarray) -> ModelOutputs:
        self.shown += len(pictures)
        flat = pictures.reshape(len(pictures), -1) / 255
        return ModelOutputs.of(
            [flat @ weight for weight in WEIGHTS], [np.ones((len(flat), 1))] * MODELS
        )


ROWS = np.arange(len(POOL))


def draws(ks: tuple[int, ...] = (1, 5)) -> Draws:
    return Draws(POOL, TASKS, ks, (0, 3), ROWS, Models()(POOL.pictures))


@pytest.mark.parametrize("k", [1, 5])
def test_they_are_those_of_the_examples_and_of_their_copies_where_these_are_few(
    k: int, tmp_path: Path
) -> None:
    found = measure_similarities(
        tmp_path / "kept", draws(), Models(), source="a", on_done=lambda _: None
    )
    for seed in (0, 3):
        whole = found.of(k, seed)
        assert whole.shape == (2, MODELS, MODELS)
        for own, task in zip(whole, TASKS, strict=True):
            pictures = POOL.pictures[example_rows(POOL, task, k, seed).ravel()]
            expected = similarities(gram_directions(Models()(with_copies(pictures))))
            np.testing.assert_allclose(own, expected, atol=1e-6)


def test_what_is_kept_is_not_computed_again_unless_it_is_of_others(tmp_path: Path) -> None:
    path, models, done = tmp_path / "kept", Models(), list[int]()
    first = measure_similarities(path, draws(), models, "a", done.append)
    assert done == [2] * 4
    assert 0 < models.shown <= 2 * 2 * 5 * COPIES  # at K = 1 alone
    again = Models()
    second = measure_similarities(path, draws(), again, "a", done.append)
    assert again.shown == 0
    np.testing.assert_array_equal(first.of(5, 3), second.of(5, 3))
    measure_similarities(path, draws((1,)), again, "b", done.append)
    assert again.shown == models.shown
