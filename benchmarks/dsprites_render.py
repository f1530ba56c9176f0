"""Times rendering all of dSprites: ``python -m benchmarks.dsprites_render``.

Renders the 737,280 images into a packed file, reads it back, and looks for the anchors of model
specifications among them, where none may be. Prints what it took and writes ``<out>/results.json``;
the file of images goes to a temporary folder unless ``--keep`` names another place.
"""

import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.record import write_record
from synlearn.datasets.dsprites import DOMAINS, domain_images, domain_images_packed
from synlearn.datasets.dsprites_file import PackedDsprites, open_packed, write_rendered
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.zoo.anchors import sprite_anchors

TARGET_SECONDS = 60


def render(path: Path, threads: int) -> float:
    """Return the seconds that all images took, on disk."""
    start = time.perf_counter()
    write_rendered(path, threads)
    return time.perf_counter() - start


def anchors_among(dsprites: PackedDsprites) -> int:
    """Return how many anchors are images of the data set."""
    images = sprite_anchors().images
    anchors = {packed.tobytes() for packed in np.packbits(images.reshape(len(images), -1), axis=1)}
    return sum(image.tobytes() in anchors for image in dsprites.packed)


def domain_milliseconds(shape: Shape) -> float:
    """Return the median time of rendering one domain on demand."""
    times = []
    for domain in [each for each in DOMAINS if each.shape is shape][::24]:
        start = time.perf_counter()
        domain_images_packed(domain)
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path(
        "runs/dsprites_render"
    ),
    threads: Annotated[int, typer.Option(min=1, help="Threads that render.")] = 2,
    keep: Annotated[Path | None, typer.Option(help="Keep the images in this .npy file.")] = None,
) -> None:
    """Time rendering all of dSprites."""
    with TemporaryDirectory() as folder:
        path = keep or Path(folder) / "dsprites.npy"
        seconds = render(path, threads)
        size = path.stat().st_size
        start = time.perf_counter()
        dsprites = open_packed(path, verify=True)
        verification = time.perf_counter() - start
        assert np.array_equal(dsprites.domain(DOMAINS[417]), domain_images(DOMAINS[417]))
        shared = anchors_among(dsprites)
        digest = dsprites.digest
    demand: dict[str, float] = {shape.name.lower(): domain_milliseconds(shape) for shape in Shape}

    table = Table("dSprites", "measured", "target")
    table.add_row(f"all images, {threads} threads", f"{seconds:.1f} s", f"< {TARGET_SECONDS} s")
    table.add_row("file", f"{size / 2**20:.0f} MiB", "")
    table.add_row("reading it all and its digest", f"{verification:.2f} s", "")
    for name, milliseconds in demand.items():
        table.add_row(f"one domain, {name}", f"{milliseconds:.1f} ms", "")
    table.add_row("anchors among the images", str(shared), "0")
    table.add_row("SHA-256", f"{digest[:16]}...", "")
    Console().print(table)
    write_record(
        out,
        "dsprites_render",
        {
            "threads": threads,
            "seconds": seconds,
            "target_seconds": TARGET_SECONDS,
            "met": seconds < TARGET_SECONDS,
            "bytes": size,
            "verification_seconds": verification,
            "domain_milliseconds": [{**demand}],
            "anchors_among_images": shared,
            "sha256": digest,
        },
    )


if __name__ == "__main__":
    typer.run(main)
