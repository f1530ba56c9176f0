"""A thousand parties in one process: ``python -m benchmarks.secagg_large``.

Prints one line of JSON: peak memory of the process, its CPU time, and whether the sum is exact.
"""

import json
import re
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from protocols.secagg import aggregate_locally, minimum_threshold
from protocols.secagg.question import expected_dropouts


def peak_bytes() -> int:
    """The most memory that this process ever held (resident); Linux only."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return 1024 * int(found[1])


def main(
    parties: Annotated[int, typer.Option(min=2)] = 1000,
    length: Annotated[int, typer.Option(min=1)] = 100_000,
) -> None:
    """Sum vectors of many parties by secure aggregation."""
    random = np.random.default_rng(0)
    inputs = {
        f"party-{index:05d}": random.uniform(-1, 1, length).astype(np.float32)
        for index in range(parties)
    }
    before = peak_bytes()
    start, wall = time.process_time(), time.perf_counter()
    result = aggregate_locally(
        inputs,
        bound=1.0,
        threshold=minimum_threshold(parties),
        dropouts=expected_dropouts(parties),
        seed=b"benchmark",
    )
    seconds, wall = time.process_time() - start, time.perf_counter() - wall
    peak = peak_bytes()
    step = 2.0**-20
    units = sum(np.rint(each.astype(np.float64) / step) for each in inputs.values())
    print(
        json.dumps(
            {
                "parties": parties,
                "length": length,
                "cpu_seconds": seconds,
                "wall_seconds": wall,
                "peak_bytes": peak,
                "peak_bytes_before": before,
                "input_bytes": sum(each.nbytes for each in inputs.values()),
                "sent_bytes": sum(result.bytes_sent.values()),
                "exact": bool(np.array_equal(result.total, units * step)),
            }
        )
    )


if __name__ == "__main__":
    typer.run(main)
