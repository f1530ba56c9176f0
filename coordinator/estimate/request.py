"""From a job file and a few options to an estimate."""

from dataclasses import dataclass
from pathlib import Path

from coordinator.authority.folder import FederationFolder
from coordinator.estimate.cost_model import read_cost_model, shipped_cost_model
from coordinator.estimate.estimate import estimate_of, place_of
from coordinator.estimate.models import LearningZoo, learning_zoo
from coordinator.estimate.participants import (
    Participants,
    of_domains,
    of_federation,
    of_manifest,
)
from coordinator.estimate.record import Estimate
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_launch import chosen_models, input_shape
from coordinator.isolated_launch import learning_models
from coordinator.job import Job, read_job
from protocols.queries import QueryError
from synlearn.errors import InputError
from synlearn.zoo.catalog import Zoo


@dataclass(frozen=True, slots=True)
class Request:
    """What is to be told.

    Attributes:
        job_file: What would be run.
        federation: Folder of the federation at whose sites it would run; None: in local processes.
        providers: How many take part, where not as many as the job names.
        workers: Local processes.
        rows: Of each class of a site.
        cost_model: What the parts of a job take; None: what comes with the package.
    """

    job_file: Path
    federation: Path | None = None
    providers: int | None = None
    workers: int = 2
    rows: int = 100
    cost_model: Path | None = None


def estimate_of_request(request: Request) -> Estimate:
    """Read what is named, and tell.

    Raises:
        InputError: Something that is named cannot be used, or the job cannot be run so.
    """
    if request.federation is not None and request.providers is not None:
        raise InputError("Give --federation or --providers, not both.")
    measured = read_cost_model(request.cost_model) if request.cost_model else shipped_cost_model()
    job = read_job(request.job_file)
    participants, zoo = (
        _grouped(job, request) if isinstance(job, GroupedJob) else _isolated(job, request)
    )
    place = place_of(participants, request.workers)
    try:
        return estimate_of(job, participants, zoo, place, measured)
    except QueryError as error:
        raise InputError(
            f"{request.job_file}: the job would ask what no provider answers: {error}."
        ) from error


def _grouped(job: GroupedJob, request: Request) -> tuple[Participants, LearningZoo]:
    zoo = Zoo.open(job.zoo)
    ids = chosen_models(zoo, job.learning.models)
    input_shape(zoo, ids)
    if request.federation is not None:
        folder = FederationFolder(request.federation)
        return of_federation(folder, request.rows), learning_zoo(zoo, ids)
    participants = of_manifest(job)
    if request.providers is not None:
        participants = participants.repeated(request.providers)
    return participants, learning_zoo(zoo, ids)


def _isolated(job: Job, request: Request) -> tuple[Participants, LearningZoo]:
    if request.federation is not None:
        raise InputError(f"{request.job_file} is of isolated closures; sites answer grouped ones.")
    zoo = Zoo.open(job.zoo)
    models = learning_models(job, zoo)
    participants = of_domains(tuple(models))
    facts = learning_zoo(zoo, list(models.values()))
    if request.providers is not None:  # each has its own model
        participants = participants.repeated(request.providers)
        facts = facts.repeated(request.providers)
    return participants, facts
