"""The mini experiment's providers, asked about their classes with and without noise, in one place.

Each provider's exact answer is computed by the node's own code; noise is added by the node's own
code. More rows than are shipped are simulated: every row counted so many times over, as if a
provider had so many more of the same kind.
"""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import Answer, ClassOutputs, HeadCorrect, HeadStatistics, Query
from provider.answers import Context, answer
from provider.dataset import ClassImages
from provider.models import ModelCache
from provider.noise import NoiseRule, noisy_answer
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.mixed_pool_file import unpack_pool
from synlearn.datasets.mixed_providers import provider_images, provider_rows
from synlearn.datasets.mixed_split import read_split
from synlearn.validation import few_shot_accuracy, head_accuracy, nce
from synlearn.validation.head_accuracy import CorrectCounts, FeatureSums
from synlearn.zoo.catalog import Zoo

Float64 = npt.NDArray[np.float64]

WIDTH: Final = 16
EXAMPLES: Final = 3
DRAWS: Final = 8
_JOB, _QUERY, _SECRET = JobId("noise"), QueryId(1, 0, 0), bytes(32)

Release = Callable[[Query, Answer], Answer]
"""What leaves a node instead of an exact answer."""


def exactly(_: Query, exact: Answer) -> Answer:
    """Without noise."""
    return exact


def noisily(rule: NoiseRule) -> Release:
    """With noise of fresh randomness."""
    return lambda query, exact: noisy_answer(query, exact, rule, os.urandom)


class MiniFederation:
    """Providers, learning models and tasks of the mini experiment.

    A task is the classes of one provider; its score is over the rows of all providers.

    Args:
        mini: Folder of what is shipped.
        times: How often every row counts.
    """

    def __init__(self, mini: Path, times: int) -> None:
        split = read_split(mini / "split.json")
        pool = unpack_pool(mini / "pictures.npz", split.digest)
        self._data = [
            ClassImages(provider_images(pool, rows)) for rows in provider_rows(pool, split)
        ]
        zoo = Zoo.open(mini / "zoo")
        names = [name for name in zoo if name.startswith("mixed-learning-")]
        self._files = {digest_of(zoo.weights(name)): zoo.weights(name) for name in names}
        self._outputs = max(len(zoo.card(name).outputs) for name in names)
        self._models = tuple(str(digest) for digest in self._files)
        self._cache = ModelCache()
        self._times = times
        self._kept: dict[tuple[int, Query], Answer] = {}
        self.classes = tuple(sorted({name for data in self._data for name in data.classes}))
        place = {name: i for i, name in enumerate(self.classes)}
        self._held = [np.array([place[name] for name in data.classes]) for data in self._data]
        ways = max(map(len, self._held))
        tasks = [np.pad(own, (0, ways - len(own)), constant_values=-1) for own in self._held]
        self.tasks = np.unique(tasks, axis=0)
        self.rows = np.bincount(
            np.concatenate(self._held),
            weights=np.concatenate([list(data.classes.values()) for data in self._data]),
        )

    @property
    def rows_per_provider_and_class(self) -> float:
        """Mean number of rows, as simulated."""
        counts = [count for data in self._data for count in data.classes.values()]
        return float(np.mean(counts)) * self._times

    def nce(self, release: Release) -> Float64:
        """NCE of each model on each task, (t, m): one question to each provider."""
        total = np.zeros((len(self._models), len(self.classes), self._outputs), np.int64)
        for number, held in enumerate(self._held):
            query = ClassOutputs(self._models, self._names(held), self._outputs)
            total[:, held] += self._ask(number, query, release)["hard"]
        return nce.combine([total], self.tasks)

    def few_shot_accuracy(self, release: Release) -> Float64:
        """Expected accuracy of heads fitted on three examples, (t, m): one question."""
        found: Float64 = few_shot_accuracy.combine(
            [self._statistics(release, halved=False)],
            self.tasks,
            [EXAMPLES],
            draws=DRAWS,
            random=np.random.default_rng(0),
        )[0]
        return found

    def head_accuracy(self, release: Release) -> Float64:
        """Accuracy of re-trained heads, (t, m): two questions."""
        heads = head_accuracy.solve_heads(
            [self._statistics(release, halved=True)], self.tasks
        ).rounded()
        correct = np.zeros((len(self._models), *self.tasks.shape), np.int64)
        rows = np.zeros(len(self.classes), np.int64)
        for number, held in enumerate(self._held):
            asked = np.flatnonzero(np.isin(self.tasks, held).any(axis=1))
            named, local = np.unique(self.tasks[asked], return_inverse=True)
            absent = int(named[0] < 0)
            query = HeadCorrect(
                self._models,
                self._names(named[absent:]),
                True,
                (local.reshape(-1, self.tasks.shape[1]) - absent).astype(np.int32),
                heads.weights[:, asked].astype(np.float32),
                heads.biases[:, asked].astype(np.float32),
            )
            found = self._ask(number, query, release, keep=False)
            correct[:, asked] += found["correct"]
            rows[named[absent:]] += found["rows"]
        return head_accuracy.combine([CorrectCounts(correct, rows)], self.tasks)

    def _statistics(self, release: Release, *, halved: bool) -> FeatureSums:
        sides = (len(self._models), len(self.classes))
        total = FeatureSums(
            np.zeros((*sides, WIDTH)),
            np.zeros((*sides, WIDTH * (WIDTH + 1) // 2)),
            np.zeros(sides[1], np.int64),
        )
        for number, held in enumerate(self._held):
            query = HeadStatistics(self._models, self._names(held), WIDTH, True, halved)
            found = self._ask(number, query, release)
            total.sums[:, held] += found["sums"]
            total.products[:, held] += found["products"]
            total.rows[held] += found["rows"]
        return total

    def _ask(self, number: int, query: Query, release: Release, *, keep: bool = True) -> Answer:
        """One provider's released answer; exact ones are computed once where the query repeats."""
        exact = self._kept.get((number, query))
        if exact is None:
            found = answer(query, self._context(number))
            exact = {name: array * self._times for name, array in found.items()}
            if keep:
                self._kept[number, query] = exact
        return release(query, exact)

    def _context(self, number: int) -> Context:
        return Context(
            dataset=self._data[number],
            files=self._files,  # type: ignore[arg-type]
            models=self._cache,
            random=row_generator(_SECRET, _JOB, _QUERY),
            split=RowSplit(_SECRET),
            random_about=partial(subject_generator, _SECRET, _JOB),
            limits=NoiseRule(1.0).limits,
        )

    def _names(self, classes: npt.NDArray[np.int64] | Sequence[int]) -> tuple[str, ...]:
        return tuple(self.classes[int(i)] for i in classes)
