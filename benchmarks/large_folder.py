"""Times a node with a large folder of images: ``python -m benchmarks.large_folder``.

Makes a folder of small PNG and JPEG images, takes a snapshot of it, looks again when nothing, and
when one image in a hundred has changed, and then answers `class_outputs` for one model at a time.
Beside the answer: the bare model (`StackedModels.predict`, batches of 256) over the same images in
an array in memory, float32, in turns in the same process, which has one computing thread; of two
orders in memory (channels first, channels last) the faster one counts. Ratios are of CPU time,
which other processes disturb less; by the clock they are told as well. Each stage runs in a fresh
process, whose largest resident memory is told. A missed target is no failure.
Prints tables and writes ``<out>/results.json``.
"""

import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, Final, NamedTuple, ParamSpec

import numpy as np
import typer
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain, write_record
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import ClassOutputs
from provider.answers import Context, answer
from provider.data.image_folder import ImageFolder
from provider.data.labels import LabelMap
from provider.data.settings import SnapshotRules
from provider.data.store import SnapshotStore
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.examples import ImageShape
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.mixed_recipes import FULL, NETWORKS
from synlearn.zoo.stacked import StackedModels
from synlearn.zoo.training import initial_stack

OUT: Final = Path("runs/large_folder")
CLASSES: Final = 20
TARGET: Final = 1.2
"""What an answer may take, in passes of the bare model."""
SHAPE: Final = ImageShape(3, 32, 32)
BATCH: Final = 256
_MANY: Final = 10_000

P = ParamSpec("P")
Row = dict[str, Plain]


def make_folder(root: Path, images: int) -> None:
    """Write what is missing of the images: every second one a PNG, the others JPEG, 48 x 40."""
    for number in range(images):
        kind = ("png", "jpg")[number % 2]
        file = root / f"class-{number % CLASSES:02d}" / f"{number // _MANY}" / f"{number}.{kind}"
        if not file.exists():
            write_image(file, number)


def write_image(file: Path, number: int) -> None:
    """Write a smooth image with some noise, drawn from a number."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (5, 6, 3), np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC), int)
    noisy = (smooth + random.integers(-8, 9, smooth.shape)).clip(0, 255).astype(np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(noisy).save(file)


def largest_memory() -> int:
    """Largest resident memory of this process so far, in bytes (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def look(root: Path, store: Path, threads: int) -> Row:
    """Take a snapshot, or the next one."""
    base = largest_memory()
    labels = LabelMap({f"class-{number:02d}": f"class-{number:02d}" for number in range(CLASSES)})
    source, rules = ImageFolder(root, SHAPE), SnapshotRules(threads=threads)
    took = timed(lambda: SnapshotStore(store).refresh(source, labels, rules))
    report = SnapshotStore(store).report()
    return {
        "threads": threads,
        "rows": report.rows,
        "read": report.read,
        "cpu_seconds": took.cpu,
        "clock_seconds": took.clock,
        "peak_megabytes": largest_memory() / 1e6,
        "megabytes_before": base / 1e6,
    }


def compare(store: Path, network: str, repeats: int) -> Row:
    """Answer `class_outputs` about one model, and run the bare model, in turns."""
    snapshot = SnapshotStore(store).current()
    own = architecture("picture-cnn", {**NETWORKS[network], "classes": CLASSES})
    stack = StackedModels((network,), own, initial_stack([network], own, seed=0))
    data = to_bytes(ModelFile(own, stack.tensors_of(0)))
    query = ClassOutputs((digest_of(data),), tuple(snapshot.classes), CLASSES)
    context = Context(
        dataset=snapshot,
        files={digest_of(data): data},
        models=ModelCache(),
        random=row_generator(bytes(32), JobId("job"), QueryId(1, 0, 0)),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), JobId("job")),
    )
    first = timed(lambda: answer(query, context))
    memory = largest_memory()
    batches = [snapshot.images(part).transpose(0, 2, 3, 1) for part in parts(snapshot.rows)]
    channels_last = np.concatenate(batches).transpose(0, 3, 1, 2)
    channels_first = np.ascontiguousarray(channels_last)

    def bare(images: np.ndarray) -> Seconds:
        return timed(lambda: [stack.predict(images[p[0] : p[-1] + 1]) for p in parts(len(images))])

    runs = [
        (timed(lambda: answer(query, context)), bare(channels_last), bare(channels_first))
        for _ in range(repeats)
    ]
    told: Row = {"network": network, "rows": snapshot.rows, "first_answer_seconds": first.clock}
    for name in ("cpu", "clock"):
        answers, *passes = (
            statistics.median(getattr(run[place], name) for run in runs) for place in range(3)
        )
        told |= {
            f"{name}_bare_seconds": min(passes),
            f"{name}_answer_seconds": answers,
            f"{name}_ratio": answers / min(passes),
        }
    return told | {"peak_megabytes": memory / 1e6}


