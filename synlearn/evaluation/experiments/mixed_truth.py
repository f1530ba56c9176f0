"""True reusability in the mixed experiment: how well a K-shot head does on unseen images.

For a task, a model and K: draw K images of each class from one half of the truth images, fit a
ridge head on the model's features of them, and count how often it is right on the half's other
images. Sixteen draws from each of two halves that share no image; their mean is the truth, and how
far the halves agree is its noise ceiling.
"""

import hashlib
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import Indices, MixedPool
from synlearn.datasets.mixed_tasks import MixedTask, draw_rows
from synlearn.few_shot_heads import head_accuracy
from synlearn.worker_process import start_worker
from synlearn.zoo.card import ModelId
from synlearn.zoo.feature_cache import Responses

DRAWS: Final = 16
"""Of each half."""
HALVES: Final = (Part.TRUTH_A, Part.TRUTH_B)
KEEP: Final = 0.4
"""Part of a half's images of a class that is never drawn for the head."""
MOST_TEST_ROWS: Final = 60
"""Of a class in a draw."""
_VERSION: Final = "synlearn/mixed/truth/v1"

Float32 = NDArray[np.float32]


class FeatureTable:
    """Features of many models for some rows of a pool, those of one width as one array.

    Attributes:
        models: Their ids; the order of every result.
    """

    def __init__(self, responses: Mapping[ModelId, Responses], rows: Indices) -> None:
        """Take responses to these rows of the pool, in their order."""
        widths: dict[int, list[int]] = {}
        listed = list(responses.values())
        for place, own in enumerate(listed):
            widths.setdefault(own.features.shape[1], []).append(place)
        self.models = tuple(responses)
        # Row by row, (rows, models, features): what a draw gathers then lies together in memory.
        self._groups = [
            (
                np.array(places),
                torch.from_numpy(np.stack([listed[p].features for p in places], axis=1)),
            )
            for places in widths.values()
        ]
        self._place = np.full(int(rows.max(initial=-1)) + 1, -1)
        self._place[rows] = np.arange(len(rows))

    def accuracies(self, head: Indices, test: Indices) -> NDArray[np.float64]:
        """Return (m,) accuracy of heads fitted on pool rows `head`, (c, k), on `test`, (c, t)."""
        labels = torch.arange(len(head)).repeat_interleave(head.shape[1])
        truth = torch.arange(len(test)).repeat_interleave(test.shape[1])
        fitted = torch.from_numpy(self._place[head.ravel()])
        asked = torch.from_numpy(self._place[test.ravel()])
        found = np.empty(len(self.models))
        for places, features in self._groups:
            support, others = (
                features.index_select(0, chosen).transpose(0, 1).float().contiguous()
                for chosen in (fitted, asked)
            )
            found[places] = head_accuracy(support, labels, others, truth)
        return found


