"""What a coordinator remembers of a job between two of its processes."""

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from coordinator.grouped_job import GroupedJob
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.settings import as_table, from_table

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_SUFFIX = ".job.json"


class State(StrEnum):
    """How a job stands."""

    RUNNING = "running"
    STOPPED = "stopped"
    """By its operator, or by what kept providers from answering; it can be resumed."""
    FAILED = "failed"
    """By a mistake in the job, the zoo or the data, or by a fault of ours."""
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class JobRecord:
    """One job.

    Attributes:
        name: Of its files, for people.
        table: Its settings, paths made absolute.
        purpose: For the sites' owners.
        state: How it stands.
        sentence: Why, or what came of it.
        began: Unix seconds.
        ended: Unix seconds; 0 while it runs.
    """

    name: str
    table: dict[str, Any]
    purpose: str
    state: State
    sentence: str
    began: float
    ended: float

    @property
    def job(self) -> GroupedJob:
        """The job's settings; raises InputError when another version wrote them."""
        return from_table(GroupedJob, self.table, self.name)


class Records:
    """Reads and writes the records in the folder of all runs.

    Args:
        folder: One file and one run's folder for each job.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run_folder(self, name: str) -> Path:
        """Where a job's run lies."""
        return self.folder / name

    def all(self) -> dict[str, JobRecord]:
        """Every job, by name.

        Raises:
            InputError: A file is damaged.
        """
        paths = sorted(self.folder.glob(f"*{_SUFFIX}"))
        return {record.name: record for record in map(_read, paths)}

    def write(self, record: JobRecord) -> None:
        """Put a record on disk."""
        text = json.dumps(asdict(record), indent=1)
        write_atomically(self.folder / f"{record.name}{_SUFFIX}", text.encode())


def job_table(job: GroupedJob) -> dict[str, Any]:
    """The settings of a job as a record has them."""
    table: dict[str, Any] = json.loads(json.dumps(as_table(job)))
    table["zoo"] = str(job.zoo.resolve())
    table["providers"] = {key: own for key, own in table["providers"].items() if own is not None}
    return table


def check_name(name: str) -> str:
    """A name that may stand in a path.

    Raises:
        InputError: It is none.
    """
    if not _NAME.fullmatch(name) or name.endswith(_SUFFIX):
        raise InputError(
            f"{name[:80]!r} is no name of a run; use letters, digits, '.', '_' and '-', at most 64."
        )
    return name


def _read(path: Path) -> JobRecord:
    try:
        fields = json.loads(path.read_text())
        return JobRecord(**fields | {"state": State(fields["state"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{path} is damaged ({error}); move it away.") from error
