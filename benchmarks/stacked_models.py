"""Measures models evaluated and trained together: ``python -m benchmarks.stacked_models``.

Predictions of a whole zoo on shared images, stacked and model by model; then one chunk of a zoo's
build, from which the time of all 720 models follows. Prints a table and writes
``<out>/results.json``.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain, write_record
from synlearn.datasets.dsprites import (
    DOMAIN_COUNT,
    domain_images,
    domain_targets,
    draw_domains,
    split,
)
from synlearn.zoo.architectures import architecture, build_module
from synlearn.zoo.dsprites import ARCHITECTURE, CHUNK
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import TrainingPlan, initial_stack, train_stack

TARGET_MINUTES = 15


def seconds(action: Callable[[], object], repeats: int) -> float:
    """Return the best time of several."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        best = min(best, time.perf_counter() - start)
    return best


def one_by_one(models: StackedModels) -> Callable[[NDArray[np.uint8]], None]:
    """Return what evaluates the same models as ordinary modules."""
    modules = [build_module(models.architecture).eval() for _ in range(len(models))]
    for row, module in enumerate(modules):
        module.load_state_dict(models.tensors_of(row))

    def predict(images: NDArray[np.uint8]) -> None:
        batch = torch.from_numpy(images[:, None].astype(np.float32))
        with torch.inference_mode():
            for module in modules:
                module(batch)

    return predict


def predictions(count: int, repeats: int) -> list[dict[str, Plain]]:
    """Return microseconds for a model and an image, on different numbers of images."""
    ids = [str(row) for row in range(count)]
    network = architecture(ARCHITECTURE)
    models = StackedModels(tuple(ids), network, initial_stack(ids, network, seed=0))
    separate = one_by_one(models)
    rows: list[dict[str, Plain]] = []
    for images in (1, 10, 200):
        batch = domain_images(draw_domains(1, seed=0)[0])[:images]
        pairs = count * images
        rows.append(
            {
                "models": count,
                "images": images,
                "stacked_us": 1e6 * seconds(partial(models.predict, batch), repeats) / pairs,
                "separate_us": 1e6 * seconds(partial(separate, batch), repeats) / pairs,
            }
        )
    return rows


def chunk_seconds() -> float:
    """Return the time of training one chunk, as a build does it: with one thread."""
    domains = draw_domains(CHUNK, seed=0)
    rows = [split(domain, seed=0).training for domain in domains]
    images = np.stack([domain_images(d)[own] for d, own in zip(domains, rows, strict=True)])
    targets = np.stack([domain_targets()[own] for own in rows])
    network, names = architecture(ARCHITECTURE), [domain.name for domain in domains]
    return seconds(
        lambda: train_stack(names, network, images, targets, plan=TrainingPlan()), repeats=1
    )


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path(
        "runs/stacked_models"
    ),
    models: Annotated[int, typer.Option(min=1, help="Models evaluated.")] = DOMAIN_COUNT,
    workers: Annotated[int, typer.Option(min=1, help="Processes of a build.")] = 2,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the best one counts.")] = 3,
) -> None:
    """Measure models evaluated and trained together."""
    threads = torch.get_num_threads()
    measured = predictions(models, repeats)
    torch.set_num_threads(1)
    chunk = chunk_seconds()
    whole = chunk * DOMAIN_COUNT / CHUNK / workers

    table = Table("microseconds for a model and an image", "stacked", "one by one")
    for row in measured:
        name = f"{models} models, {row['images']} images"
        table.add_row(name, f"{row['stacked_us']:.2f}", f"{row['separate_us']:.2f}")
    Console().print(table)
    Console().print(
        f"Training {CHUNK} models takes {chunk:.1f} s on one core, so all {DOMAIN_COUNT} about "
        f"{whole / 60:.1f} minutes on {workers} (target: {TARGET_MINUTES})."
    )
    write_record(
        out,
        "stacked_models",
        {
            "threads": threads,
            "predictions": measured,
            "chunk_models": CHUNK,
            "chunk_seconds": chunk,
            "workers": workers,
            "build_minutes": whole / 60,
            "target_minutes": TARGET_MINUTES,
            "met": whole < 60 * TARGET_MINUTES,
        },
    )


if __name__ == "__main__":
    typer.run(main)
