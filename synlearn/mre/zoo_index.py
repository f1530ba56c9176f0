"""A large zoo as one MRE model sees it, on disk: a hundred thousand models for one task at once.

What `ClassificationMRE` keeps in memory for a zoo lies here in *segments* of some thousand models,
mapped into memory: opening reads nothing but names, and the system keeps what was used. A task is
compared with every model, segment by segment, several at a time; the numbers are those of
`ClassificationMRE`, to rounding. There is no shortlist, so nothing can be missed.

<folder>/segment-00000.safetensors   models as `PackedModels` has them
<folder>/index.json                  names, digests; written last, so a folder without it is none
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.classification_model import ClassificationMRE, class_means
from synlearn.mre.compared import Compared
from synlearn.mre.distance import distances
from synlearn.mre.model import METRIC_ALONE, Float64
from synlearn.mre.packed_models import PackedModels
from synlearn.mre.packed_tasks import PackedTasks
from synlearn.ranking import Ranking

SEGMENT: Final = 1000
"""Models of a segment, at most: what is between keys and distances stays in the cache."""


@dataclass(frozen=True, slots=True)
class ZooIndex:
    """m models of a zoo, laid out for one MRE model.

    Attributes:
        model: The MRE model that it was made for.
        ids: (m,) names of the models.
        digest: Of the zoo.
        tasks: The task's side of the metric.
        segments: The models' side; together m.
        threads: How many segments are compared at once. Within each, PyTorch uses as many threads
            as it was told to (`torch.set_num_threads`): one is best where these are several.
    """

    model: ClassificationMRE
    ids: tuple[str, ...]
    digest: str
    tasks: PackedTasks
    segments: tuple[PackedModels, ...]
    threads: int = 1
    _pool: list[ThreadPoolExecutor] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.ids)

    def rank(self, images: ArrayLike, labels: ArrayLike | None) -> Ranking:
        """Rank all models by the metric alone; see `ClassificationMRE.rank`.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: (n,) class of each example.

        Raises:
            InputError: As `ClassificationMRE.rank`; or the metric's attention to a model is too
                large for this layout.
        """
        compared = self.compare(images, labels)
        return Ranking.from_member_scores(
            compared.ids,
            compared.member_scores,
            warning=self.model.unlike(compared.novelty),
            provenance=self.model.describe(self, examples=compared.examples, mode=METRIC_ALONE),
        )

    def compare(self, images: ArrayLike, labels: ArrayLike | None) -> Compared:
        """Compare the task that a handful of examples is of with all models; see `rank`."""
        means, classes, numbers = class_means(self.model.features(images), labels)
        counts = np.bincount(numbers)
        return Compared(
            ids=self.ids,
            distances=self.distances(means[None])[:, 0],
            means=means,
            classes=classes,
            counts=counts,
            novelty=self.model.learned.mean_novelty(means, int(counts.min())),
        )

    def distances(self, means: Tensor) -> Float64:
        """Distances of n tasks to the models, (members, n, m) float64; lower is better.

        Args:
            means: (n, l, f), mean feature of each class.

        Raises:
            InputError: The metric's attention to a model is too large for this layout.
        """
        with torch.inference_mode():
            queries, embedding = self.tasks.transformed(means)
        if self.threads == 1:
            parts = [self._part(own, queries, embedding) for own in self.segments]
        else:
            parts = list(
                self._threads().map(lambda o: self._part(o, queries, embedding), self.segments)
            )
        return np.concatenate(parts, axis=2)

    def _part(self, segment: PackedModels, queries: Tensor, embedding: Tensor) -> Float64:
        with torch.inference_mode():
            models = segment.embeddings(queries)
            if models is None:
                raise InputError(
                    "The metric's attention to a model of the index is too large to be computed "
                    "this way; rank without an index."
                )
            kind = self.model.metric.spec.distance
            found = distances(embedding[:, :, None], models, kind).squeeze(2)
            return found[..., segment.places].numpy().astype(np.float64)

    def _threads(self) -> ThreadPoolExecutor:
        if not self._pool:
            self._pool.append(ThreadPoolExecutor(self.threads, thread_name_prefix="zoo-index"))
        return self._pool[0]


def segments_of(ids: Sequence[str], most: int = SEGMENT) -> Iterator[range]:
    """Cut so many models into segments of nearly the same size: their places.

    >>> [list(own) for own in segments_of(["a", "b", "c", "d", "e"], 3)]
    [[0, 1, 2], [3, 4]]
    """
    count = -(-len(ids) // most)
    ends = [-(-len(ids) * number // max(count, 1)) for number in range(count + 1)]
    yield from (range(*own) for own in pairwise(ends))
