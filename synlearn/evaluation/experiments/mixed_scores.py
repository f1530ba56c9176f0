"""Direct scores of the test models for the test tasks of the mixed experiment, kept on disk.

A seed is a draw of the examples: K images of each of a task's classes, of the part that no truth is
measured on.
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
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores

_VERSION: Final = "synlearn/mixed/direct-scores/v1"

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DirectScores:
    """Scores of m models for t tasks.

    Attributes:
        ks: Numbers of examples of a class.
        seeds: Draws of the examples.
        values: (k, s, t, scores, m) float32 in the order of `Direct`; higher is better.
    """

    ks: tuple[int, ...]
    seeds: tuple[int, ...]
    values: Float32

    def of(self, score: Direct, k: int) -> Float32:
        """Return one score at K, (s, t, m)."""
        return self.values[self.ks.index(k), :, :, list(Direct).index(score)]


def measure_scores(
    path: Path,
    pool: MixedPool,
    tasks: Sequence[MixedTask],
    outputs: ModelOutputs,
    rows: Indices,
    *,
    ks: Sequence[int],
    seeds: Sequence[int],
    source: str,
    on_done: Callable[[int], None],
) -> DirectScores:
    """Score all models for all tasks, or read what is kept of it.

    Args:
        path: Where it is kept: a safetensors file, an array for each K and seed.
        pool: The images.
        tasks: The tasks.
        outputs: Of the models, for `rows`.
        rows: (r,) rows of the pool, the examples among them.
        ks: Numbers of examples.
        seeds: Draws.
        source: Digest of images and models, so that old results are never taken for new ones.
        on_done: Told how many pairs of task and draw more are ready.

    Raises:
        InputError: A class has too few examples for a K.
    """
    names = (_VERSION, source, *(task.name for task in tasks), *Direct)
    digest = hashlib.sha256("\0".join(names).encode()).hexdigest()
    known = _read(path, digest)
    place = np.full(len(pool), -1)
    place[rows] = np.arange(len(rows))
    for k in ks:
        for seed in seeds:
            name = _name(digest, k, seed)
            if name not in known:
                known[name] = np.stack(
                    [
                        _scores(outputs.rows(place[example_rows(pool, task, k, seed)].ravel()), k)
                        for task in tasks
                    ]
                )
                write_atomically(path, save(known))
            on_done(len(tasks))
    values = np.stack([np.stack([known[_name(digest, k, s)] for s in seeds]) for k in ks])
    return DirectScores(tuple(ks), tuple(seeds), values)


def _name(digest: str, k: int, seed: int) -> str:
    return f"{digest}/k={k}/seed={seed}"


def _scores(outputs: ModelOutputs, k: int) -> Float32:
    classes = outputs.probabilities.shape[1] // k
    found = direct_scores(outputs, np.repeat(np.arange(classes), k))
    return np.stack([found[score] for score in Direct]).astype(np.float32)


def _read(path: Path, digest: str) -> dict[str, Float32]:
    try:
        content = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    return {name: array for name, array in content.items() if name.startswith(digest)}
