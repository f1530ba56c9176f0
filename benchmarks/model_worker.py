"""Measures models in a worker against models in the process: ``python -m benchmarks.model_worker``.

Random 32 x 32 images pass in batches of 256 through one picture-cnn of the default widths, by turns
here and in a worker, all in one run; then the same from a kept table. Prints the times and writes
``<out>/results.json``. On a machine that does something else as well, look at the processor time.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import torch
import typer
from rich.console import Console

from benchmarks.record import Plain, write_record
from protocols.ids import digest_of
from provider.answers.class_rows import batches
from provider.dataset import ClassImages
from provider.feature_store import FeatureStore, Key
from provider.model_api import Float32, Stack
from provider.models import ModelCache
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker, WorkerLimits, processor_seconds
from synlearn.datasets.labelled_images import labelled_images
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.training import initial_stack

TARGET_RATIO = 1.15


def model_file() -> bytes:
    """An untrained picture-cnn: 90 thousand parameters, 0.6 million products an image."""
    network = architecture("picture-cnn")
    stack = initial_stack(["a"], network, seed=0)
    return to_bytes(ModelFile(network, {name: tensor[0] for name, tensor in stack.items()}))


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass over all images took, and what the model said.

    Attributes:
        seconds: Of wall-clock time.
        processor: Seconds of all processors, in this process and the worker.
        said: (1, n, outputs).
    """

    seconds: float
    processor: float
    said: Float32


def passed(stack: Stack, data: ClassImages, worker: ModelWorker, *, elsewhere: bool) -> Pass:
    """Show all images to a model, as an answer does."""
    assert worker.pid is not None
    start = time.perf_counter()
    used = time.process_time() + processor_seconds(worker.pid)
    rows = [np.arange(data.rows)]
    seen = batches(data, rows, stack.architecture.outputs, ahead=elsewhere)
    said = np.concatenate([stack.predict(batch.images) for batch in seen], axis=1)
    used = time.process_time() + processor_seconds(worker.pid) - used
    return Pass(time.perf_counter() - start, used, said)


def main(
    images: Annotated[int, typer.Option(help="Images in the stream.")] = 20_000,
    repeats: Annotated[int, typer.Option(help="Passes of each kind, taken by turns.")] = 5,
    threads: Annotated[int, typer.Option(help="That compute, here as there.")] = 1,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("model-worker"),
) -> None:
    """Measure and write the record."""
    console = Console()
    torch.set_num_threads(threads)
    pictures = np.random.default_rng(0).integers(0, 256, (images, 32, 32, 3), np.uint8)
    labels = np.zeros(images, np.int64)
    data = ClassImages(labelled_images(pictures, labels, ("all",), None, where="the benchmark"))
    file = model_file()
    name, files = digest_of(file), {str(digest_of(file)): file}
    worker = ModelWorker(WorkerLimits(threads=threads))
    start = time.perf_counter()
    worker.isolation()
    started = time.perf_counter() - start
    here = ModelCache().stack((name,), files)
    there = SandboxedModels(worker).stack((name,), files)
    wanted = passed(here, data, worker, elsewhere=False)
    found = passed(there, data, worker, elsewhere=True)
    assert found.said.tobytes() == wanted.said.tobytes(), "the worker computes the same"
    within, through = [], []
    for _ in range(repeats):
        within.append(passed(here, data, worker, elsewhere=False))
        through.append(passed(there, data, worker, elsewhere=True))
    worker.close()
    pairs = list(zip(within, through, strict=True))
    numbers: dict[str, float] = {
        "start_seconds": started,
        "here_seconds": median(each.seconds for each in within),
        "worker_seconds": median(each.seconds for each in through),
        "ratio": median(other.seconds / mine.seconds for mine, other in pairs),
        "processor_ratio": median(other.processor / mine.processor for mine, other in pairs),
        "kept_seconds": kept_seconds(wanted.said[0]),
    }
    for what, number in numbers.items():
        console.print(f"{what.replace('_', ' ')}: {number:.4g}")
    console.print(f"a ratio of at most {TARGET_RATIO} is wanted")
    passes: list[dict[str, Plain]] = [
        {
            "here": mine.seconds,
            "worker": other.seconds,
            "here_processor": mine.processor,
            "worker_processor": other.processor,
        }
        for mine, other in pairs
    ]
    write_record(
        out, "model_worker", {"images": images, "threads": threads, **numbers, "passes": passes}
    )


def kept_seconds(said: Float32) -> float:
    """Seconds to open a table for the first time, which checks it, and to read all of it."""
    key = Key("outputs", "m", "d", frozenset({"c"}))
    with TemporaryDirectory() as folder:
        store = FeatureStore(Path(folder), 2**30)
        with store.writers([key], len(said), [said.shape[1]]) as (writer,):
            writer.add(said)
        start = time.perf_counter()
        table = FeatureStore(Path(folder), 2**30).open(key, *said.shape)
        assert table is not None
        float(table.sum(dtype=np.float64))
        return time.perf_counter() - start


if __name__ == "__main__":
    typer.run(main)
