"""Regret of orders that are given, against a search over all pools by hand."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.evaluation.experiments.search_orders import Recalled
from synlearn.evaluation.experiments.search_regret import (
    ORACLE,
    KnownOrders,
    Regrets,
    measure_regrets,
)
from synlearn.evaluation.experiments.search_truth import SearchTruth
from synlearn.evaluation.regret import regret, relative_regret
from synlearn.strategies import pools
from synlearn.strategies.candidate import Candidate
from synlearn.zoo.card import ModelId

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS, TASKS, SEEDS = 8, 5, (0, 1)
RANDOM = np.random.default_rng(0)
CANDIDATES = tuple(
    Candidate(ModelId(f"m{n}"), 10 * n, 3, n, 5, None, "f", ("s",)) for n in range(MODELS)
)
ACCURACY = RANDOM.uniform(0.2, 0.9, (TASKS, 4, MODELS))
ORDERS = {
    (name, seed): np.stack([RANDOM.permutation(MODELS) for _ in range(TASKS)])
    for name in ("one", "two")
    for seed in SEEDS
}


def bench() -> SearchBench:
    task: Callable[[int, int], object] = lambda place, seed: None  # noqa: E731
    return cast("SearchBench", SimpleNamespace(candidates=CANDIDATES, task=task))


def truth(models: list[int], tasks: list[int]) -> SearchTruth:
    found = ACCURACY[np.ix_(tasks, range(4), models)]
    return SearchTruth("head", "Head", np.array(tasks), np.array(models), found)


def measured(true: SearchTruth, pool: pools.Pool) -> list[Regrets]:
    known = KnownOrders(bench(), ORDERS, {"both": ("one", "two")})
    return measure_regrets(known, true, pool, SEEDS)


@pytest.mark.parametrize(
    "pool", [pools.everything(), pools.by_parameters(40)], ids=["all", "small"]
)
@pytest.mark.parametrize("models", [list(range(MODELS)), [0, 2, 3, 4, 7]])
def test_regret_is_what_is_lost_within_the_pool(pool: pools.Pool, models: list[int]) -> None:
    tasks = [0, 3, 4]
    found = measured(truth(models, tasks), pool)
    assert [own.strategy for own in found] == ["one", "two", "both", ORACLE]
    inside = [n for n in models if pool.holds(CANDIDATES[n])]
    means = ACCURACY.mean(axis=1)
    for own in found[:3]:
        for b, budget in enumerate(own.budgets):
            for (s, seed), (t, task) in [
                ((s, seed), (t, task))
                for s, seed in enumerate(SEEDS)
                for t, task in enumerate(tasks)
            ]:
                first = [n for n in ORDERS["one", seed][task] if n in inside]
                second = [n for n in ORDERS["two", seed][task] if n in inside]
                whole = {
                    "one": first,
                    "two": second,
                    "both": [first[0], *(n for n in second if n != first[0])],
                }[own.strategy]
                best = max(means[task, n] for n in inside)
                got = max(means[task, n] for n in whole[:budget])
                assert own.absolute[b, s, t] == pytest.approx(best - got)
                assert own.reached[b, s, t] == pytest.approx(got)
                assert own.relative[b, s, t] == pytest.approx((best - got) / (1 - got))
                assert own.found[b, s, t] == (got == best)
                truly = means[task, inside]
                picks = [inside.index(n) for n in whole[:budget]]
                assert own.absolute[b, s, t] == pytest.approx(regret(truly, picks))
                assert own.relative[b, s, t] == pytest.approx(relative_regret(truly, picks))


def test_the_oracle_knows_every_task_but_this_one() -> None:
    (oracle,) = [
        own
        for own in measured(truth(list(range(MODELS)), list(range(TASKS))), pools.everything())
        if own.strategy == ORACLE
    ]
    means = ACCURACY.mean(axis=1)
    for task in range(TASKS):
        others = np.delete(means, task, axis=0).mean(axis=0)
        expected = means[task].max() - means[task, others.argmax()]
        assert oracle.absolute[0, 0, task] == pytest.approx(expected)


def test_budgets_beyond_the_pool_are_left_out() -> None:
    found = measured(truth([0, 1, 2], [0]), pools.everything())
    assert found[0].budgets == (1, 2, 3)
    assert (found[0].absolute[-1] == 0).all()


def test_a_known_order_is_asked_for_a_part() -> None:
    own = Recalled(CANDIDATES, np.array([5, 2, 7, 0, 1, 3, 4, 6]))
    part = [CANDIDATES[n] for n in (0, 2, 7)]
    assert own.order(part, cast("Any", None)).tolist() == [1, 2, 0]
