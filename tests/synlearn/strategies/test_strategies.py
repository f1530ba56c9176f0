"""Orders, picks and pools, on candidates and outputs made by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import linear_model

from synlearn.errors import InputError
from synlearn.scorers.direct import Direct, ModelOutputs
from synlearn.strategies import pools
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.hybrid import Hybrid
from synlearn.strategies.linear_head import LinearHead, head_quality
from synlearn.strategies.strategy import Places, SearchTask, Strategy, order_by, pick
from synlearn.strategies.task_agnostic import TaskAgnostic
from synlearn.strategies.task_aware import TaskAware
from synlearn.zoo.card import ModelId

WAYS, EACH = 3, 10
LABELS = np.repeat(np.arange(WAYS), EACH)


def candidate(number: int, **changes: object) -> Candidate:
    own = Candidate(ModelId(f"m{number}"), 100, 3, 4, 50, None, "f", ("set",))
    return replace(own, **changes)  # type: ignore[arg-type]  # fields of a candidate


CANDIDATES = tuple(candidate(number) for number in range(4))


@dataclass(frozen=True)
class Made:
    """A task on which model m's features tell the classes apart as well as `signal[m]` says."""

    signal: tuple[float, ...]
    labels: NDArray[np.int64] | None = None

    @property
    def images(self) -> NDArray[np.float32]:
        return np.zeros((len(LABELS), 3, 8, 8), np.float32)

    def outputs(self, models: Sequence[ModelId]) -> ModelOutputs:
        random = np.random.default_rng(0)
        noise = random.standard_normal((len(self.signal), len(LABELS), 5))
        one_hot = np.eye(5)[LABELS]
        features = [
            (self.signal[int(m[1:])] * one_hot + 0.3 * noise[int(m[1:])]).astype(np.float32)
            for m in models
        ]
        return ModelOutputs.of(features, [np.full((len(LABELS), 2), 0.5) for _ in models])


TASK = Made((0.0, 2.0, 0.3, 1.0), LABELS)


def test_order_by_takes_the_largest_and_settles_ties_by_the_next_key() -> None:
    assert order_by([1, 3, 3, 2], [0, 1, 2, 3]).tolist() == [2, 1, 3, 0]
    assert order_by([1, 1, 1]).tolist() == [0, 1, 2]


def test_task_agnostic_search_follows_the_paper() -> None:
    own = [
        candidate(0, training_images=1000),
        candidate(1, upstream_accuracy=0.7, training_images=10),
        candidate(2, upstream_accuracy=0.8, training_images=5),
        candidate(3, training_images=1000, parameters=200),
    ]
    assert TaskAgnostic().order(own, TASK).tolist() == [2, 1, 3, 0]


@pytest.mark.parametrize("score", [Direct.KNN, Direct.RIDGE, Direct.LOGME])
def test_task_aware_search_finds_the_separable_features(score: Direct) -> None:
    order = TaskAware(score).order(CANDIDATES, TASK).tolist()
    assert order[0] in ((1, 3) if score is Direct.KNN else (1,))  # both may be without a miss
    assert order[-1] == 0


def test_of_equal_scores_the_larger_model_comes_first() -> None:
    own = [candidate(0), candidate(1, parameters=300), candidate(2, parameters=200), candidate(3)]
    assert TaskAware(Direct.LEEP).order(own, TASK).tolist() == [1, 2, 0, 3]  # outputs say nothing


def test_linear_heads_find_the_separable_features() -> None:
    assert LinearHead().order(CANDIDATES, TASK).tolist() == [1, 3, 2, 0]


def test_a_head_is_what_another_library_trains() -> None:
    outputs = TASK.outputs([own.model for own in CANDIDATES])
    ours = head_quality(outputs, LABELS, seed=0, runs=9, steps=1000)
    assert ours.accuracy.shape == ours.log_likelihood.shape == (4,)
    features = outputs.features[0][1][1]
    theirs = linear_model.LogisticRegression(C=1e3).fit(features[::2], LABELS[::2])
    assert theirs.score(features[1::2], LABELS[1::2]) == pytest.approx(ours.accuracy[1], abs=0.1)
    assert (ours.log_likelihood <= 0).all()


def test_a_single_example_of_a_class_cannot_validate() -> None:
    outputs = TASK.outputs([own.model for own in CANDIDATES]).rows(np.array([0, 1, 10]))
    with pytest.raises(InputError, match="at least two of each class"):
        head_quality(outputs, np.array([0, 0, 1]), seed=0, runs=1, steps=1)


@dataclass(frozen=True)
class Fixed:
    places: tuple[int, ...]

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        del candidates, task
        return np.array(self.places)


def test_the_hybrid_takes_one_pick_from_the_first_and_the_rest_from_the_other() -> None:
    own = Hybrid(Fixed((2, 0, 1, 3)), Fixed((3, 2, 1, 0)))
    assert own.order(CANDIDATES, TASK).tolist() == [2, 3, 1, 0]
    same = Hybrid(Fixed((3, 0, 1, 2)), Fixed((3, 2, 1, 0)))
    assert same.order(CANDIDATES, TASK).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("budget", [0, 5])
def test_a_budget_is_spent_on_different_models(budget: int) -> None:
    assert pick(Fixed((2, 0, 1, 3)), CANDIDATES, TASK, 2) == ("m2", "m0")
    with pytest.raises(InputError, match="from 1 to 4"):
        pick(Fixed((2, 0, 1, 3)), CANDIDATES, TASK, budget)


@pytest.mark.parametrize("strategy", [LinearHead(), TaskAware(Direct.RIDGE)])
def test_who_needs_labels_says_so(strategy: Strategy) -> None:
    with pytest.raises(InputError, match="needs labelled examples"):
        strategy.order(CANDIDATES, Made(TASK.signal))


def test_pools_are_parts_of_the_zoo() -> None:
    own = [
        candidate(0, parameters=10, feature_width=2, family="a"),
        candidate(1, parameters=20, feature_width=8, family="b", sources=("s", "t")),
        candidate(2, parameters=30, feature_width=4, family="a"),
    ]
    found = {
        pool.key: pool.places(own).tolist()
        for pool in (
            pools.everything(),
            pools.by_parameters(20),
            pools.by_width(4),
            pools.experts(),
            pools.one_family("a"),
        )
    }
    assert found == {
        "all": [0, 1, 2], "small": [0, 1], "narrow": [0, 2], "experts": [0, 2], "family": [0, 2]
    }  # fmt: skip
