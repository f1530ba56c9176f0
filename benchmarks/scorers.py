"""Times the scores beside the public implementations: ``python -m benchmarks.scorers``.

One process with one computing thread; CPU time, the least of several runs. The references' times
are those stored with the golden vectors, measured once on another machine, and those of
scikit-learn where it is installed, measured here. Only references count that compute the score:
those that the golden vectors' README finds wrong are left out. Prints tables and writes
``<out>/results.json``. A missed target is shown, and is no failure.
"""

import json
import multiprocessing
import os
import time
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.public_scorers import public_scores
from benchmarks.record import Plain, write_record
from synlearn.errors import ScoreInputError
from synlearn.scorers.batch import score_models
from synlearn.scorers.registry import SCORES, ModelOutputs, Needs, Score, Task

STORED = Path(__file__).parents[1] / "tests" / "golden" / "reference_timings.json"

# (rows, features, classes, source classes); the last column is that of the stored LEEP times
SIZES = ((2000, 512, 10, 100), (25, 640, 5, 20), (50, 512, 5, 20), (500, 2048, 20, 100))
GENERAL_ROWS = 500

CORRECT: dict[str, tuple[str, ...]] = {
    "nce": ("NCE thuml",),
    "leep": ("LEEP thuml", "LEEP parc"),
    "nleep": ("N-LEEP SFDA ratio5", "N-LEEP pactran"),
    "logme": ("LogME thuml ICML", "LogME tllib"),
    "hscore": ("H-score tllib", "H-score PARC"),
    "hscore_regularised": ("H-score regularised tllib",),
    "transrate": ("TransRate tllib",),
    "parc": ("PARC full dim",),
    "gbc": ("GBC spherical (tf)",),
    "fda": ("FDA fennec",),
    "sfda": ("SFDA",),
    "etran": ("ETran LDA",),
    "ncti": ("NCTI",),
    "ped": ("PED (SFDA)",),
    "rsa": ("RSA PARC",),
    "dds": ("DDS PARC",),
    "knn": ("kNN k=1 LOO PARC",),
}
"""Stored references of each score. All are correct, or in N-LEEP's case equally defined."""

EIGEN_BASED = frozenset(
    {"logme", "hscore", "hscore_regularised", "transrate", "sfda", "fda", "etran", "ncti", "ped"}
)
LARGE_SIZE = "2000x512x10"
FEW_SHOT_SIZE = "25x640x5"
FEW_SHOT_FACTOR = 10.0

BATCH_MODELS = 100
BATCH_SCORES = (
    "ridge_loo",
    "knn",
    "nce",
    "leep",
    "logme",
    "hscore_regularised",
    "transrate",
    "parc",
    "gbc",
    "sfda",
)
BATCH_TARGET_SECONDS = 2.0
BATCH_WIDTHS = (512, 640, 768, 2048)


@dataclass(frozen=True, slots=True)
class Timing:
    """One score at one size; times in milliseconds, 0 where there is none.

    Attributes:
        score: Its name.
        size: Rows x features x classes.
        ours: Our time.
        stored: The least stored time of a correct reference.
        public: The time of a public package in this run.
        undefined: Why we have no time, if so.
    """

    score: str
    size: str
    ours: float
    stored: float
    public: float
    undefined: str = ""

    @property
    def factor(self) -> float:
        """How many times faster than the faster reference; 0 without one."""
        known = [each for each in (self.stored, self.public) if each > 0]
        return min(known) / self.ours if known and self.ours > 0 else 0.0

    @property
    def target(self) -> float:
        """What the factor has to reach; 0 where nothing was promised."""
        if self.factor == 0:
            return 0.0
        if self.size == FEW_SHOT_SIZE and self.score in EIGEN_BASED:
            return FEW_SHOT_FACTOR
        return 1.0 if self.size == LARGE_SIZE else 0.0


def data(size: tuple[int, int, int, int], seed: int = 0) -> tuple[ModelOutputs, Task]:
    """Gaussian classes, and source probabilities that know something of them."""
    n, d, classes, sources = size
    rng = np.random.default_rng(seed)
    y = np.arange(n) % classes
    x = rng.normal(size=(n, d)) + 0.5 * rng.normal(size=(classes, d))[y]
    logits = rng.normal(size=(n, sources)) + rng.normal(size=(classes, sources))[y]
    probabilities = np.exp(logits)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    general = rng.normal(size=(GENERAL_ROWS, d))
    reference = x + rng.normal(size=(n, d))
    return ModelOutputs(x, None, probabilities, general), Task(y, reference)


def milliseconds(action: Callable[[], object], repeats: int) -> float:
    """Return the least CPU time of several runs, after one that warms up."""
    action()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        action()
        best = min(best, time.process_time() - start)
    return 1e3 * best


