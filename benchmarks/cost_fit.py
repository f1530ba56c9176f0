"""How the constants of a cost model are read off measurements: medians, and slopes over sizes."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from scipy.optimize import nnls


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """Median of this process's processor seconds for some work, after one run that is not counted.

    Args:
        work: What is done.
        repeats: How often it is timed.
    """
    work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return statistics.median(found)


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Median of the slopes between all pairs of sizes (Theil and Sen); 0 where it is below 0.

    Args:
        sizes: At least two different ones.
        values: Measured at these.

    >>> slope([1, 2, 3, 4], [5.0, 7.0, 9.0, 100.0])
    16.5
    """
    if len(set(sizes)) < 2:
        raise ValueError("a slope needs two sizes")
    pairs = [
        (values[j] - values[i]) / (sizes[j] - sizes[i])
        for i in range(len(sizes))
        for j in range(i)
        if sizes[i] != sizes[j]
    ]
    return max(0.0, statistics.median(pairs))


def shares(amounts: Sequence[Sequence[float]], values: Sequence[float]) -> list[float]:
    """What each unit of several kinds costs, none below 0: least squares of relative errors.

    Args:
        amounts: Of each kind, for each measurement.
        values: What each measurement took, above 0.

    >>> [round(each, 6) for each in shares([[1, 0], [1, 10], [1, 100]], [2, 7, 52])]
    [2.0, 0.5]
    """
    rows = np.array(amounts, float) / np.array(values)[:, None]
    scale = np.linalg.norm(rows, axis=0)
    found, _ = nnls(rows / scale, np.ones(len(values)))
    return [float(each) for each in found / scale]


def process_seconds(pid: int) -> float:
    """Processor seconds of another process so far, of all its threads; Linux, to 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_bytes() -> int:
    """Memory of this process now; Linux."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/self/status names no VmRSS")
