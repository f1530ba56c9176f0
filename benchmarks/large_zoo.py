"""Times rankings of a very large zoo from its index: ``python -m benchmarks.large_zoo``.

A five-way task at K = 5, images of 32 x 32, by the *metric alone*: one pass of the backbone over
the 25 examples, class means, the distance to every model of an index on disk that is mapped into
memory (`synlearn.mre.zoo_index`), scores, intervals, order, and the first 20 rows. No shortlist:
every model is compared. Weights and specifications are made up, of a default job's shape; time does
not depend on them. The order is checked against the metric as learning computes it, with no index.

Runs in a process of its own, one PyTorch thread for each of `--threads` segments at a time. Prints
a table, writes ``<out>/results.json`` and ``<out>/large_zoo.png``; a missed target is no failure.
"""

import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.large_zoo_figure import draw_costs
from benchmarks.random_zoo import made_up_specifications, write_models, zoo_of
from benchmarks.ranking_speed import BACKBONES, MEMBERS, examples, numbers
from benchmarks.record import Plain, write_record
from benchmarks.untrained_mre import untrained
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE, class_means
from synlearn.mre.compared import standard
from synlearn.mre.zoo_index import SEGMENT, ZooIndex
from synlearn.mre.zoo_index_file import open_index, write_index
from synlearn.zoo.mixed_recipes import FEWEST_CLASSES, MOST_CLASSES

OUT: Final = Path("runs/large_zoo")
SIZES: Final = "100,300,1000,3000,10000,30000,100000"
TARGET_S: Final = 1.0
"""What a ranking of the largest zoo may take, wall clock."""
TOP: Final = 20
_KNOWN: Final = 20
"""Real (if untrained) models, whose made-up specifications give the shape of all others."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: sizes of zoos, how often, and with how many threads."""

    sizes: tuple[int, ...]
    repeats: int
    threads: int


def parts(
    model: ClassificationMRE, count: int, seed: int = 0
) -> Iterator[tuple[tuple[str, ...], ClassSets]]:
    """Make up the names and classes of so many models, a segment at a time."""
    random = np.random.default_rng(seed)
    mean, scale = model.metric.model_mean.numpy(), model.metric.model_scale.numpy()
    for start in range(0, count, SEGMENT):
        own = range(start, min(start + SEGMENT, count))
        sizes = random.integers(FEWEST_CLASSES, MOST_CLASSES + 1, len(own))
        rows = mean + scale * random.standard_normal((int(sizes.sum()), len(mean)), np.float32)
        matrices = np.split(rows, np.cumsum(sizes)[:-1])
        yield tuple(f"random-{number:06d}" for number in own), ClassSets.of(matrices)


