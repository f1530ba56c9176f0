"""Fennec's history in the search experiment: Fisher scores of all candidates on learning tasks.

The tasks are of classes that providers hold, their rows providers' images: what validation at the
providers would tell, had the candidates been among the models of a job.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_tasks import learning_tasks
from synlearn.errors import InputError
from synlearn.evaluation.experiments.mixed_data import MixedData
from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.fennec.fisher import measured_performance
from synlearn.fennec.history_file import read_history, write_history
from synlearn.fennec.model import FennecSettings, NewTask, fit_fennec
from synlearn.fennec.performance import History
from synlearn.fennec.proxy import Proxy
from synlearn.zoo.feature_cache import FeatureCache, planes

Float64 = NDArray[np.float64]

TASKS_PER_SET: Final = 16
"""Historical tasks of each image set."""
MOST_ROWS: Final = 40
"""Of a class in a historical task."""
_VERSION: Final = "synlearn/search/history/v1"


@dataclass(frozen=True, slots=True)
class SearchHistory:
    """A history, and the image set of each of its tasks.

    Attributes:
        history: Of the candidates on n tasks.
        domains: (n,) names.
    """

    history: History
    domains: tuple[str, ...]

    def without(self, domain: str) -> History:
        """Return the history as if nobody had ever seen this image set."""
        return self.history.only_tasks([own != domain for own in self.domains])


def measure_history(
    folder: Path,
    bench: SearchBench,
    data: MixedData,
    proxy: Proxy,
    on_step: Callable[[str, int, int], None],
) -> SearchHistory:
    """Score all candidates on the learning tasks, or read what is kept of it.

    Args:
        folder: Where it is kept.
        bench: The candidates.
        data: Images and zoo.
        proxy: Shown the same rows.
        on_step: Told of progress.
    """
    tasks = learning_tasks(data.pool, TASKS_PER_SET)
    rows_of = {
        task.name: [data.pool.rows(Part.PROVIDER, label)[:MOST_ROWS] for label in task.classes]
        for task in tasks
    }
    domains = tuple(task.domain for task in tasks)
    digests = "".join(data.zoo.model_digest(own.model) for own in bench.candidates)
    names = "\0".join((_VERSION, data.split.digest, proxy.name, digests, *rows_of))
    path = folder / f"history-{hashlib.sha256(names.encode()).hexdigest()[:16]}.safetensors"
    try:
        return SearchHistory(read_history(path), domains)
    except InputError:
        pass  # not there yet
    rows = np.unique(np.concatenate([row for own in rows_of.values() for row in own]))
    cache = FeatureCache.of(folder / "features", data.pool.pictures[rows])
    total = len(bench.candidates)
    responses = cache.responses(
        data.zoo,
        [own.model for own in bench.candidates],
        lambda count: on_step("history: features", count, total),
    )
    performance = measured_performance(
        {str(model): own.features for model, own in responses.items()},
        {
            name: (np.searchsorted(rows, np.concatenate(own)), _labels(own))
            for name, own in rows_of.items()
        },
        on_done=lambda count: on_step("history: scores", count, len(tasks)),
    )
    history = History(
        performance=performance,
        proxies=np.stack(
            [
                proxy.features(planes(data.pool.pictures[np.concatenate(own)]))
                for own in rows_of.values()
            ]
        ),
        proxy=proxy.name,
        classes=np.array([len(task.classes) for task in tasks]),
        samples=np.array([sum(map(len, own)) for own in rows_of.values()]),
    )
    write_history(history, path)
    return SearchHistory(history, domains)


def new_tasks(bench: SearchBench, proxy: Proxy, seed: int) -> NewTask:
    """What Fennec sees of the test tasks: one draw of their examples, without labels."""
    shown = [bench.task(place, seed) for place in range(len(bench.tasks))]
    return NewTask(
        np.stack([proxy.features(own.images) for own in shown]),
        np.array([len(task.classes) for task in bench.tasks]),
        np.array([len(own.rows) for own in shown]),
    )


def fennec_scores(
    history: SearchHistory,
    bench: SearchBench,
    features: Float64,
    tasks: NewTask,
    *,
    settings: FennecSettings,
    seed: int,
    domain_seen: bool,
) -> Float64:
    """Score all candidates for all tasks, (t, m); higher is better.

    Args:
        history: Of the candidates.
        bench: Their tasks.
        features: (m, p) meta features.
        tasks: Of `new_tasks`.
        settings: Of Fennec.
        seed: Of first factors and forests.
        domain_seen: Whether the history has tasks of a test task's image set; without, Fennec is
            fitted once for each set, on the history of all others.
    """
    if domain_seen:
        return fit_fennec(history.history, features, settings, seed).scores(tasks)
    found = np.empty((len(bench.tasks), len(bench.candidates)))
    domains = np.array([task.domain for task in bench.tasks])
    for domain in np.unique(domains):
        own = np.flatnonzero(domains == domain)
        fennec = fit_fennec(history.without(str(domain)), features, settings, seed)
        part = NewTask(tasks.proxies[own], tasks.classes[own], tasks.samples[own])
        found[own] = fennec.scores(part)
    return found


def _labels(rows: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    return np.concatenate([np.full(len(own), label) for label, own in enumerate(rows)])
