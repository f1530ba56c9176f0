"""What job files of all closures have in common."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from protocols.ids import JobId
from protocols.queries import MAX_BATCH, QueryError, check_steps
from synlearn.errors import InputError
from synlearn.settings import setting


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

    def __post_init__(self) -> None:
        batch = self.classes * self.rows_per_class
        if batch > MAX_BATCH:
            raise InputError(
                f"classes x rows_per_class is {batch}; triplets grow with its cube, keep it at "
                f"{MAX_BATCH} or below."
            )
        if self.mode == "update":
            try:
                check_steps(self.local_steps, batch)
            except QueryError as error:
                raise InputError(f"local_steps is {self.local_steps}: {error}.") from error


@dataclass(frozen=True)
class Session:
    """[session]: how long the coordinator waits, in seconds.

    `aggregation_timeout` is for each round of a masked question: who is late has dropped out.
    """

    join_timeout: float = setting(120.0, low=1.0, high=86_400.0)
    question_timeout: float = setting(600.0, low=1.0, high=604_800.0)
    aggregation_timeout: float = setting(120.0, low=1.0, high=604_800.0)


def job_id_of(table: Mapping[str, Any]) -> JobId:
    """Name of a job on the wire, derived from all its settings: no two jobs share it."""
    digest = hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
    return JobId(f"job-{digest[:24]}")
