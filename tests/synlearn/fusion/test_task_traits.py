import numpy as np
import pytest
import torch

from synlearn.fusion.task_traits import class_difficulty, task_traits

LEARNED = torch.eye(8)[:, :8] + 0.1
DIFFICULTY = np.arange(8.0)


def test_levels_are_divided_among_classes() -> None:
    random = np.random.default_rng(0)
    true = random.normal(size=12)
    tasks = np.stack([random.choice(12, 4, replace=False) for _ in range(400)])
    found = class_difficulty(tasks, true[tasks].mean(axis=1), 12)
    np.testing.assert_allclose(found, true, atol=0.1)


def test_a_class_without_tasks_is_as_hard_as_the_mean() -> None:
    found = class_difficulty(np.array([[0, 1, -1], [1, 2, 0]]), np.array([1.0, 2.0]), 5)
    assert found[3] == found[4] == pytest.approx(1.5)


def test_a_task_is_as_hard_as_the_classes_that_look_like_its_own() -> None:
    means = torch.stack([LEARNED[0] + 0.9 * LEARNED[1], LEARNED[6] + 0.9 * LEARNED[7]])[None]
    far = torch.stack([LEARNED[0], LEARNED[0] + 0.01])[None]
    both = task_traits(torch.cat([means, 3 * means, far]), LEARNED, DIFFICULTY)
    assert both.shape == (3, 1)
    assert both[0] == both[1]  # lengths do not count
    assert both[2] < both[0]


def test_a_learning_tasks_own_classes_do_not_count() -> None:
    means = LEARNED[None, :2]
    own = np.zeros((1, 8), bool)
    own[0, :2] = True
    found = task_traits(means, LEARNED, np.array([99.0, 99.0, *DIFFICULTY[2:]]), own)
    assert found[0, 0] < 10


def test_few_learned_classes_all_count() -> None:
    found = task_traits(LEARNED[None, :2], LEARNED[:3], DIFFICULTY[:3])
    assert found[0, 0] == pytest.approx(1.0)
