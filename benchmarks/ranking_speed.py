"""Times a ranking of a whole zoo for one small task: ``python -m benchmarks.ranking_speed``.

A five-way task at K = 5 on images of 32 x 32, in a process with one computing thread; medians of
CPU time, each repeated by itself. Beside each other: one pass of the backbone over the 25 images;
rankings by the *metric alone*, which runs no model: its bare distances, scores alone (`MREModel`),
and with intervals of accuracy, odds and ties (`Ranker`); running all models and LEEP
(`run_all_models.py`); the *default*, in which evidence re-ranks the first 20; and *evidence for
all*, which reads and runs all models as well. Weights are random, model specifications and maps to
accuracies made up. Prints tables, writes ``<out>/results.json``; a missed target is no failure.
"""

import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer

from benchmarks.random_zoo import made_up_specifications, write_models, zoo_of
from benchmarks.ranking_speed_report import TARGET, show
from benchmarks.record import Plain, write_record
from benchmarks.run_all_models import AllModels
from benchmarks.untrained_mre import made_up_accuracy, made_up_fusion, untrained
from coordinator.grouped_job import GroupedMetric
from coordinator.job_sections import Pretraining
from synlearn.mre.backbone import BackboneSpec
from synlearn.mre.classification_model import ClassificationMRE, class_means
from synlearn.ranker import EVIDENCE, Ranker
from synlearn.zoo.catalog import Zoo

OUT: Final = Path("runs/ranking_speed")
WAYS, EXAMPLES = 5, 5
SLOW_RUNS: Final = 5
"""Most runs of what takes seconds."""

