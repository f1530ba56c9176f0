"""What benchmarks/session.py measures, the same for every kind of stream."""

import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

KIB = 1024
MESSAGE = os.urandom(KIB)
"""One question, and its answer."""


@dataclass(frozen=True)
class Workload:
    """How much is asked."""

    providers: int = 4
    rate_questions: int = 4000
    """Questions to each provider, all of them at once, for the rate."""
    single_questions: int = 1500
    """Questions to one provider, one after the other, for the latency."""
    file_bytes: int = 20_000_000
    file_pulls: int = 7


@dataclass(frozen=True)
class Certificate:
    """PEM texts of a coordinator's certificate, signed by itself, and its key."""

    chain: bytes
    key: bytes


@dataclass(frozen=True)
class Figures:
    """What one run of one kind of stream gave."""

    questions_per_second: float
    median_ms: float
    p99_ms: float
    file_ms: float


def time_each(action: Callable[[], object], times: int) -> list[float]:
    """Seconds of each of `times` calls, after a tenth as many to warm up."""
    for _ in range(max(1, times // 10)):
        action()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return seconds


def figures(rate: float, singles: list[float], files: list[float]) -> Figures:
    """The summary of one run; durations in seconds."""
    return Figures(
        questions_per_second=rate,
        median_ms=statistics.median(singles) * 1e3,
        p99_ms=statistics.quantiles(singles, n=100)[98] * 1e3,
        file_ms=statistics.median(files) * 1e3,
    )