def parts(rows: int) -> Iterator[np.ndarray]:
    """Numbers of rows, a batch at a time."""
    for start in range(0, rows, BATCH):
        yield np.arange(start, min(start + BATCH, rows))


class Seconds(NamedTuple):
    """How long something took."""

    cpu: float
    clock: float


def timed(action: Callable[[], object]) -> Seconds:
    """Run something."""
    cpu, clock = time.process_time(), time.perf_counter()
    action()
    return Seconds(time.process_time() - cpu, time.perf_counter() - clock)


def alone(action: Callable[P, Row], *args: P.args, **kwargs: P.kwargs) -> Row:
    """Run a stage in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(action, *args, **kwargs).result()


def measure_looks(root: Path, scratch: Path, images: int) -> list[Row]:
    """Snapshots with one and two threads, one of the same data, and one of changed data."""
    found = [
        alone(look, root, scratch / f"threads-{threads}", threads) | {"what": "all new"}
        for threads in (1, 2)
    ]
    found.append(alone(look, root, scratch / "threads-2", 2) | {"what": "nothing changed"})
    more = [
        root / f"class-{number % CLASSES:02d}" / "more" / f"{number}.png"
        for number in range(images // 100)
    ]
    for number, file in enumerate(more):
        write_image(file, images + number)
    found.append(alone(look, root, scratch / "threads-2", 2) | {"what": "1 % more"})
    for file in more:
        file.unlink()
    return found


def show(looks: list[Row], answers: list[Row]) -> None:
    """Print the tables."""
    console = Console(width=100)
    table = Table(
        "snapshot", "threads", "rows", "read", "CPU", "clock", "peak memory", title="Looks"
    )
    for row in looks:
        table.add_row(
            str(row["what"]),
            str(row["threads"]),
            f"{row['rows']:,}",
            f"{row['read']:,}",
            f"{row['cpu_seconds']:.1f} s",
            f"{row['clock_seconds']:.1f} s",
            f"{row['peak_megabytes']:.0f} MB (process alone {row['megabytes_before']:.0f})",
        )
    console.print(table)
    head = ("network", "bare model", "answer", "ratio", f"≤ {TARGET}", "by the clock")
    table = Table(*head, "with the first look", "peak", title="class_outputs, CPU time")
    for row in answers:
        table.add_row(
            str(row["network"]),
            f"{row['cpu_bare_seconds']:.2f} s",
            f"{row['cpu_answer_seconds']:.2f} s",
            f"{row['cpu_ratio']:.3f}",
            "pass" if float(row["cpu_ratio"]) <= TARGET else "miss",
            f"{row['clock_ratio']:.3f}",
            f"{row['cpu_ratio_with_first_look']:.2f}",
            f"{row['peak_megabytes']:.0f} MB",
        )
    console.print(table)


def main(
    *,
    images: Annotated[int, typer.Option(min=1000, help="How many.")] = 100_000,
    folder: Annotated[Path | None, typer.Option(help="Keep the images here.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = OUT,
    repeats: Annotated[int, typer.Option(min=1, help="Runs; the median counts.")] = 3,
    networks: Annotated[str, typer.Option(help="Which, with commas.")] = ",".join(FULL.networks),
) -> None:
    """Time snapshots and answers of a large folder."""
    names = networks.split(",")
    if unknown := set(names) - set(NETWORKS):
        raise typer.BadParameter(f"there is no network {min(unknown)!r}.")
    for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM"):
        os.environ[f"{library}_NUM_THREADS"] = "1"  # read by the processes that are started next
    with tempfile.TemporaryDirectory() as scratch:
        root = folder or Path(scratch) / "images"
        make_folder(root, images)
        looks = measure_looks(root, Path(scratch), images)
        store = Path(scratch) / "threads-1"
        answers = [alone(compare, store, name, repeats) for name in names]
    for row in answers:
        whole = float(looks[0]["cpu_seconds"]) + float(row["cpu_answer_seconds"])
        row["cpu_ratio_with_first_look"] = whole / float(row["cpu_bare_seconds"])
    show(looks, answers)
    write_record(
        out,
        "large_folder",
        {
            "images": images,
            "classes": CLASSES,
            "made_as": "48 x 40 pixels, PNG and JPEG, brought to 32 x 32",
            "computing_threads": 1,
            "repeats": repeats,
            "target_ratio": TARGET,
            "looks": looks,
            "answers": answers,
        },
        packages=("pillow",),
    )


if __name__ == "__main__":
    typer.run(main)
