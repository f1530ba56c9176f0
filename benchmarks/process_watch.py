"""What a process and the worker that it started take, looked at every few seconds."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

_PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Look:
    """One look.

    Attributes:
        done: How far the work was.
        seconds: Since the first look.
        node: Resident bytes of the process.
        worker: Of its children together.
        files: Open descriptors of the process.
        threads: Of the process.
        ledger: Bytes of the ledger's files.
    """

    done: int
    seconds: float
    node: int
    worker: int
    files: int
    threads: int
    ledger: int


@dataclass(frozen=True, slots=True)
class Course:
    """How one number went.

    Attributes:
        start: Median of the second tenth of the work, after the warm-up.
        end: Median of the last tenth.
        most: At any look.
        slope: By least squares, after the warm-up, for 1000 questions.
    """

    start: float
    end: float
    most: float
    slope: float

    @property
    def growth(self) -> float:
        """From start to end, as a fraction of the start."""
        return self.end / self.start - 1 if self.start else 0.0


class Watch:
    """Looks at a process of this machine (Linux) until it is stopped.

    Args:
        pid: Of the process.
        ledger: Its ledger's file.
        done: How far the work is.
        every: Seconds from look to look.
    """

    def __init__(self, pid: int, ledger: Path, done: Callable[[], int], every: float) -> None:
        self.looks: list[Look] = []
        self._pid = pid
        self._ledger = ledger
        self._done = done
        self._every = every
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look once more, and end."""
        self._over.set()
        self._thread.join()
        self._look(time.monotonic())

    def _watch(self) -> None:
        self._begun = time.monotonic()
        while not self._over.is_set():
            self._look(time.monotonic())
            self._over.wait(self._every)

    def _look(self, now: float) -> None:
        own = _status(self._pid)
        workers = (_status(child).get("VmRSS", 0) for child in children(self._pid))
        self.looks.append(
            Look(
                self._done(),
                now - self._begun,
                own["VmRSS"] * 1024,
                sum(workers) * 1024,
                len(list((_PROC / str(self._pid) / "fd").iterdir())),
                own["Threads"],
                ledger_bytes(self._ledger),
            )
        )


def course(looks: list[Look], of: Callable[[Look], float], total: int) -> Course:
    """How one number went over `total` questions."""
    late = [look for look in looks if look.done >= 0.1 * total] or looks
    early = [look for look in late if look.done <= 0.2 * total] or late[:1]
    last = [look for look in late if look.done >= 0.9 * total] or late[-1:]
    done = np.array([look.done for look in late], np.float64)
    slope = np.polyfit(done, [of(look) for look in late], 1)[0] if np.ptp(done) else 0.0
    return Course(
        median(map(of, early)),
        median(map(of, last)),
        max(map(of, looks)),
        1000 * float(slope),
    )


def children(pid: int) -> list[int]:
    """All processes below one, by their threads' own lists."""
    found: list[int] = []
    try:
        for task in (_PROC / str(pid) / "task").iterdir():
            for child in (task / "children").read_text().split():
                found += [int(child), *children(int(child))]
    except OSError:  # it ended meanwhile
        return found
    return found


def ledger_bytes(path: Path) -> int:
    """Bytes of a ledger and its write-ahead log."""
    files = (path, path.with_name(path.name + "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def _status(pid: int) -> dict[str, int]:
    """`VmRSS` in KiB and `Threads`; nothing of a process that ended."""
    try:
        lines = (_PROC / str(pid) / "status").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines)
    return {name: int(rest.split()[0]) for name, rest in pairs if name in {"VmRSS", "Threads"}}
