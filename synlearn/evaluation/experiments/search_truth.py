"""What fine-tuned models truly reach in the search experiment, kept on disk task by task.

A run is a seed: a draw of the examples, which are trained on but for a fifth that validates, and an
order of the images. Tested on both halves of the truth images.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.atomic import write_atomically
from synlearn.datasets.mixed_plan import Part
from synlearn.datasets.mixed_pool import Indices
from synlearn.datasets.stable_draw import stable_order
from synlearn.evaluation.experiments.mixed_truth import MixedTruth
from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.reuse.fine_tuning import FineTuning, TaskImages, fine_tune
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.torch import ModelFile

Float64 = NDArray[np.float64]

HELD_OUT: Final = 0.2
"""Part of the examples of a class that chooses the learning rate, at least one."""
MOST_TEST_ROWS: Final = 40
"""Of a class in one half of the truth images."""
AT_ONCE: Final = 24
"""Models that take their steps together."""
_VERSION: Final = "synlearn/search/fine-tuning/v1"


@dataclass(frozen=True, slots=True)
class SearchTruth:
    """True accuracies by one kind of reuse.

    Attributes:
        key: "head" or "fine_tuning".
        label: What people read.
        tasks: (t',) positions of the tasks that were measured.
        models: (m',) positions of the candidates that were measured.
        accuracy: (t', runs, m') in [0, 1].
    """

    key: str
    label: str
    tasks: Indices
    models: Indices
    accuracy: Float64


def head_truth(bench: SearchBench, truth: MixedTruth) -> SearchTruth:
    """Heads re-trained on features of K examples of a class; every draw of the truth is a run."""
    found = truth.accuracy[truth.ks.index(bench.k)]
    runs = found.reshape(len(found), -1, found.shape[-1]).astype(np.float64)
    return SearchTruth(
        "head",
        "Re-trained head",
        np.arange(len(bench.tasks)),
        np.arange(len(bench.candidates)),
        runs,
    )


def fine_tuning_truth(
    path: Path,
    bench: SearchBench,
    zoo: Zoo,
    *,
    tasks: Indices,
    models: Indices,
    seeds: Sequence[int],
    settings: FineTuning,
    on_done: Callable[[int], None],
) -> SearchTruth:
    """Fine-tune some candidates for some tasks, or read what is kept of it.

    Args:
        path: Where it is kept: a safetensors file, an array for each task and seed.
        bench: Candidates and tasks.
        zoo: That the candidates are of.
        tasks: Positions of the tasks.
        models: Positions of the candidates.
        seeds: Runs.
        settings: Of fine-tuning.
        on_done: Told how many pairs of task and seed more are ready.
    """
    ids = [bench.candidates[place].model for place in models]
    content = (_VERSION, repr(settings), str(bench.k), *(zoo.model_digest(name) for name in ids))
    digest = hashlib.sha256("\0".join(content).encode()).hexdigest()
    known = _read(path, digest)
    groups: list[tuple[list[int], list[ModelFile]]] | None = None
    found = np.empty((len(tasks), len(seeds), len(ids)))
    for row, place in enumerate(tasks.tolist()):
        for column, seed in enumerate(seeds):
            key = f"{digest}/{bench.tasks[place].name}/seed={seed}"
            if key not in known:
                groups = groups or _alike([zoo.parse(name) for name in ids])
                known[key] = _measured(
                    groups, len(ids), task_images(bench, place, seed), settings, seed
                )
                write_atomically(path, save(known))
            found[row, column] = known[key]
            on_done(1)
    return SearchTruth("fine_tuning", "Fine-tuned", tasks, models, found)


def task_images(bench: SearchBench, place: int, seed: int) -> TaskImages:
    """Divide one draw's examples into training and validation; test on the truth images."""
    task = bench.tasks[place]
    rows = bench.task(place, seed).rows.reshape(len(task.classes), -1)
    valid = max(1, round(HELD_OUT * rows.shape[1])) if rows.shape[1] > 1 else 0
    test = [
        _spread(bench.pool.rows(part, label))
        for part in (Part.TRUTH_A, Part.TRUTH_B)
        for label in task.classes
    ]
    test_labels = np.tile(np.arange(len(task.classes)), 2)
    held = rows[:, :valid] if valid else rows
    return TaskImages(
        *_shown(bench, list(rows[:, valid:]), np.arange(len(rows))),
        *_shown(bench, list(held), np.arange(len(rows))),
        *_shown(bench, test, test_labels),
    )


def spread_tasks(bench: SearchBench, each: int) -> Indices:
    """Positions of the first `each` tasks of every image set and side."""
    seen: dict[tuple[str, str], int] = {}
    found = []
    for place, task in enumerate(bench.tasks):
        group = (task.side, task.domain)
        seen[group] = seen.get(group, 0) + 1
        if seen[group] <= each:
            found.append(place)
    return np.array(found)


def _measured(
    groups: Sequence[tuple[list[int], list[ModelFile]]],
    models: int,
    images: TaskImages,
    settings: FineTuning,
    seed: int,
) -> Float64:
    found = np.empty(models)
    for places, files in groups:
        for start in range(0, len(files), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            found[places[part]] = fine_tune(files[part], images, settings, seed).accuracy
    return found


def _alike(files: Sequence[ModelFile]) -> list[tuple[list[int], list[ModelFile]]]:
    """Group models that differ in nothing but weights and heads, with their positions."""
    groups: dict[object, list[int]] = {}
    for place, own in enumerate(files):
        groups.setdefault(own.architecture.layers[:-1], []).append(place)
    return [(places, [files[place] for place in places]) for places in groups.values()]


def _shown(
    bench: SearchBench, rows: Sequence[Indices], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    each = np.concatenate(
        [np.full(len(own), label) for own, label in zip(rows, labels, strict=True)]
    )
    return bench.pool.pictures[np.concatenate(rows)], each.astype(np.int64)


def _spread(rows: Indices) -> Indices:
    if len(rows) <= MOST_TEST_ROWS:
        return rows
    return np.sort(rows[stable_order("synlearn/search/test-rows", len(rows))[:MOST_TEST_ROWS]])


def _read(path: Path, digest: str) -> dict[str, Float64]:
    try:
        content: Mapping[str, Float64] = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    return {name: array for name, array in content.items() if name.startswith(digest)}