@dataclass(frozen=True, slots=True)
class MixedTruth:
    """What the truth is, draw by draw.

    Attributes:
        ks: (k,) numbers of examples.
        tasks: (t,) names.
        models: (m,) ids.
        accuracy: (k, t, 2, draws, m) float32, in [0, 1].
    """

    ks: tuple[int, ...]
    tasks: tuple[str, ...]
    models: tuple[ModelId, ...]
    accuracy: Float32

    def mean(self, k: int) -> NDArray[np.float64]:
        """Return (t, m): the truth at K; higher is better."""
        found: NDArray[np.float64] = self.accuracy[self.ks.index(k)].mean(axis=(1, 2), dtype=float)
        return found

    def halves(self, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the truth at K by either half of the images, (t, m) each."""
        both = self.accuracy[self.ks.index(k)].mean(axis=2, dtype=float)
        return both[:, 0], both[:, 1]


def head_and_test_rows(
    pool: MixedPool, task: MixedTask, part: Part, k: int, draw: int
) -> tuple[Indices, Indices]:
    """Return the rows behind one draw: (5, k) for the head, (5, t) to be told apart, t <= 60.

    Raises:
        InputError: A class has too few images for a head of K.
    """
    heads, tests = [], []
    for label in task.classes:
        rows = pool.rows(part, label)
        purpose = f"{_VERSION}/{task.name}/{part}/{label}/k={k}/{draw}"
        drawn, left = draw_rows(pool.images[rows], k, purpose, keep=KEEP)
        heads.append(rows[drawn])
        tests.append(rows[left])
    most = min(MOST_TEST_ROWS, *(len(rows) for rows in tests))
    return np.stack(heads), np.stack([_spread(rows, most) for rows in tests])


def true_accuracies(pool: MixedPool, table: FeatureTable, task: MixedTask, k: int) -> Float32:
    """Return (2, draws, m): the accuracy of every model in every draw.

    Raises:
        InputError: As `head_and_test_rows`.
    """
    found = np.empty((len(HALVES), DRAWS, len(table.models)), np.float32)
    for half, part in enumerate(HALVES):
        for draw in range(DRAWS):
            found[half, draw] = table.accuracies(*head_and_test_rows(pool, task, part, k, draw))
    return found


def measure_truth(
    path: Path,
    pool: MixedPool,
    tasks: Sequence[MixedTask],
    table: FeatureTable,
    *,
    ks: Sequence[int],
    source: str,
    workers: int,
    on_done: Callable[[int], None],
) -> MixedTruth:
    """Measure the truth of all tasks and models at every K, or read what is kept of it.

    Args:
        path: Where it is kept: a safetensors file, one array for each K, written as each is done.
        pool: The images.
        tasks: The tasks.
        table: The models' features of the truth images.
        ks: Numbers of examples.
        source: Digest of images and models, so that old results are never taken for new ones.
        workers: Processes of one thread each; 1 works in this process.
        on_done: Told how many pairs of task and K more are ready.

    Raises:
        InputError: A class has too few images for a K.
    """
    names = tuple(task.name for task in tasks)
    whole = hashlib.sha256(
        "\0".join((_VERSION, str(DRAWS), source, *names, *table.models)).encode()
    )
    digest = whole.hexdigest()
    known = _read(path, digest)
    with _Measuring(pool, table, workers) as measuring:
        for k in ks:
            name = f"{digest}/k={k}"
            if name in known:
                on_done(len(tasks))
                continue
            measured = []
            for found in measuring.all(tasks, k):
                measured.append(found)
                on_done(1)
            known[name] = np.stack(measured)
            write_atomically(path, save(known))
    accuracy = np.stack([known[f"{digest}/k={k}"] for k in ks])
    return MixedTruth(tuple(ks), names, table.models, accuracy)


class _Measuring:
    """Measures in this process or in several; a pool of processes starts with the first need."""

    def __init__(self, pool: MixedPool, table: FeatureTable, workers: int) -> None:
        self._pool, self._table, self._workers = pool, table, workers
        self._processes: ProcessPoolExecutor | None = None

    def __enter__(self) -> "_Measuring":
        return self

    def __exit__(self, *_: object) -> None:
        if self._processes is not None:
            self._processes.shutdown(cancel_futures=True)

    def all(self, tasks: Sequence[MixedTask], k: int) -> Iterator[Float32]:
        if self._workers <= 1:
            for task in tasks:
                yield true_accuracies(self._pool, self._table, task, k)
            return
        if self._processes is None:
            self._processes = ProcessPoolExecutor(
                self._workers,
                multiprocessing.get_context("spawn"),
                initializer=_start,
                initargs=(self._pool, self._table),
            )
        yield from self._processes.map(_measure, tasks, [k] * len(tasks), chunksize=4)


_shared: list[tuple[MixedPool, FeatureTable]] = []
"""In a worker process: what it was started with."""


def _start(pool: MixedPool, table: FeatureTable) -> None:
    start_worker()
    _shared.append((pool, table))


def _measure(task: MixedTask, k: int) -> Float32:
    pool, table = _shared[0]
    return true_accuracies(pool, table, task, k)


def _read(path: Path, digest: str) -> dict[str, Float32]:
    try:
        content = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    return {name: array for name, array in content.items() if name.startswith(digest)}


def _spread(rows: Indices, count: int) -> Indices:
    """Return `count` of the rows, evenly spaced."""
    chosen: Indices = rows[np.linspace(0, len(rows) - 1, count).round().astype(int)]
    return chosen
