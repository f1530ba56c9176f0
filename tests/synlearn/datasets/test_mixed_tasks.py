from collections import Counter

import numpy as np
import pytest

from synlearn.datasets.mixed_plan import Kind, Part
from synlearn.datasets.mixed_tasks import (
    Side,
    different_images,
    draw_rows,
    evaluation_tasks,
    example_rows,
    learning_tasks,
)
from synlearn.errors import InputError
from tests import mixed

POOL = mixed.pool()


def test_test_tasks_are_of_one_set_and_side_and_all_different() -> None:
    tasks = evaluation_tasks(POOL, each=6)
    assert Counter((task.side, task.domain) for task in tasks) == {
        (Side.SEEN, "cifar100"): 6,
        (Side.SEEN, "mnist"): 6,
        (Side.UNSEEN, "cifar100"): 6,
        (Side.UNSEEN, "omniglot"): 6,
    }
    assert len({task.classes for task in tasks}) == len({task.name for task in tasks}) == 24
    for task in tasks:
        entries = [POOL.classes[label] for label in task.classes]
        assert {entry.domain for entry in entries} == {task.domain}
        held = {entry.kind in (Kind.PROVIDER, Kind.SHARED) for entry in entries}
        assert held == {task.side is Side.SEEN}
        assert not any(POOL.rows(Part.PROVIDER, label).size for label in task.classes) or (
            task.side is Side.SEEN
        )


def test_every_second_task_of_drawings_is_within_one_alphabet() -> None:
    tasks = [task for task in evaluation_tasks(POOL, each=10) if task.domain == "omniglot"]
    alphabets = [len({POOL.classes[label].group for label in task.classes}) for task in tasks]
    assert 3 <= alphabets.count(1) <= 7


def test_learning_tasks_are_of_classes_that_providers_hold() -> None:
    tasks = learning_tasks(POOL, each=5)
    assert Counter(task.domain for task in tasks) == {"cifar100": 5, "mnist": 5}
    assert all(POOL.rows(Part.PROVIDER, label).size for task in tasks for label in task.classes)


def test_a_name_is_of_one_task_whatever_the_seed() -> None:
    tasks = [task for seed in range(3) for task in evaluation_tasks(POOL, seed, each=4)]
    assert len({task.name for task in tasks}) == len(tasks)


def test_copies_fill_up_what_has_too_few_images() -> None:
    def shown(k: int) -> int:
        return min(len(np.unique(POOL.images[rows])) for rows in example_rows(POOL, task, k, 0))

    filled = 0
    for task in evaluation_tasks(POOL, each=2):
        most = different_images(POOL, task)
        assert shown(most) == most
        if task.domain == "omniglot":  # which is stretched by copies
            assert shown(most + 1) == most
            filled += 1
    assert filled


def test_no_more_tasks_than_there_are() -> None:
    # Six classes: choose five of them in six ways.
    assert len([own for own in learning_tasks(POOL, each=50) if own.domain == "cifar100"]) == 6


def test_examples_are_of_the_tasks_classes_and_the_right_part() -> None:
    task = evaluation_tasks(POOL, each=1)[0]
    rows = example_rows(POOL, task, k=3, draw=0)
    assert rows.shape == (5, 3)
    assert (POOL.labels[rows] == np.array(task.classes)[:, None]).all()
    assert (POOL.parts[rows] == Part.EXAMPLES).all()
    assert np.array_equal(rows, example_rows(POOL, task, k=3, draw=0))
    assert not np.array_equal(rows, example_rows(POOL, task, k=3, draw=1))


def test_images_are_drawn_before_copies_of_them() -> None:
    images = np.repeat([7, 3, 5, 9], 3)
    for draw in range(20):
        rows, left = draw_rows(images, 6, f"draw {draw}")
        assert len(set(rows.tolist())) == 6
        assert sorted(images[rows[:4]].tolist()) == [3, 5, 7, 9]
        assert len(left) == 0


def test_what_is_kept_is_never_drawn() -> None:
    images = np.repeat(np.arange(10), 2)
    for draw in range(20):
        rows, left = draw_rows(images, 10, f"draw {draw}", keep=0.4)
        assert not set(images[rows].tolist()) & set(images[left].tolist())
        assert len(set(images[left].tolist())) == 4
        few, left = draw_rows(images, 2, f"draw {draw}", keep=0.4)
        assert (len(few), len(left)) == (2, 16)
    with pytest.raises(InputError, match=r"13 examples .* but 12 can be drawn"):
        draw_rows(images, 13, "too many", keep=0.4)


def test_draws_are_even() -> None:
    first = Counter(int(draw_rows(np.arange(5), 1, f"draw {row}")[0][0]) for row in range(1000))
    assert min(first.values()) > 150
