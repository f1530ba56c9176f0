"""A job file: what to learn, from whom, with which budget of rounds."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from coordinator.grouped_job import GroupedJob
from coordinator.job_sections import Pretraining, Session, job_id_of
from protocols.ids import JobId
from protocols.queries import MAX_DRAWN_ROWS
from synlearn.errors import InputError
from synlearn.settings import as_table, from_table, read_table, setting

__all__ = [
    "GroupedJob",
    "Job",
    "Learning",
    "Metric",
    "Pretraining",
    "Providers",
    "Session",
    "read_job",
]

ISOLATED, GROUPED = "isolated", "grouped"
"""Of the key `closure`: whether a task is held by one provider, or by several together."""


@dataclass(frozen=True)
class Providers:
    """[providers]: who takes part, in an embedded federation."""

    count: int = setting(low=2, high=100_000)
    dataset: str = setting("dsprites", choices=("dsprites",))
    split_seed: int = setting(0, low=0)


@dataclass(frozen=True)
class Learning:
    """[learning]: Algorithm 1, lines 7 to 12."""

    rounds: int = setting(10, low=1, high=100_000)
    tasks_per_round: int = setting(252, low=2, high=100_000)
    models_per_round: int = setting(128, low=2, high=100_000)
    validation_rows: int = setting(64, low=1, high=1_000_000)
    k: int = setting(10, low=1, high=10_000)
    draws: int = setting(8, low=1, high=1000)
    updates_per_round: int = setting(200, low=1, high=1_000_000)

    def __post_init__(self) -> None:
        if self.k * self.draws > MAX_DRAWN_ROWS:
            raise InputError(
                f"k x draws is {self.k * self.draws}; a question draws {MAX_DRAWN_ROWS} rows."
            )


@dataclass(frozen=True)
class Metric:
    """[metric]: the MRE model's shape, and its optimiser."""

    hidden: int = setting(256, low=2, high=4096)
    embedding: int = setting(64, low=2, high=4096)
    members: int = setting(5, low=1, high=64)
    distance: str = setting("half_squared_l2", choices=("half_squared_l2", "cosine"))
    pairs: str = setting("within", choices=("within", "across"))
    margin: float = setting(1.0, low=0.0, high=100.0)
    batch_tasks: int = setting(32, low=1, high=10_000)
    batch_models: int = setting(64, low=2, high=10_000)
    learning_rate: float = setting(2e-3, low=0.0, high=1.0)
    weight_decay: float = setting(1e-4, low=0.0, high=1.0)


@dataclass(frozen=True)
class Job:
    """One run of Algorithm 1 for isolated closures.

    Attributes:
        name: Of the job, for people.
        seed: Of every draw the coordinator makes.
        zoo: Folder of the models to learn with.
        threads: CPU threads of the coordinator's own training.
    """

    name: str = setting()
    zoo: Path = setting()
    providers: Providers = setting()
    seed: int = setting(0, low=0, high=2**31 - 1)
    threads: int = setting(2, low=1, high=1024)
    pretraining: Pretraining = field(default_factory=Pretraining)
    learning: Learning = field(default_factory=Learning)
    metric: Metric = field(default_factory=Metric)
    session: Session = field(default_factory=Session)

    @property
    def id(self) -> JobId:
        """Name of the job on the wire: derived from every setting, so that no two jobs share it."""
        return job_id_of(as_table(self) | {"zoo": ""})


def read_job(path: Path) -> Job | GroupedJob:
    """Read a job file; relative paths in it are meant relative to the file.

    Raises:
        InputError: With the file, the key and what it should be.
    """
    table = read_table(path)
    closure = table.pop("closure", ISOLATED)
    if closure == GROUPED:
        return from_table(GroupedJob, table, str(path)).relative_to(path.parent)
    if closure != ISOLATED:
        raise InputError(f"{path}: closure is {closure!r}; it must be one of isolated, grouped.")
    job = from_table(Job, table, str(path))
    return replace(job, zoo=path.parent / job.zoo)
