"""A job file: what to learn, from whom, with which budget of rounds."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from protocols.ids import JobId
from protocols.queries import MAX_BATCH
from synlearn.errors import InputError
from synlearn.settings import as_table, read_settings, setting


@dataclass(frozen=True)
class Providers:
    """[providers]: who takes part, in an embedded federation."""

    count: int = setting(low=2, high=100_000)
    dataset: str = setting("dsprites", choices=("dsprites",))
    split_seed: int = setting(0, low=0)


@dataclass(frozen=True)
class Pretraining:
    """[pretraining]: Algorithm 1, lines 2 to 6."""

    mode: str = setting("gradient", choices=("gradient", "update", "off"))
    rounds: int = setting(100, low=0, high=100_000)
    classes: int = setting(4, low=2, high=64)
    rows_per_class: int = setting(4, low=2, high=64)
    margin: float = setting(0.5, low=0.0, high=4.0)
    learning_rate: float = setting(3e-3, low=0.0, high=1.0)
    local_steps: int = setting(4, low=1, high=1000)
    local_learning_rate: float = setting(0.1, low=0.0, high=10.0)
    backbone: str = setting("conv4", choices=("conv4", "resnet12"))
    width: int = setting(8, low=1, high=256)
    features: int = setting(64, low=2, high=4096)


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
class Session:
    """[session]: how long the coordinator waits."""

    join_timeout: float = setting(120.0, low=1.0, high=86_400.0)
    question_timeout: float = setting(600.0, low=1.0, high=604_800.0)


@dataclass(frozen=True)
class Job:
    """One run of Algorithm 1.

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

    def __post_init__(self) -> None:
        batch = self.pretraining.classes * self.pretraining.rows_per_class
        if batch > MAX_BATCH:
            raise InputError(
                f"[pretraining] classes x rows_per_class is {batch}; triplets grow with its cube, "
                f"keep it at {MAX_BATCH} or below."
            )

    @property
    def id(self) -> JobId:
        """Name of the job on the wire: derived from every setting, so that no two jobs share it."""
        table = as_table(self) | {"zoo": ""}
        digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
        return JobId(f"job-{digest[:24]}")


def read_job(path: Path) -> Job:
    """Read a job file; a relative `zoo` is meant relative to the file.

    Raises:
        InputError: With the file, the key and what it should be.
    """
    job = read_settings(Job, path)
    return job if job.zoo.is_absolute() else replace(job, zoo=path.parent / job.zoo)
