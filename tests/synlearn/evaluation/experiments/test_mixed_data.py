import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.labelled_images import LabelledImages
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.errors import InputError
from synlearn.evaluation.experiments import mixed_data
from synlearn.evaluation.experiments.mixed_data import (
    MixedData,
    MixedPlan,
    learning_responses,
    prepare_mixed,
)
from synlearn.zoo.mixed_recipes import Recipe, Role, draw_recipes
from tests import mixed


def quick(pool: MixedPool, count: int, role: Role, first: int = 0) -> tuple[Recipe, ...]:
    drawn = draw_recipes(pool, count, role, first=first)
    return tuple(dataclasses.replace(own, steps=10) for own in drawn)


def from_memory(name: str, root: Path) -> LabelledImages:
    assert root.name == "data"
    return mixed.sources()[name]


@pytest.fixture
def plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MixedPlan:
    monkeypatch.setattr(mixed_data, "draw_recipes", quick)
    monkeypatch.setattr(mixed_data, "load_source", from_memory)
    return MixedPlan(tmp_path / "mixed", mixed.split(), Path("data"), learning=3, test=2, ks=(1, 2))


def prepared(plan: MixedPlan) -> tuple[MixedData, dict[str, int]]:
    done: dict[str, int] = {}

    def count(step: str, more: int, total: int) -> None:
        done[step] = done.get(step, 0) + more
        assert done[step] <= total

    clock = itertools.count(0.0, 2.0)
    return prepare_mixed(plan, count, lambda: next(clock)), done


def test_everything_is_made_once_and_then_read(plan: MixedPlan) -> None:
    first, done = prepared(plan)
    assert done == {"experts": 5, "features": 2, "truth": 2 * len(first.tasks)}
    assert len(first.tasks) > 40
    assert [model.split("-")[1] for model in (*first.learning, *first.test)] == [
        "learning", "learning", "learning", "test", "test",
    ]  # fmt: skip
    assert first.specifications.ids == first.zoo.ids
    assert set(first.responses) == set(first.test)
    assert first.truth.accuracy.shape[1:3] == (len(first.tasks), 2)
    assert first.seconds == dict.fromkeys(
        ("images", "zoo", "specifications", "features", "truth"), 2.0
    )
    files = {path: path.stat().st_mtime_ns for path in plan.folder.rglob("*.safetensors")}
    again, _ = prepared(dataclasses.replace(plan, data=None))
    assert {path: path.stat().st_mtime_ns for path in plan.folder.rglob("*.safetensors")} == files
    assert np.array_equal(again.truth.accuracy, first.truth.accuracy)
    assert again.seconds["zoo"] == 4.0


def test_test_models_are_shown_only_what_is_for_the_test(plan: MixedPlan) -> None:
    data, _ = prepared(plan)
    assert set(data.pool.parts[data.test_rows].tolist()) == {
        Part.EXAMPLES, Part.TRUTH_A, Part.TRUTH_B,
    }  # fmt: skip
    rows = data.pool.rows(Part.PROVIDER)
    found = learning_responses(plan, data, rows, lambda step, more, total: None)
    assert tuple(found) == data.learning
    assert {len(own.features) for own in found.values()} == {len(rows)}


def test_another_test_has_other_experts_and_tasks_and_the_same_to_learn_from(
    plan: MixedPlan,
) -> None:
    first, _ = prepared(plan)
    other, _ = prepared(dataclasses.replace(plan, first_test=2, task_seed=1))
    assert other.learning == first.learning
    assert not set(other.test) & set(first.test)
    assert {task.classes for task in other.tasks} != {task.classes for task in first.tasks}
    assert other.truth.models == other.test


def test_without_the_sets_and_without_the_pool_there_is_nothing_to_do(plan: MixedPlan) -> None:
    with pytest.raises(InputError, match="say where the image sets are"):
        prepared(dataclasses.replace(plan, data=None))
