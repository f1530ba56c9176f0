"""How alike the test models of the mixed experiment see the examples, kept on disk.

As the fusion has it (`synlearn/fusion/similarity.py`), for the same examples as direct scores.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_pool import Indices, MixedPool
from synlearn.datasets.mixed_tasks import MixedTask, example_rows
from synlearn.fusion.moved import COPIES, has_copies, moved_pictures
from synlearn.fusion.similarity import (
    from_triangle,
    gram_directions,
    similarities,
    triangle_of,
)
from synlearn.scorers.direct import ModelOutputs

_VERSION: Final = "synlearn/mixed/similarity/v1"

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Show = Callable[[NDArray[np.uint8]], ModelOutputs]
"""What the test models make of pictures, (n, side, side, 3)."""


@dataclass(frozen=True, slots=True)
class Similarities:
    """Similarities of m models for t tasks.

    Attributes:
        models: m.
        values: By K and seed, (t, m (m - 1) / 2) float32 in [0, 1]; see `triangle_of`.
    """

    models: int
    values: dict[tuple[int, int], Float32]

    def of(self, k: int, seed: int) -> Float64:
        """Return those for the examples of one draw, (t, m, m)."""
        return from_triangle(self.values[k, seed], self.models)

    def of_task(self, k: int, seed: int, task: int) -> Float64:
        """Return those for the examples of one task of a draw, (m, m)."""
        return from_triangle(self.values[k, seed][task], self.models)


@dataclass(frozen=True, slots=True)
class Draws:
    """Which examples.

    Attributes:
        pool: The images.
        tasks: Test tasks.
        ks, seeds: Numbers of examples of a class, and draws.
        rows: (r,) rows of the pool, rising, all examples among them.
        outputs: Of the test models, for these.
    """

    pool: MixedPool
    tasks: Sequence[MixedTask]
    ks: Sequence[int]
    seeds: Sequence[int]
    rows: Indices
    outputs: ModelOutputs


def measure_similarities(
    path: Path, draws: Draws, show: Show, source: str, on_done: Callable[[int], None]
) -> Similarities:
    """Compare all models on the examples of each task, or read what is kept of it.

    Args:
        path: Where it is kept: a safetensors file, an array for each K and seed.
        draws: Which examples.
        show: Runs the models on moved copies.
        source: Digest of images and models, so that old results are never taken for new ones.
        on_done: Told how many pairs of task and draw more are ready.

    Raises:
        InputError: A class has too few examples for a K.
    """
    names = (_VERSION, source, *(task.name for task in draws.tasks))
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()
    known = _read(path, digest)
    for k in draws.ks:
        for seed in draws.seeds:
            name = _name(digest, k, seed)
            if name not in known:
                rows = np.stack(
                    [example_rows(draws.pool, task, k, seed).ravel() for task in draws.tasks]
                )
                known[name] = _compared(draws, rows, show)
                write_atomically(path, save(known))
            on_done(len(draws.tasks))
    values = {(k, seed): known[_name(digest, k, seed)] for k in draws.ks for seed in draws.seeds}
    return Similarities(len(draws.outputs), values)


def _compared(draws: Draws, rows: Indices, show: Show) -> Float32:
    """Similarities on the examples of each task, (t, n) rows of the pool."""
    distinct, place = np.unique(rows, return_inverse=True)
    place = place.reshape(rows.shape)
    outputs, views = draws.outputs.rows(np.searchsorted(draws.rows, distinct)), 1
    if has_copies(rows.shape[1]):
        pictures = draws.pool.pictures[distinct]
        copies = np.concatenate([moved_pictures(pictures, copy) for copy in range(COPIES)])
        outputs, views = outputs.and_rows(show(copies)), 1 + COPIES
    found = []
    for own in place:
        views_of = np.concatenate([own + view * len(distinct) for view in range(views)])
        found.append(triangle_of(similarities(gram_directions(outputs.rows(views_of)))))
    return np.array(found, np.float32)


def _name(digest: str, k: int, seed: int) -> str:
    return f"{digest}/k={k}/seed={seed}"


def _read(path: Path, digest: str) -> dict[str, Float32]:
    try:
        content = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    return {name: array for name, array in content.items() if name.startswith(digest)}
