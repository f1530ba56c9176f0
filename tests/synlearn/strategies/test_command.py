"""Strategies by name on the shipped mini zoo."""

from pathlib import Path

import numpy as np
import pytest

from synlearn.datasets.examples import Examples, ImageShape
from synlearn.datasets.loading import load_examples
from synlearn.errors import InputError
from synlearn.strategies.candidate import candidates_of
from synlearn.strategies.command import NAMES, Sources, choose_models, named_strategy
from synlearn.strategies.zoo_task import ZooTask
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import compute_responses

EXAMPLES = Path(__file__).parents[3] / "examples"


@pytest.fixture(scope="module")
def zoo() -> Zoo:
    return Zoo.open(EXAMPLES / "mini" / "zoo")


@pytest.fixture(scope="module")
def characters() -> Examples:
    return load_examples(EXAMPLES / "unseen-characters", ImageShape(3, 32, 32))


@pytest.mark.parametrize("name", ["task-agnostic", "knn", "leep", "hybrid"])
def test_a_budget_of_models_comes_out(name: str, zoo: Zoo, characters: Examples) -> None:
    three = choose_models(name, 3, Sources(zoo), characters.images, characters.labels).models
    assert len(set(three)) == 3
    assert set(three) <= set(zoo.ids)
    one = choose_models(name, 1, Sources(zoo), characters.images, characters.labels).models
    assert one == three[:1]


def test_candidates_are_read_off_the_cards(zoo: Zoo) -> None:
    for own in candidates_of(zoo):
        card = zoo.card(own.model)
        assert own.feature_width == card.hyperparameters["hidden"]
        assert own.layers == 5
        assert own.training_images == card.recipe[0].instances
    assert len({own.family for own in candidates_of(zoo)}) == 1


def test_a_task_runs_no_model_twice(
    zoo: Zoo, characters: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(*arguments: object) -> object:
        asked.extend(arguments[1])  # type: ignore[arg-type]  # ids
        return compute_responses(*arguments)  # type: ignore[arg-type]  # as they came

    monkeypatch.setattr("synlearn.strategies.zoo_task.compute_responses", counted)
    task = ZooTask(characters.images, characters.labels, zoo)
    first, both = task.outputs(zoo.ids[:2]), task.outputs(zoo.ids[1:3])
    assert asked == list(zoo.ids[:3])
    assert np.array_equal(first.probabilities[1][:, :4], both.probabilities[0][:, :4])
    assert task.labels is not None
    assert sorted(set(task.labels.tolist())) == list(range(5))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("henec", "did you mean 'fennec'"),
        ("zzz", "choose from task-agnostic"),
        ("metric", "needs --mre"),
        ("fusion", "needs --mre"),
        ("fennec", "needs --history"),
    ],
)
def test_what_is_missing_is_named(name: str, words: str, zoo: Zoo) -> None:
    with pytest.raises(InputError, match=words):
        named_strategy(name, Sources(zoo))


def test_the_names_are_those_of_the_documentation() -> None:
    text = (EXAMPLES.parent / "docs" / "strategies.md").read_text()
    assert all(f"`{name}`" in text for name in NAMES)


def test_labels_and_images_must_fit(zoo: Zoo, characters: Examples) -> None:
    with pytest.raises(InputError, match="one for each"):
        ZooTask(characters.images, [0, 1], zoo)
