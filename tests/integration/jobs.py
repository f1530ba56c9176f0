"""Jobs that run in processes of their own, to be watched and killed."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

COORDINATOR = Path(sys.executable).with_name("synlearn-coordinator")
PATIENCE = 240.0
"""Seconds that no step of a tiny job takes."""
ANSWERED = "SELECT count(*) FROM questions WHERE phase = ? AND step = ? AND part = ? AND computed"
RECORDS = (
    "SELECT provider, phase, step, part, function, body, digest, computed FROM questions"
    " WHERE state != 'refused'"  # a round of an attempt that a killed node has lost
)

Records = dict[tuple[str, int, int, int], tuple[str, str, str]]
"""Function, digest of the question and digest of the answer, by provider and query id."""


def write_job(folder: Path, zoo: Path, providers: int = 6) -> Path:
    """A job that takes less than a second once its processes are up."""
    path = folder / "job.toml"
    path.write_text(
        f"""
        name = "tiny"
        zoo = "{zoo}"
        seed = 5
        threads = 1
        [providers]
        count = {providers}
        [pretraining]
        rounds = 3
        width = 4
        features = 16
        [learning]
        rounds = 2
        tasks_per_round = 4
        models_per_round = 4
        validation_rows = 16
        k = 4
        draws = 3
        updates_per_round = 300
        [metric]
        hidden = 16
        embedding = 8
        members = 2
        """
    )
    return path


class RunningJob:
    """`synlearn-coordinator run`, in a process group of its own."""

    def __init__(self, job: Path, out: Path, *, resume: bool = False, embedded: int = 1) -> None:
        self.out = out
        self._output: str | None = None
        command: list[str | Path] = [COORDINATOR, "run", job, "--out", out]
        command += ["--embedded", str(embedded)] + ["--resume"] * resume
        self._process = subprocess.Popen(  # noqa: S603
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def finish(self) -> tuple[int, str]:
        """Wait for the end; the exit code and all that was printed."""
        if self._output is None:
            self._output, _ = self._process.communicate(timeout=PATIENCE)
        return self._process.returncode, self._output

    def until(self, happens: Callable[["RunningJob"], bool]) -> None:
        """Wait until this is seen; the job must not end before."""
        deadline = time.monotonic() + PATIENCE
        while not happens(self):
            assert self._process.poll() is None, self.finish()[1]
            assert time.monotonic() < deadline, "it never happened"
            time.sleep(0.002)

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        pid = self._process.pid
        return [
            int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ]

    def kill(self) -> None:
        """SIGKILL for the coordinator alone."""
        self._process.kill()
        assert self.finish()[0] == -signal.SIGKILL, "it was already over"

    def kill_all(self) -> None:
        """SIGKILL for the coordinator and its workers at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        assert self.finish()[0] == -signal.SIGKILL, "it was already over"

    def stop(self) -> None:
        """Leave nothing behind, whatever happened."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self.finish()


def answered(phase: int, step: int, part: int, count: int = 1) -> Callable[[RunningJob], bool]:
    """Whether so many providers have an answer to this question on record."""

    def happens(job: RunningJob) -> bool:
        found = (_query(path, ANSWERED, (phase, step, part))[0][0] for path in ledgers(job.out))
        return bool(sum(found) >= count)

    return happens


def ledgers(out: Path) -> list[Path]:
    return sorted((out / "nodes").glob("*.db"))


def records(out: Path) -> Records:
    """Everything that the run's nodes have on record; none of it may be computed twice."""
    found: Records = {}
    for path in ledgers(out):
        for *key, function, body, answer, computed in _query(path, RECORDS):
            assert computed == 1, f"{key}: computed {computed} times"
            assert tuple(key) not in found, f"{key}: on record at two workers"
            found[tuple(key)] = (function, body, answer)
    return found


def log(out: Path) -> list[dict[str, Any]]:
    """The lines of the run's log, each of them whole."""
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def model(out: Path) -> dict[str, bytes]:
    """The files of the MRE model."""
    return {path.name: path.read_bytes() for path in (out / "mre").iterdir()}


def gone(pid: int) -> bool:
    """Whether a process has ended, though nobody may have asked for its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def _query(path: Path, statement: str, values: tuple[int, ...] = ()) -> list[Any]:
    """Read from a ledger without a trace; nothing while its table is being made."""
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return connection.execute(statement, values).fetchall()
        finally:
            connection.close()
    except sqlite3.OperationalError:
        return [(0,)] if values else []
