"""The search experiment from one call: strategies by regret, and Fennec beside everyone else.

All parts are kept in the folder; a run that was stopped goes on where it was.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.evaluation.experiments.fennec_comparison import (
    DEFAULT,
    UNSEEN,
    Quality,
    compare_variants,
    meta_features,
    quality_of,
    variants,
)
from synlearn.evaluation.experiments.mixed_data import MixedData
from synlearn.evaluation.experiments.mixed_evaluation import (
    EvaluationPlan,
    direct_scores_of,
    example_outputs,
    similarities_of,
)
from synlearn.evaluation.experiments.mixed_learned import Bench, LearnedScores, learned_methods
from synlearn.evaluation.experiments.mixed_ranking import FUSION, SYNLEARN
from synlearn.evaluation.experiments.search_bench import BenchTask, SearchBench
from synlearn.evaluation.experiments.search_history import (
    SearchHistory,
    fennec_scores,
    measure_history,
    new_tasks,
)
from synlearn.evaluation.experiments.search_orders import Orders, measure_orders
from synlearn.evaluation.experiments.search_regret import (
    ORACLE,
    KnownOrders,
    Regrets,
    measure_regrets,
)
from synlearn.evaluation.experiments.search_truth import (
    SearchTruth,
    fine_tuning_truth,
    head_truth,
    spread_tasks,
)
from synlearn.fennec.model import FennecSettings
from synlearn.fennec.proxy import BackboneProxy, ModelProxy, Proxy
from synlearn.fusion.storage import has_fusion, load_fusion
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.storage import mre_digest
from synlearn.reuse.fine_tuning import FineTuning
from synlearn.scorers.direct import Direct
from synlearn.strategies.candidate import Candidate, candidates_of
from synlearn.strategies.linear_head import LinearHead
from synlearn.strategies.pools import Pool, by_parameters, by_width, everything, experts, one_family
from synlearn.strategies.strategy import Places, SearchTask, Strategy, order_by
from synlearn.strategies.task_agnostic import TaskAgnostic, agnostic_order
from synlearn.strategies.task_aware import TaskAware

Float64 = NDArray[np.float64]
OnStep = Callable[[str, int, int], None]

HYBRIDS: Final[Mapping[str, tuple[str, str]]] = {
    "hybrid": ("task_agnostic", "linear"),
    "hybrid_ridge": ("task_agnostic", Direct.RIDGE),
    "hybrid_metric": ("task_agnostic", SYNLEARN),
    "hybrid_fennec": ("task_agnostic", DEFAULT),
}
_DIRECT: Final = (Direct.LEEP, Direct.LOGME, Direct.RIDGE, Direct.KNN)
_BASE: Final = ("task_agnostic", "linear", *_DIRECT, SYNLEARN, FUSION, DEFAULT, UNSEEN)
"""Base strategies, in the order of tables."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """What to compare.

    Attributes:
        folder: Where everything is kept.
        models: Folders of MRE models, one for each seed, or one for all; none does without the
            metric and the fusion, and takes a model of the zoo for a proxy.
        seeds: Draws of the examples.
        k: Examples of a class.
        tuned_tasks: Tasks of each image set and side that models are fine-tuned for; 0: none.
        tuned_models: Candidates that are fine-tuned, the first so many.
        tuning: How.
        proxies: How many other models of the zoo to compare as proxies.
    """

    folder: Path
    models: tuple[Path, ...] = ()
    seeds: tuple[int, ...] = (0, 1, 2)
    k: int = 20
    tuned_tasks: int = 2
    tuned_models: int = 48
    tuning: FineTuning = field(default_factory=FineTuning)
    proxies: int = 3


@dataclass(frozen=True, slots=True)
class SearchRun:
    """What came of it.

    Attributes:
        bench: Candidates and tasks.
        truths: Kinds of truth.
        pools: Pools that were searched.
        regrets: By strategy, pool and kind of truth.
        qualities: Of scores, by method; truth: re-trained heads.
        digests: Of what was used, by name.
    """

    bench: SearchBench
    truths: tuple[SearchTruth, ...]
    pools: tuple[Pool, ...]
    regrets: tuple[Regrets, ...]
    qualities: tuple[Quality, ...]
    digests: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ByTable:
    """A strategy whose scores of all candidates are known for every task.

    Attributes:
        scores: (t, m), higher is better.
        whole: All candidates.
    """

    scores: Float64
    whole: tuple[Candidate, ...]

    def order(self, candidates: object, task: SearchTask) -> Places:
        """See `Strategy`; asked for all candidates at once."""
        del candidates
        assert isinstance(task, BenchTask)  # noqa: S101  # the experiment's own
        return order_by(self.scores[task.place], [own.parameters for own in self.whole])


def run_search(plan: SearchPlan, data: MixedData, on_step: OnStep) -> SearchRun:
    """Compare all strategies on all pools, and Fennec with all scores.

    Raises:
        InputError: A part of the data cannot be used, or an optional package is missing.
    """
    models = [ClassificationMRE.load(path) for path in plan.models]
    bench = SearchBench.of(data, plan.k)
    proxies = choose_proxies(data, models, plan.proxies)
    histories = {
        name: measure_history(plan.folder, bench, data, proxy, on_step)
        for name, proxy in proxies.items()
    }
    search = _Search(plan, data, bench, models, proxies, histories, on_step)
    tables = search.fennec() | search.learned()
    orders = search.orders(tables)
    hybrids = {
        name: parts
        for name, parts in HYBRIDS.items()
        if all((own, plan.seeds[0]) in orders for own in parts)
    }
    known = KnownOrders(bench, orders, hybrids)
    truths, pools = search.truths(), pools_of(bench.candidates)
    return SearchRun(
        bench=bench,
        truths=truths,
        pools=pools,
        regrets=tuple(
            found
            for truth in truths
            for pool in pools
            for found in measure_regrets(known, truth, pool, plan.seeds)
        ),
        qualities=tuple(search.qualities(tables)),
        digests={
            "zoo": data.zoo.digest,
            "split": data.split.digest,
            **{f"mre model {place}": mre_digest(path) for place, path in enumerate(plan.models)},
        },
    )


def choose_proxies(
    data: MixedData, models: list[ClassificationMRE], others: int
) -> dict[str, Proxy]:
    """The MRE backbone by default; beside it, learning experts, those of the most images first."""
    learning = candidates_of(data.zoo, data.learning)
    listed = [learning[place].model for place in agnostic_order(learning)]
    found: dict[str, Proxy] = {}
    if models:
        found["default"] = BackboneProxy(models[0].backbone)
    else:
        found["default"] = ModelProxy(data.zoo, listed.pop(0))
    found |= {
        f"expert {place + 1}": ModelProxy(data.zoo, m) for place, m in enumerate(listed[:others])
    }
    return found


def pools_of(candidates: tuple[Candidate, ...]) -> tuple[Pool, ...]:
    """The paper's five kinds of pool; limits are the medians of the zoo."""
    families = [own.family for own in candidates]
    common = max(sorted(set(families)), key=families.count)
    return (
        everything(),
        by_parameters(int(np.median([own.parameters for own in candidates]))),
        by_width(int(np.median([own.feature_width for own in candidates]))),
        experts(),
        one_family(common),
    )


