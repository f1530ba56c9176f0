"""The search experiment's tasks as strategies see them: examples, and outputs kept from before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from synlearn.datasets.mixed_pool import Indices, MixedPool
from synlearn.datasets.mixed_tasks import WAYS, MixedTask, example_rows
from synlearn.evaluation.experiments.mixed_data import MixedData
from synlearn.scorers.direct import ModelOutputs
from synlearn.strategies.candidate import Candidate, candidates_of
from synlearn.zoo.card import ModelId
from synlearn.zoo.feature_cache import Responses, planes


@dataclass(frozen=True, slots=True)
class SearchBench:
    """What is searched, and for what.

    Attributes:
        candidates: m models.
        tasks: t tasks.
        pool: The images.
        k: Examples of a class.
        rows: (r,) rows of the pool that `responses` are for, rising.
        responses: Of the candidates.
    """

    candidates: tuple[Candidate, ...]
    tasks: tuple[MixedTask, ...]
    pool: MixedPool
    k: int
    rows: Indices
    responses: Mapping[ModelId, Responses]
    _drawn: dict[tuple[int, int], "BenchTask"] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, data: MixedData, k: int) -> "SearchBench":
        """Search the experiment's test models for its test tasks."""
        candidates = candidates_of(data.zoo, data.test)
        return cls(candidates, data.tasks, data.pool, k, data.test_rows, data.responses)

    def task(self, place: int, seed: int) -> "BenchTask":
        """Return one task with one draw of its examples; every strategy is given the same."""
        if (place, seed) not in self._drawn:
            rows = example_rows(self.pool, self.tasks[place], self.k, seed).ravel()
            self._drawn[place, seed] = BenchTask(self, place, seed, rows)
        return self._drawn[place, seed]


@dataclass(frozen=True, slots=True)
class BenchTask:
    """See `SearchTask`: one draw of a test task's examples, class after class.

    Attributes:
        bench: Where it is from.
        place: Of the task.
        seed: Of the draw.
        rows: (WAYS k,) of the pool.
    """

    bench: SearchBench
    place: int
    seed: int
    rows: Indices

    @property
    def images(self) -> NDArray[np.float32]:
        """See `SearchTask`."""
        return planes(self.bench.pool.pictures[self.rows])

    @property
    def labels(self) -> NDArray[np.int64]:
        """See `SearchTask`."""
        return np.repeat(np.arange(WAYS), len(self.rows) // WAYS)

    def outputs(self, models: Sequence[ModelId]) -> ModelOutputs:
        """See `SearchTask`."""
        place = np.searchsorted(self.bench.rows, self.rows)
        own = [self.bench.responses[model] for model in models]
        return ModelOutputs.of(
            [r.features[place] for r in own], [r.probabilities[place] for r in own]
        )
