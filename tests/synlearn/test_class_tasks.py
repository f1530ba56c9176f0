import numpy as np
import pytest

from synlearn.class_tasks import ClassEnvironment
from synlearn.errors import InputError

CLASSES = tuple(
    [f"animals/{family}/{number}" for family in ("birds", "fish") for number in range(6)]
    + [f"digits/{number}" for number in range(7)]
    + ["rare/only/one"]
)
EVERY = tuple(range(len(CLASSES)))


def environment(
    drawable: tuple[int, ...] = EVERY, ways: int = 5, seed: int = 0
) -> ClassEnvironment:
    return ClassEnvironment(CLASSES, drawable, ways, models=9, seed=seed)


def sets_of(task: np.ndarray) -> set[str]:
    return {CLASSES[position].split("/")[0] for position in task}


def test_tasks_are_different_and_of_one_set_each() -> None:
    sample = environment().sample(0, 40, 4)
    assert sample.tasks.shape == (40, 5)
    assert sample.tasks.dtype == np.int64
    assert (np.diff(sample.tasks, axis=1) > 0).all()
    assert len(np.unique(sample.tasks, axis=0)) == 40
    assert {frozenset(sets_of(task)) for task in sample.tasks} == {
        frozenset({"animals"}),
        frozenset({"digits"}),
    }
    assert sample.models.tolist() == sorted(set(sample.models.tolist()))
    assert len(sample.models) == 4


def test_sets_take_turns_and_every_second_task_is_of_one_family() -> None:
    tasks = environment().sample(0, 12, 4).tasks
    animals = [task for task in tasks if sets_of(task) == {"animals"}]
    assert len(animals) == 6
    families = [{CLASSES[position].split("/")[1] for position in task} for task in animals]
    assert [len(own) for own in families[1::2]] == [1, 1, 1]
    assert max(map(len, families[::2])) == 2


def test_a_class_that_may_not_be_drawn_never_is() -> None:
    allowed = tuple(position for position in EVERY if position not in {0, 7, 12, 13})
    tasks = environment(allowed).sample(0, 300, 4).tasks
    assert set(np.unique(tasks).tolist()) == set(allowed) - {19}


def test_a_round_depends_on_seed_and_round_alone() -> None:
    first, again = environment().sample(3, 20, 4), environment().sample(3, 20, 4)
    assert (first.tasks == again.tasks).all()
    assert (first.models == again.models).all()
    for other in (environment().sample(4, 20, 4), environment(seed=1).sample(3, 20, 4)):
        assert not np.array_equal(first.tasks, other.tasks)


def test_fewer_tasks_where_there_are_not_as_many() -> None:
    digits = tuple(range(12, 19))
    sample = environment(digits).sample(0, 1000, 100)
    assert len(sample.tasks) == 21  # 7 choose 5
    assert sample.models.tolist() == list(range(9))


def test_classes_without_a_set_are_one_set() -> None:
    plain = ClassEnvironment(("ant", "bee", "cat"), (0, 1, 2), 3, models=2, seed=0)
    assert plain.sample(0, 5, 2).tasks.tolist() == [[0, 1, 2]]


def test_too_few_classes_are_refused() -> None:
    with pytest.raises(InputError, match="no set has 8 classes with enough holders and rows"):
        environment(tuple(range(12, 19)), ways=8)
