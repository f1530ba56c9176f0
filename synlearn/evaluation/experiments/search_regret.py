"""From orders and true accuracies to regret: by strategy, pool, budget, task and seed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.evaluation.experiments.search_orders import Orders, Recalled
from synlearn.evaluation.experiments.search_truth import SearchTruth
from synlearn.strategies.hybrid import Hybrid
from synlearn.strategies.pools import Pool
from synlearn.strategies.strategy import Strategy

Float64 = NDArray[np.float64]

BUDGETS: Final = (1, 2, 3, 5)
ORACLE: Final = "task_agnostic_oracle"


@dataclass(frozen=True, slots=True)
class Regrets:
    """Of one strategy in one pool by one kind of truth.

    Attributes:
        strategy, pool, truth: Their keys.
        budgets: (b,).
        absolute: (b, seeds, t) equation 1.
        relative: (b, seeds, t) equation 2 of oracle and picks.
        reached: (b, seeds, t) the expected best accuracy among the picks, s(m).
        found: (b, seeds, t) whether the best model of the pool is among the picks.
    """

    strategy: str
    pool: str
    truth: str
    budgets: tuple[int, ...]
    absolute: Float64
    relative: Float64
    reached: Float64
    found: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class KnownOrders:
    """All strategies, by the orders that were measured.

    Attributes:
        bench: Candidates and tasks.
        orders: Of all candidates, by strategy and seed.
        hybrids: By name, the strategy of its first pick and that of the others.
    """

    bench: SearchBench
    orders: Mapping[tuple[str, int], Orders]
    hybrids: Mapping[str, tuple[str, str]]

    @property
    def names(self) -> list[str]:
        """Of all strategies, hybrids last."""
        return [*dict.fromkeys(name for name, _ in self.orders), *self.hybrids]

    def strategy(self, name: str, place: int, seed: int) -> Strategy:
        """Return a strategy as it is for one task and draw."""
        parts = self.hybrids.get(name, (name,))
        known = [Recalled(self.bench.candidates, self.orders[own, seed][place]) for own in parts]
        return Hybrid(known[0], known[1]) if len(known) > 1 else known[0]


def measure_regrets(
    known: KnownOrders, truth: SearchTruth, pool: Pool, seeds: Sequence[int]
) -> list[Regrets]:
    """Measure all strategies in one pool.

    A model's accuracy t(m) is its mean over the truth's runs, as the paper takes the median of
    five: were the best pick sought in each run anew, more picks would gain by chance alone. The
    oracle is the best model *of the pool*. Picks are made from the pool as a user would who may use
    no other model; the expectation over draws of the examples is the mean over `seeds`.

    Args:
        known: The strategies.
        truth: What models truly reach.
        pool: The part of the candidates.
        seeds: Draws.
    """
    bench = known.bench
    inside = np.intersect1d(pool.places(bench.candidates), truth.models)
    chosen = [bench.candidates[place] for place in inside]
    # Within the pool, and within the truth, models are numbered anew.
    true = truth.accuracy[:, :, np.searchsorted(truth.models, inside)].mean(axis=1)
    tasks = truth.tasks.tolist()
    orders = {
        name: np.stack(
            [
                [
                    known.strategy(name, place, seed).order(chosen, bench.task(place, seed))
                    for place in tasks
                ]
                for seed in seeds
            ]
        )
        for name in known.names
    }
    oracle = np.stack([_mean_of_others(true, row) for row in range(len(true))])
    orders[ORACLE] = np.broadcast_to(oracle, (len(seeds), *true.shape))
    return [_measured((name, pool.key, truth.key), true, own) for name, own in orders.items()]


def _measured(keys: tuple[str, str, str], true: Float64, places: NDArray[np.integer]) -> Regrets:
    """Regrets of orders, (seeds, t, m), of models that truly reach `true`, (t, m).

    What `synlearn.evaluation.regret` says of one task's picks, for all of them at once.
    """
    budgets = tuple(budget for budget in BUDGETS if budget <= places.shape[2])
    last = np.array(budgets) - 1
    tried = np.take_along_axis(np.broadcast_to(true, places.shape), places, axis=2)
    reached = np.moveaxis(np.maximum.accumulate(tried, axis=2)[:, :, last], 2, 0)
    absolute = true.max(axis=1) - reached
    # Picks that make no error at all leave nothing to be lost a share of.
    relative = absolute / np.where(reached < 1, 1 - reached, 1.0)
    best = places == true.argmax(axis=1)[:, None]
    found = np.moveaxis(np.logical_or.accumulate(best, axis=2)[:, :, last], 2, 0)
    return Regrets(*keys, budgets, absolute, relative, reached, found)


def _mean_of_others(true: Float64, task: int) -> NDArray[np.intp]:
    """The order by mean true accuracy over all *other* tasks: nobody knows it, a yardstick."""
    others = np.delete(true, task, axis=0).sum(axis=0)
    return np.argsort(-others, kind="stable")
