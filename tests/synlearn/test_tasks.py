import itertools

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.tasks import TaskEnvironment, split_domains


def test_a_round_draws_rising_different_indices() -> None:
    sample = TaskEnvironment(tasks=50, models=40, seed=3).sample(7, 10, 8)
    assert (len(sample.tasks), len(sample.models)) == (10, 8)
    for drawn, count in ((sample.tasks, 50), (sample.models, 40)):
        assert (np.diff(drawn) > 0).all()
        assert drawn.min() >= 0
        assert drawn.max() < count


def test_asking_for_more_than_there_are_draws_all() -> None:
    sample = TaskEnvironment(tasks=5, models=4, seed=3).sample(0, 10, 10)
    assert sample.tasks.tolist() == [0, 1, 2, 3, 4]
    assert sample.models.tolist() == [0, 1, 2, 3]


def test_a_round_draws_the_same_again_whatever_was_drawn_before() -> None:
    resumed = TaskEnvironment(50, 40, seed=3).sample(7, 10, 8)
    environment = TaskEnvironment(50, 40, seed=3)
    unbroken = [environment.sample(index, 10, 8) for index in range(8)][7]
    np.testing.assert_array_equal(resumed.tasks, unbroken.tasks)
    np.testing.assert_array_equal(resumed.models, unbroken.models)


def test_rounds_and_seeds_draw_apart() -> None:
    draws = {
        tuple(TaskEnvironment(50, 40, seed).sample(index, 10, 8).tasks.tolist())
        for seed in range(5)
        for index in range(5)
    }
    assert len(draws) == 25


def test_a_rounds_draw_is_not_that_of_another_purpose() -> None:
    """NumPy pads a seed with zeros, so [seed, 1] and [seed, 1, 0] are one stream: metric learning
    draws its minibatches from [seed, 1, round]."""
    for seed, index in itertools.product(range(3), range(3)):
        learning = np.random.default_rng([seed, 1, 0]).choice(50, size=10, replace=False)
        sample = TaskEnvironment(50, 40, seed).sample(index, 10, 8)
        assert sample.tasks.tolist() != sorted(learning.tolist())


def test_every_task_is_drawn_about_equally_often() -> None:
    environment = TaskEnvironment(tasks=20, models=5, seed=0)
    counts = np.zeros(20)
    for index in range(2000):
        counts[environment.sample(index, 5, 2).tasks] += 1
    assert abs(counts - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


def test_domains_are_split_in_two() -> None:
    split = split_domains(count=100, learning=70, seed=1)
    both = np.concatenate([split.in_distribution, split.out_of_distribution])
    assert len(split.in_distribution) == 70
    assert sorted(both.tolist()) == list(range(100))
    assert (np.diff(split.in_distribution) > 0).all()
    assert split.in_distribution.tolist() != split_domains(100, 70, 2).in_distribution.tolist()


def test_more_learning_domains_contain_fewer() -> None:
    few, many = (set(split_domains(100, n, 1).in_distribution.tolist()) for n in (30, 70))
    assert few < many


def test_a_zoo_that_is_too_small_is_named() -> None:
    with pytest.raises(InputError, match=r"70 providers were asked for, but .* models of 9"):
        split_domains(count=9, learning=70, seed=0)
