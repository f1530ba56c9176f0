"""Times Fennec online: ``python -m benchmarks.fennec``.

10,000 models scored for a new task without labels, once the task's features are there, beside the
pass of the proxy over its images that they come from; and a new architecture read and embedded.
CPU time of one thread, medians. History, meta features and the proxy's weights are made up: time
does not depend on them. Writes ``<out>/results.json``; a missed target is no failure.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.record import write_record
from synlearn.fennec.archi2vec import Archi2Vec
from synlearn.fennec.meta_features import model_features
from synlearn.fennec.model import Fennec, FennecSettings, NewTask, fit_fennec
from synlearn.fennec.performance import History, PerformanceMatrix
from synlearn.fennec.proxy import BackboneProxy
from synlearn.fennec.reference.registry import REFERENCES
from synlearn.mre.backbone import Backbone, BackboneSpec

OUT: Final = Path("runs/fennec")
SCORING_MS: Final = 50.0
EMBEDDING_S: Final = 2.0
IMAGES, CLASSES, TASKS, FEATURES = 25, 5, 60, 64
CORPUS: Final = ("alexnet", "vgg16", "resnet18", "resnet50", "densenet121", "googlenet")
NEW: Final = "densenet201"


def made_up(models: int, random: np.random.Generator) -> Fennec:
    """Fit Fennec on a history of so many models that never were."""
    truth = random.random((models, 4)) @ random.random((4, TASKS)) / 4
    names, tasks = (tuple(map(str, range(count))) for count in (models, TASKS))
    history = History(
        performance=PerformanceMatrix(names, tasks, truth),
        proxies=random.standard_normal((TASKS, FEATURES)),
        proxy="made up",
        classes=random.integers(2, 20, TASKS),
        samples=random.integers(50, 500, TASKS),
    )
    sizes, layers = random.integers(10**4, 10**7, models), random.integers(5, 100, models)
    features = model_features(sizes, layers, random.random((models, 8)))
    return fit_fennec(history, features, FennecSettings())


def median_ms(action: Callable[[], object], repeats: int) -> float:
    """Milliseconds of CPU time, after two runs that warm up."""
    found = []
    for _ in range(2 + repeats):
        began = time.process_time()
        action()
        found.append(time.process_time() - began)
    return 1e3 * float(np.median(found[2:]))


def embedding_seconds(repeats: int) -> tuple[float, float]:
    """Reading the largest reference graph, and embedding it among others; CPU seconds, medians."""
    known = Archi2Vec.fit({name: REFERENCES[name].graph() for name in CORPUS})
    graph = REFERENCES[NEW].graph()
    read = median_ms(REFERENCES[NEW].graph, repeats)
    return read / 1e3, median_ms(lambda: known.embed(graph), repeats) / 1e3


def main(
    *,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = OUT,
    models: Annotated[int, typer.Option(min=2, help="To score.")] = 10_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the median counts.")] = 21,
) -> None:
    """Time scoring and embedding."""
    torch.set_num_threads(1)
    random = np.random.default_rng(0)
    fennec = made_up(models, random)
    task = NewTask(random.standard_normal((1, FEATURES)), np.array([CLASSES]), np.array([IMAGES]))
    proxy = BackboneProxy(Backbone(BackboneSpec("conv4", 3, 16, FEATURES)).eval())
    images = random.random((IMAGES, 3, 32, 32), np.float32)
    passed = median_ms(lambda: proxy.features(images), repeats)
    scored = median_ms(lambda: fennec.scores(task), repeats)
    read, embedded = embedding_seconds(min(repeats, 5))
    table = Table("what", "CPU time", "target", title=f"Fennec, {models:,} models, one thread")
    table.add_row(f"proxy, one pass over {IMAGES} images of 32 x 32", f"{passed:.2f} ms", "")
    table.add_row("scores of all models", f"{scored:.2f} ms", f"below {SCORING_MS:g} ms")
    table.add_row("the same, in passes of the proxy", f"{scored / passed:.1f}", "")
    table.add_row(f"read the graph of {NEW}", f"{read:.2f} s", "")
    table.add_row("read and embed it", f"{read + embedded:.2f} s", f"below {EMBEDDING_S:g} s")
    Console(width=100).print(table)
    write_record(
        out,
        "fennec",
        {
            "unit": "CPU time, medians",
            "models": models,
            "proxy_ms": passed,
            "scoring_ms": scored,
            "scoring_over_proxy": scored / passed,
            "read_graph_s": read,
            "embed_s": embedded,
            "target_scoring_ms": SCORING_MS,
            "target_embedding_s": EMBEDDING_S,
        },
        ("scikit-learn", "gensim"),
    )


if __name__ == "__main__":
    typer.run(main)