BACKBONES: Final = {
    "conv4": BackboneSpec(
        Pretraining().backbone, 3, Pretraining().width, Pretraining().features
    ),  # a job's default
    "resnet12": BackboneSpec("resnet12", 3, width=64, features=640),  # the paper's
}
MEMBERS: Final = (GroupedMetric().members, 4)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured.

    Attributes:
        backbones: Names in `BACKBONES`.
        ranked: Sizes of zoos for the metric alone.
        leep: Sizes for running all models.
        fused: Size for evidence for all; 0 for none.
        repeats: Runs.
    """

    backbones: tuple[str, ...]
    ranked: tuple[int, ...]
    leep: tuple[int, ...]
    fused: int
    repeats: int


def examples() -> tuple[np.ndarray, np.ndarray]:
    """Return made-up images (25, 3, 32, 32) in [0, 1] and their labels."""
    images = np.random.default_rng(0).random((WAYS * EXAMPLES, 3, 32, 32), np.float32)
    return images, np.arange(WAYS * EXAMPLES) % WAYS


def median(action: Callable[[], object], repeats: int) -> float:
    """Milliseconds of CPU time, after two runs that warm up."""
    found = []
    for _ in range(2 + repeats):
        start = time.process_time()
        action()
        found.append(time.process_time() - start)
    return 1e3 * float(np.median(found[2:]))


class Bench:
    """The zoos on disk, and what is measured with them."""

    def __init__(self, root: Path, plan: Plan) -> None:
        self._plan, self._root = plan, root
        self._most = max(*plan.ranked, *plan.leep, plan.fused)
        self._entries = write_models(root, self._most)
        self._known = made_up_specifications(zoo_of(root, self._entries, self._most))
        self._images, self._labels = examples()
        self._leep_ms: dict[int, float] = {}

    def leep(self, size: int) -> dict[str, Plain]:
        """Running all models and LEEP; reading the models beforehand, stated apart."""
        zoo, start = zoo_of(self._root, self._entries, size), time.process_time()
        models = AllModels([zoo.parse(model) for model in zoo])
        read = 1e3 * (time.process_time() - start)
        took = median(lambda: models.leep(self._images, self._labels), self._runs())
        self._leep_ms[size] = took
        return {"models": size, "run_and_leep_ms": took, "read_once_ms": read}

    def metric_alone(self, name: str, members: int, size: int) -> dict[str, Plain]:
        """By the metric alone: `MREModel.rank`, and `Ranker.rank` without evidence.

        Of both also with every row of the ranking looked at.
        """
        model = untrained(BACKBONES[name], members, self._known)
        zoo, start = zoo_of(self._root, self._entries, size), time.process_time()
        model.project(zoo, self._known.select(zoo.ids))
        once = 1e3 * (time.process_time() - start)
        runs, ranker = self._runs(name), self._ranker(model)
        passed = median(lambda: self._pass(model), runs)
        bare = median(lambda: self._distances(model, zoo), runs)
        ranked = median(lambda: model.rank(*self._task, zoo), runs)
        read = median(lambda: tuple(model.rank(*self._task, zoo)), runs)
        sure = median(lambda: ranker.rank(*self._task, zoo, evidence=0), runs)
        sure_read = median(lambda: tuple(ranker.rank(*self._task, zoo, evidence=0)), runs)
        found: dict[str, Plain] = {
            "mode": "metric alone",
            "backbone": name,
            "members": members,
            "rank_and_read_all_rows_ms": read,
            "project_once_ms": once,
            "bare_distances_ms": bare,
            "with_intervals_ms": sure,
            "with_intervals_and_all_rows_ms": sure_read,
            "with_intervals_over_bare": sure / bare,
        }
        return found | self._compared(size, passed, ranked)

    def with_evidence(self, name: str, size: int, evidence: int | None) -> dict[str, Plain]:
        """`Ranker.rank` from a zoo on disk: it reads and runs the first models, or all."""
        model = untrained(BACKBONES[name], MEMBERS[0], self._known)
        ranker, zoo = self._ranker(model), zoo_of(self._root, self._entries, size)
        model.project(zoo, self._known.select(zoo.ids))
        passed = median(lambda: self._pass(model), self._runs(name))
        took = median(lambda: ranker.rank(*self._task, zoo, evidence=evidence), self._runs())
        mode = "evidence for all" if evidence is None else f"default: evidence for {evidence}"
        found: dict[str, Plain] = {"mode": mode, "backbone": name, "members": MEMBERS[0]}
        return found | self._compared(size, passed, took)

    @property
    def _task(self) -> tuple[np.ndarray, np.ndarray]:
        return self._images, self._labels

    def _ranker(self, model: ClassificationMRE) -> Ranker:
        classes = len(model.learned.means)
        return Ranker(model, made_up_fusion(EXAMPLES), made_up_accuracy(EXAMPLES, WAYS, classes))

    @torch.inference_mode()
    def _distances(self, model: ClassificationMRE, zoo: Zoo) -> None:
        """The backbone, class means, and the metric: what a ranking cannot do without."""
        features, projected = model.backbone(torch.from_numpy(self._images)), model.project(zoo)
        means, _, _ = class_means(features, self._labels)
        model.distances(means[None], projected.models, projected.packed)

    def _runs(self, backbone: str = "") -> int:
        """All repeats for what is fast, which is less exact, too."""
        fast = backbone == "conv4"
        return self._plan.repeats if fast else min(self._plan.repeats, SLOW_RUNS)

    @torch.inference_mode()
    def _pass(self, model: ClassificationMRE) -> None:
        model.backbone(torch.from_numpy(self._images))

    def _compared(self, size: int, passed: float, ranked: float) -> dict[str, Plain]:
        found: dict[str, Plain] = {
            "models": size,
            "backbone_ms": passed,
            "rank_ms": ranked,
            "rank_over_backbone": ranked / passed,
        }
        if size in self._leep_ms:
            found["leep_over_rank"] = self._leep_ms[size] / ranked
        return found


def measure(plan: Plan) -> dict[str, list[dict[str, Plain]]]:
    """Run everything; in a process that has one computing thread."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), plan)
        return {
            "leep": [bench.leep(size) for size in plan.leep],
            "metric_alone": [
                bench.metric_alone(name, members, size)
                for name in plan.backbones
                for members in MEMBERS
                for size in plan.ranked
            ],
            "evidence": [
                bench.with_evidence(name, size, evidence)
                for name in plan.backbones
                for size, evidence in ((max(plan.ranked), EVIDENCE), (plan.fused, None))
                if plan.fused
            ],
        }


def numbers(text: str) -> tuple[int, ...]:
    """Whole numbers above 1, with commas between them."""
    try:
        found = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no list of whole numbers.") from error
    if min(found) < 2:
        raise typer.BadParameter("a zoo has at least two models.")
    return found


def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = OUT,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the median counts.")] = 51,
    models: Annotated[str, typer.Option(help="Sizes of zoos, with commas.")] = "10,100,1000",
    leep: Annotated[str, typer.Option(help="Sizes for LEEP, with commas.")] = "100,1000",
    fused: Annotated[int, typer.Option(min=0, help="Size for evidence for all; 0: none.")] = 100,
    backbones: Annotated[str, typer.Option(help="Which, with commas.")] = ",".join(BACKBONES),
) -> None:
    """Time rankings beside a pass of the backbone, and beside LEEP."""
    names = tuple(backbones.split(","))
    if unknown := set(names) - set(BACKBONES):
        raise typer.BadParameter(f"there is no backbone {min(unknown)!r}.")
    plan = Plan(names, numbers(models), numbers(leep), fused, repeats)
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # read by the process that is started next
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(measure, plan).result()
    show(found)
    write_record(
        out,
        "ranking_speed",
        {
            "threads": 1,
            "unit": "milliseconds of CPU time, medians",
            "task": f"{WAYS} classes, {EXAMPLES} examples of each, 32 x 32",
            "specifications": "made up, not computed from the models",
            "repeats": repeats,
            "target_rank_over_backbone": TARGET,
            **found,
        },
    )


if __name__ == "__main__":
    typer.run(main)