class LargeZoo:
    """Indices on disk, and what is measured with them."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self._root, self._plan = root, plan
        known = made_up_specifications(zoo_of(root, write_models(root, _KNOWN), _KNOWN))
        self.model = untrained(BACKBONES["conv4"], MEMBERS[0], known)
        self._images, self._labels = examples()
        began = time.process_time()
        self._index(max(plan.sizes))
        self.build_s = time.process_time() - began

    @property
    def bytes_a_model(self) -> float:
        """Of the largest index on disk."""
        files = self._folder(max(self._plan.sizes)).iterdir()
        return sum(own.stat().st_size for own in files) / max(self._plan.sizes)

    def measure(self, size: int) -> dict[str, Plain]:
        """Rank so many models."""
        began = time.perf_counter()
        index = self._index(size)
        opened = time.perf_counter() - began
        began = time.perf_counter()
        self._rank(index)
        first = time.perf_counter() - began
        walls, cpus = [], []
        for _ in range(self._plan.repeats):
            wall, cpu = time.perf_counter(), time.process_time()
            self._rank(index)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        return {
            "models": size,
            "wall_s": float(np.median(walls)),
            "wall_least_s": min(walls),
            "wall_most_s": max(walls),
            "cpu_s": float(np.median(cpus)),
            "first_after_opening_s": first,
            "opening_s": opened,
        }

    def recall(self, size: int) -> float:
        """Share of the exact first 20 that the index's ranking has among its first 20."""
        with torch.inference_mode():
            means, _, _ = class_means(self.model.features(self._images), self._labels)
            tasks = ClassSets.full(means[None])
            exact = [
                self.model.metric.measure(tasks, self.model.metric.project_models(sets)).distance
                for _, sets in parts(self.model, size)
            ]
        distances = torch.cat(exact, dim=2)[:, 0].numpy().astype(np.float64)
        scores: Float64 = standard(distances).mean(axis=0)
        wanted = {f"random-{place:06d}" for place in np.argsort(-scores)[:TOP].tolist()}
        return len(wanted & set(self._rank(self._index(size)))) / len(wanted)

    def _rank(self, index: ZooIndex) -> Sequence[str]:
        return [row.model for row in index.rank(self._images, self._labels).rows[:TOP]]

    def _folder(self, size: int) -> Path:
        return self._root / f"index-{size}"

    def _index(self, size: int) -> ZooIndex:
        """Of so many models; a part of the largest one where that ends with a segment."""
        most = max(self._plan.sizes)
        source = size if size % SEGMENT or size > most else most
        if not self._folder(source).exists():
            write_index(self.model, "made up", parts(self.model, source), self._folder(source))
        index = open_index(self.model, self._folder(source), threads=self._plan.threads)
        count = -(-size // SEGMENT)
        return replace(index, ids=index.ids[:size], segments=index.segments[:count])


def measured(plan: Plan) -> dict[str, Plain | list[dict[str, Plain]]]:
    """Run everything; in a process that has one computing thread for each segment at a time."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        zoo = LargeZoo(Path(folder), plan)
        rows = [zoo.measure(size) for size in plan.sizes]
        recall = zoo.recall(max(plan.sizes))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        spec = zoo.model.metric.spec
        return {
            "rows": rows,
            "recall_of_first_20": recall,
            "build_cpu_s": zoo.build_s,
            "bytes_a_model": zoo.bytes_a_model,
            "peak_memory_mib": peak,
            "width": spec.width,
            "members": spec.members,
        }


def load_average() -> float:
    """Processes that ran or waited, mean over the last minute; NaN where the system tells none."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def show(found: dict[str, Plain | list[dict[str, Plain]]]) -> None:
    """Print the table."""
    table = Table("models", "wall clock", "least to most", "CPU", "first call", "opening")
    rows = found["rows"]
    assert isinstance(rows, list)
    for row in rows:
        table.add_row(
            f"{row['models']:,}",
            f"{1e3 * float(row['wall_s']):.1f} ms",
            f"{1e3 * float(row['wall_least_s']):.1f} to {1e3 * float(row['wall_most_s']):.1f}",
            *(f"{1e3 * float(row[name]):.1f} ms" for name in ("cpu_s", "first_after_opening_s")),
            f"{1e3 * float(row['opening_s']):.0f} ms",
        )
    console = Console(width=110)
    console.print(table)
    last = rows[-1]
    verdict = "pass" if float(last["wall_s"]) < TARGET_S else "miss"
    console.print(
        f"Mode: metric alone. {last['models']:,} models, width {found['width']}, "
        f"{found['members']} members, every model compared: {last['wall_s']:.2f} s, {verdict} "
        f"(target {TARGET_S:g} s); recall of the exact first {TOP}: {found['recall_of_first_20']}; "
        f"{float(str(found['bytes_a_model'])) / 1e3:.1f} kB a model on disk.",
        highlight=False,
    )


def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder for results.json and the picture.")] = OUT,
    sizes: Annotated[str, typer.Option(help="Models, with commas.")] = SIZES,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the median counts.")] = 11,
    threads: Annotated[int, typer.Option(min=1, help="Segments at a time.")] = 2,
) -> None:
    """Time rankings of a large zoo from its index."""
    plan = Plan(tuple(sorted(numbers(sizes))), repeats, threads)
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # read by the process that is started next
    load = load_average()
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(measured, plan).result()
    show(found)
    content: dict[str, Plain | list[dict[str, Plain]]] = {
        "mode": "metric alone",
        "task": "5 classes, 5 examples of each, 32 x 32",
        "threads": threads,
        "repeats": repeats,
        "target_s": TARGET_S,
        "load_before": load,
        "load_after": load_average(),
        **found,
    }
    write_record(out, "large_zoo", content)
    draw_costs(content, out / "large_zoo.png")


if __name__ == "__main__":
    typer.run(main)