Tables = Mapping[str, Mapping[int, Float64]]
"""Scores of all candidates for all tasks, (t, m), by learned method and seed."""


@dataclass(frozen=True, slots=True)
class _Search:
    """One run under way: its parts, each kept on disk or cheap."""

    plan: SearchPlan
    data: MixedData
    bench: SearchBench
    models: list[ClassificationMRE]
    proxies: Mapping[str, Proxy]
    histories: Mapping[str, SearchHistory]
    on_step: OnStep

    @property
    def _evaluation(self) -> EvaluationPlan:
        own = self.plan
        return EvaluationPlan(own.folder, own.models, own.seeds, (own.k,))

    def fennec(self) -> dict[str, dict[int, Float64]]:
        """Fennec's scores, with and without history of a task's image set."""
        features = meta_features(self.bench, self.data.zoo, "archi2vec")
        found: dict[str, dict[int, Float64]] = {DEFAULT: {}, UNSEEN: {}}
        for seed in self.plan.seeds:
            shown = new_tasks(self.bench, self.proxies["default"], seed)
            for name, by_seed in found.items():
                by_seed[seed] = fennec_scores(
                    self.histories["default"],
                    self.bench,
                    features,
                    shown,
                    settings=FennecSettings(),
                    seed=seed,
                    domain_seen=name == DEFAULT,
                )
                self.on_step("Fennec", 1, 2 * len(self.plan.seeds))
        return found

    def learned(self) -> dict[str, dict[int, Float64]]:
        """Scores of the metric and, where there is one, of the fusion."""
        plan, data = self.plan, self.data
        if not self.models:
            return {}
        fused = all(has_fusion(path) for path in plan.models)
        examples = example_outputs(data)
        alike = similarities_of(self._evaluation, data, examples, self.on_step) if fused else None
        learned = Bench(data.pool, data.tasks, data.specifications.select(data.test), alike)
        places = {seed: min(row, len(self.models) - 1) for row, seed in enumerate(plan.seeds)}
        by_seed = {
            seed: LearnedScores(
                learned,
                self.models[place],
                load_fusion(plan.models[place]) if fused else None,
                seed,
            )
            for seed, place in places.items()
        }
        direct = direct_scores_of(self._evaluation, data, examples, self.on_step)
        return {
            name: {seed: scores(plan.k, seed) for seed in plan.seeds}
            for name, scores in learned_methods(by_seed, direct, fused=fused).items()
        }

    def orders(self, tables: Tables) -> dict[tuple[str, int], Orders]:
        """Orders of the base strategies; those of tables are not worth a file."""
        plan, bench = self.plan, self.bench
        asked: dict[str, Callable[[int], Strategy]] = {
            "task_agnostic": lambda _: TaskAgnostic(),
            "linear": LinearHead,
            **{str(score): _aware(score) for score in _DIRECT},
        }
        digests = "".join(self.data.zoo.model_digest(own.model) for own in bench.candidates)
        total = len(asked) * len(plan.seeds)
        orders = measure_orders(
            plan.folder / "orders.safetensors",
            bench,
            asked,
            plan.seeds,
            source=hashlib.sha256(f"{digests}{self.data.split.digest}".encode()).hexdigest(),
            on_done=lambda count: self.on_step("strategies", count, total),
        )
        for name, by_seed in tables.items():
            for seed, scores in by_seed.items():
                strategy = ByTable(scores, bench.candidates)
                tasks = (bench.task(place, seed) for place in range(len(bench.tasks)))
                found = [strategy.order(bench.candidates, task) for task in tasks]
                orders[name, seed] = np.stack(found)
        keys = ((name, seed) for name in _BASE for seed in plan.seeds)
        return {key: orders[key] for key in keys if key in orders}

    def truths(self) -> tuple[SearchTruth, ...]:
        """Heads for all tasks and models; fine-tuning for some."""
        plan, bench = self.plan, self.bench
        head = head_truth(bench, self.data.truth)
        if not plan.tuned_tasks:
            return (head,)
        tasks = spread_tasks(bench, plan.tuned_tasks)
        total = len(tasks) * len(plan.seeds)
        tuned = fine_tuning_truth(
            plan.folder / "fine-tuning.safetensors",
            bench,
            self.data.zoo,
            tasks=tasks,
            models=np.arange(min(plan.tuned_models, len(bench.candidates))),
            seeds=plan.seeds,
            settings=plan.tuning,
            on_done=lambda count: self.on_step("fine-tuning", count, total),
        )
        return head, tuned

    def qualities(self, tables: Tables) -> list[Quality]:
        """How well all scores rank, re-trained heads being the truth."""
        plan, data = self.plan, self.data
        true = data.truth.mean(plan.k)
        direct = direct_scores_of(self._evaluation, data, example_outputs(data), self.on_step)
        scores = {str(score): direct.of(score, plan.k).astype(np.float64) for score in _DIRECT}
        scores |= {
            name: np.stack([by_seed[seed] for seed in plan.seeds])
            for name, by_seed in tables.items()
            if name in (SYNLEARN, FUSION)
        }
        mean = (true.sum(axis=0) - true) / (len(true) - 1)
        scores[ORACLE] = np.broadcast_to(mean, (len(plan.seeds), *true.shape))
        total = len(variants([name for name in self.proxies if name != "default"]))
        found = compare_variants(
            self.bench,
            data.zoo,
            proxies=self.proxies,
            histories=self.histories,
            truth=true,
            seeds=plan.seeds,
            on_done=lambda count: self.on_step("Fennec's parts", count, total),
        )
        return [quality_of(name, own, true) for name, own in scores.items()] + list(found)


def _aware(score: Direct) -> Callable[[int], Strategy]:
    return lambda _: TaskAware(score)
