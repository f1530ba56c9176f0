from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_tasks import MixedTask, evaluation_tasks
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_truth import (
    DRAWS,
    HALVES,
    FeatureTable,
    MixedTruth,
    head_and_test_rows,
    measure_truth,
    true_accuracies,
)
from synlearn.few_shot_heads import head_accuracy
from synlearn.zoo.card import ModelId
from synlearn.zoo.feature_cache import Responses
from tests import mixed

POOL = mixed.pool()
ROWS = np.flatnonzero(np.isin(POOL.parts, [part.value for part in HALVES]))
TASKS = evaluation_tasks(POOL, each=2)


def made_up(models: int = 4) -> dict[ModelId, Responses]:
    """Models that know the classes better and better; two widths of features."""
    random = np.random.default_rng(0)
    found = {}
    for row in range(models):
        width = 8 if row % 2 else 12
        centres = row * random.normal(size=(len(POOL.classes), width))
        features = centres[POOL.labels[ROWS]] + random.normal(size=(len(ROWS), width))
        found[ModelId(f"model-{row}")] = Responses(
            features.astype(np.float16), np.ones((len(ROWS), 1), np.float16)
        )
    return found


TABLE = FeatureTable(made_up(), ROWS)


def test_heads_and_tests_share_no_image_and_stay_in_their_half() -> None:
    for task in TASKS:
        for part in HALVES:
            for k in (1, 3, 5):
                if task.domain != "omniglot" and k > 3:
                    continue  # six images, of which at least three are kept
                head, test = head_and_test_rows(POOL, task, part, k, draw=0)
                assert head.shape == (5, k)
                for label, own, others in zip(task.classes, head, test, strict=True):
                    assert not np.intersect1d(POOL.images[own], POOL.images[others]).size
                    assert (POOL.parts[np.concatenate([own, others])] == part).all()
                    assert (POOL.labels[np.concatenate([own, others])] == label).all()


def test_too_large_a_k_is_refused() -> None:
    photographs = next(task for task in TASKS if task.domain == "cifar100")
    with pytest.raises(InputError, match=r"4 examples .* but 3 can be drawn"):
        head_and_test_rows(POOL, photographs, Part.TRUTH_A, 4, draw=0)


def test_a_draw_is_the_accuracy_of_its_head() -> None:
    responses = made_up()
    found = true_accuracies(POOL, TABLE, TASKS[0], k=2)
    assert found.shape == (2, DRAWS, 4)
    place = {int(row): index for index, row in enumerate(ROWS)}
    head, test = head_and_test_rows(POOL, TASKS[0], Part.TRUTH_B, 2, draw=3)
    labels = torch.arange(5)
    for column, own in enumerate(responses.values()):
        features = torch.from_numpy(own.features).float()
        support = features[[place[int(row)] for row in head.ravel()]]
        others = features[[place[int(row)] for row in test.ravel()]]
        (wanted,) = head_accuracy(
            support[None],
            labels.repeat_interleave(head.shape[1]),
            others[None],
            labels.repeat_interleave(test.shape[1]),
        )
        assert found[1, 3, column] == pytest.approx(wanted)


def test_models_that_know_more_are_truly_better() -> None:
    mean = true_accuracies(POOL, TABLE, TASKS[0], k=3).mean(axis=(0, 1))
    assert (np.diff(mean) > 0).all()
    assert mean[0] == pytest.approx(0.2, abs=0.08)


def measured(path: Path, ks: tuple[int, ...], counts: list[int], source: str = "a") -> MixedTruth:
    return measure_truth(
        path, POOL, TASKS[:3], TABLE, ks=ks, source=source, workers=1, on_done=counts.append
    )


def test_what_is_measured_is_kept(tmp_path: Path) -> None:
    path, counts = tmp_path / "truth.safetensors", []  # type: tuple[Path, list[int]]
    first = measured(path, (1,), counts)
    assert counts == [1, 1, 1]
    more = measured(path, (2, 1), counts)
    assert counts == [1, 1, 1, 1, 1, 1, 3]
    assert np.array_equal(more.accuracy[1], first.accuracy[0])
    assert np.array_equal(more.mean(1), first.accuracy[0].mean(axis=(1, 2), dtype=float))
    half_a, half_b = more.halves(1)
    np.testing.assert_allclose((half_a + half_b) / 2, more.mean(1), rtol=1e-9)
    counts.clear()
    measured(path, (1,), counts, source="another")
    assert counts == [1, 1, 1]


def test_processes_measure_the_same(tmp_path: Path) -> None:
    tasks: list[MixedTask] = TASKS[:2]
    alone, together = (
        measure_truth(
            tmp_path / f"{workers}",
            POOL,
            tasks,
            TABLE,
            ks=(1,),
            source="a",
            workers=workers,
            on_done=lambda _: None,
        )
        for workers in (1, 2)
    )
    np.testing.assert_allclose(alone.accuracy, together.accuracy, atol=1e-6)
