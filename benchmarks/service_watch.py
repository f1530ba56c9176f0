"""Memory and processor time of a process and all below it (Linux)."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.process_watch import children

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of all. start: median of the second tenth of the time; end: of the last."""

    start: float
    end: float

    @property
    def growth(self) -> float:
        """As a fraction of the start."""
        return self.end / self.start - 1


class MemoryWatch:
    """Looks every second until it is stopped."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._looks: list[int] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def processor_seconds(self) -> float:
        """That all have used up to now."""
        return sum(_processor(pid) for pid in self._pids())

    def stop(self) -> Memory:
        """Look no more."""
        self._over.set()
        self._thread.join()
        looks, tenth = self._looks, max(len(self._looks) // 10, 1)
        return Memory(median(looks[tenth : 2 * tenth] or looks), median(looks[-tenth:]))

    def _pids(self) -> list[int]:
        return [self._pid, *children(self._pid)]

    def _watch(self) -> None:
        while True:
            self._looks.append(sum(map(_resident, self._pids())))
            if self._over.wait(1.0):
                return


def _resident(pid: int) -> int:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:  # it ended meanwhile
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processor(pid: int) -> float:
    try:
        cells = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(cells[11]) + int(cells[12])) / _TICKS