def stored_milliseconds(score: str, size: tuple[int, int, int, int]) -> float:
    """Return the least stored time of a correct reference, 0 if there is none."""
    n, d, classes, sources = size
    of_probs = SCORES[score].needs is Needs.SOURCE_PROBS
    shape = f"{n}x{sources if of_probs else d}x{classes}"
    table = json.loads(STORED.read_text())["reference"]
    found = [table[name].get(shape) for name in CORRECT.get(score, ())]
    return min((each for each in found if isinstance(each, float)), default=0.0)


def timing(score: Score, size: tuple[int, int, int, int], repeats: int) -> Timing:
    """Measure one score at one size, and scikit-learn's."""
    outputs, task = data(size)
    shape = "x".join(map(str, size[:3]))

    def run() -> float:  # with the reference's side, as a call of the function has it
        return score.run(outputs, Task(task.labels, task.reference))

    name = score.name
    try:
        ours, why = milliseconds(run, repeats), ""
    except ScoreInputError as error:
        ours, why = 0.0, str(error)
    public = 0.0
    if name in public_scores() and not why:
        x, y = np.asarray(outputs.features), np.asarray(task.labels)
        public = milliseconds(partial(public_scores()[name][1], x, y), repeats)
    return Timing(name, shape, ours, stored_milliseconds(name, size), public, why)


def peak_over_features(score: Score) -> float:
    """Peak memory at 10 x 50000 in multiples of the features' own; d x d would be 5000 times."""
    outputs, task = data((10, 50_000, 2, 4))
    outputs = ModelOutputs(outputs.features, None, outputs.source_probs, outputs.features)
    tracemalloc.start()
    try:
        score.run(outputs, task)
        return tracemalloc.get_traced_memory()[1] / np.asarray(outputs.features).nbytes
    except ScoreInputError:
        return 0.0
    finally:
        tracemalloc.stop()


def batch_seconds() -> float:
    """CPU seconds for a hundred models and ten scores at K = 5, five classes."""
    models = [data((25, BATCH_WIDTHS[i % 4], 5, 20), seed=i)[0] for i in range(BATCH_MODELS)]
    features = [np.asarray(model.features) for model in models]
    probabilities = [np.asarray(model.source_probs) for model in models]
    y = np.arange(25) % 5

    def run() -> None:
        score_models(features, y, BATCH_SCORES, source_probs=probabilities)

    return milliseconds(run, repeats=1) / 1e3


def show(timings: list[Timing], memory: dict[str, float]) -> None:
    """Print the tables."""
    for size in dict.fromkeys(each.size for each in timings):
        table = Table(size, "ms", "stored reference", "public package", "factor", "target", "")
        for row in (each for each in timings if each.size == size):
            verdict = "pass" if row.factor >= row.target else "miss"
            table.add_row(
                row.score,
                f"{row.ours:.3f}" if row.ours else "undefined",
                f"{row.stored:.3f}" if row.stored else "",
                f"{row.public:.3f}" if row.public else "",
                f"{row.factor:.1f}" if row.factor else "",
                f"≥ {row.target:g}" if row.target else "",
                verdict if row.target else "",
            )
        Console(width=96).print(table)
    table = Table("peak memory at 10 x 50000", "times the features' own")
    for name, ratio in memory.items():
        table.add_row(name, f"{ratio:.1f}" if ratio else "undefined")
    Console(width=96).print(table)


def measure(repeats: int) -> tuple[list[Timing], dict[str, float], float]:
    """Run everything; in a process that has one computing thread."""
    timings = [timing(score, size, repeats) for size in SIZES for score in SCORES.values()]
    memory = {name: peak_over_features(score) for name, score in SCORES.items()}
    return timings, memory, batch_seconds()


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/scorers"),
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the best one counts.")] = 5,
) -> None:
    """Time the scores beside the public implementations."""
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # read by the process that is started next
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        timings, memory, batch = pool.submit(measure, repeats).result()
    show(timings, memory)
    Console().print(
        f"{BATCH_MODELS} models x {len(BATCH_SCORES)} scores at K = 5: {batch:.2f} s on one core "
        f"(target: {BATCH_TARGET_SECONDS:g})."
    )
    rows: list[dict[str, Plain]] = [
        {**asdict(each), "factor": each.factor, "target": each.target} for each in timings
    ]
    write_record(
        out,
        "scorers",
        {
            "threads": 1,
            "unit": "milliseconds of CPU time; 0 where there is none",
            "public": ", ".join(sorted(name for name, _ in public_scores().values())),
            "timings": rows,
            "peak_over_features": [{"score": k, "ratio": v} for k, v in memory.items()],
            "batch_models": BATCH_MODELS,
            "batch_scores": ", ".join(BATCH_SCORES),
            "batch_seconds": batch,
            "batch_target_seconds": BATCH_TARGET_SECONDS,
            "met": batch < BATCH_TARGET_SECONDS and all(t.factor >= t.target for t in timings),
        },
    )


if __name__ == "__main__":
    typer.run(main)
