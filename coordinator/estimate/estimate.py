"""What a job would ask, send and take: all of it in one record."""

import os
from collections.abc import Iterator

from coordinator.estimate.cost_model import Measured
from coordinator.estimate.files import files_of
from coordinator.estimate.grouped import grouped_passes, grouped_questions
from coordinator.estimate.isolated import isolated_passes, isolated_questions
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.node_time import NodeTime
from coordinator.estimate.operations import operations_of
from coordinator.estimate.participants import Participants
from coordinator.estimate.questions import Asked, Summed, shape_of
from coordinator.estimate.record import (
    DELTA,
    Estimate,
    FunctionEstimate,
    ProviderEstimate,
    SumEstimate,
)
from coordinator.estimate.remarks import assumptions_of, warnings_of
from coordinator.estimate.tally import Loads, Sums, Tally, tally_of
from coordinator.estimate.time import Clock, Place, grouped_times, isolated_times
from coordinator.grouped_job import GroupedJob
from coordinator.job import GROUPED, ISOLATED, Job
from coordinator.planning import planned_functions


def place_of(participants: Participants, workers: int) -> Place:
    """This machine, and the nodes on it or elsewhere."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Place(cores or 1, min(workers, len(participants)) if participants.embedded else 0)


def estimate_of(
    job: Job | GroupedJob,
    participants: Participants,
    zoo: LearningZoo,
    place: Place,
    measured: Measured,
) -> Estimate:
    """Tell what a job would ask, send and take.

    Args:
        job: What would be run.
        participants: Who would take part.
        zoo: The models to learn with.
        place: Where it would run.
        measured: What its parts take.

    Raises:
        InputError: The job cannot be run with these providers and models.
    """
    costs = measured.costs
    backbone = operations_of(shape_of(job.pretraining, zoo.shape[0]), zoo.shape)
    node = NodeTime(costs, float(zoo.operations.mean()), backbone)
    asked: Iterator[Asked | Summed]
    if isinstance(job, GroupedJob):
        asked = grouped_questions(job, participants, zoo)
        passes = grouped_passes(job, participants, zoo)
    else:
        asked = isolated_questions(job, participants, zoo)
        passes = isolated_passes(job, participants, zoo)
    tally = tally_of(asked, participants.counts, costs, node)
    files = files_of(job.pretraining, passes, zoo, place.workers or len(participants))
    clock = Clock(costs, place, tally)
    times = (
        grouped_times(job, participants, zoo, clock)
        if isinstance(job, GroupedJob)
        else isolated_times(job, zoo, clock)
    )
    functions = tuple(_functions(job, participants, zoo, tally))
    return Estimate(
        job=job.id,
        name=job.name,
        closure=GROUPED if isinstance(job, GroupedJob) else ISOLATED,
        embedded=participants.embedded,
        providers_known_by=participants.known_by,
        models=len(zoo),
        functions=functions,
        sums=tuple(
            _sum(function, own, tally.of_function(function)) for function, own in tally.sums.items()
        ),
        files=files,
        steps=(clock.joining(participants), clock.files(files), *times),
        providers=tuple(
            ProviderEstimate(
                name, load.questions, round(load.sent), round(load.received), load.seconds
            )
            for name, load in sorted(tally.of_all().items())
        ),
        cost_model=f"{measured.machine}, at a load of {measured.load:.1f}",
        assumptions=tuple(assumptions_of(participants, place)),
        warnings=tuple(warnings_of(job, participants, zoo, files, tally, functions)),
    )


def _functions(
    job: Job | GroupedJob, participants: Participants, zoo: LearningZoo, tally: Tally
) -> Iterator[FunctionEstimate]:
    widest = max(len(own) for own in participants.counts.values())
    agreed = {
        planned.function: planned
        for planned in planned_functions(job, len(zoo), max(1, widest), zoo.shape[0])
    }
    for function in tally.functions:
        loads, planned = tally.of_function(function), agreed[function]
        yield FunctionEstimate(
            function=function,
            transport=str(planned.transport),
            providers=len(loads),
            questions=sum(load.questions for load in loads.values()),
            sent_bytes=round(sum(load.sent for load in loads.values())),
            received_bytes=round(sum(load.received for load in loads.values())),
            at_once_bytes=round(tally.at_once[function]),
            most_questions=max(load.questions for load in loads.values()),
            most_bytes=round(max(load.received for load in loads.values())),
            agreed_questions=planned.questions,
            agreed_bytes=planned.bytes,
            rho=planned.rho,
            epsilon=_epsilon(planned.rho),
        )


def _sum(function: str, own: Sums, loads: Loads) -> SumEstimate:
    return SumEstimate(
        function=function,
        attempts=own.attempts,
        fewest_parties=own.fewest,
        most_parties=own.parties,
        entries=own.entries,
        longest_vector=own.longest,
        question_bytes=own.question,
        sent_bytes=round(sum(load.sent for load in loads.values())),
        received_bytes=round(sum(load.received for load in loads.values())),
    )


def _epsilon(rho: float) -> float:
    """Epsilon at `DELTA` of what costs rho, by Google's accountant."""
    if rho == 0:
        return 0.0
    from dp_accounting import ZCDpEvent  # noqa: PLC0415 - a second, for noise alone
    from dp_accounting.rdp import RdpAccountant  # noqa: PLC0415

    return float(RdpAccountant().compose(ZCDpEvent(rho=rho)).get_epsilon(DELTA))
