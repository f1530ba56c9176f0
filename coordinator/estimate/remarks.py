"""What an estimate rests on, and what an operator should know before the job runs."""

from collections.abc import Iterator

from coordinator.estimate.files import Files
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.participants import Participants
from coordinator.estimate.record import FunctionEstimate
from coordinator.estimate.tally import Tally
from coordinator.estimate.time import Place
from coordinator.grouped_job import GroupedJob
from coordinator.job import Job
from protocols.job_plan import MAX_FILES
from protocols.limits import KEPT_FILES, MIB, Limits
from protocols.secagg.member import Transport
from protocols.secagg.question import MAX_PARTIES


def assumptions_of(participants: Participants, place: Place) -> Iterator[str]:
    """What the figures rest on, in sentences."""
    yield "Nobody drops out, nothing is asked again, and no run is resumed."
    yield (
        "Bytes are those of bodies, as the job's log counts them; frames, TLS and TCP come on top."
    )
    yield "Each node computes each answer anew; a site that keeps features is faster."
    yield "A step of learning costs what it costs at the default shape of the metric."
    if participants.embedded:
        yield f"{place.workers} local processes of nodes share {place.cores} cores."
    else:
        yield (
            f"Each site has a core as fast as the one that was measured, and "
            f"{place.uplink * 8 / 1e6:g} Mbit/s; the coordinator has "
            f"{place.coordinator_link * 8 / 1e6:g} Mbit/s; a message there and back takes "
            f"{1000 * place.latency:g} ms."
        )
        rows = {count for own in participants.counts.values() for count in own.values()}
        yield (
            f"Sites have {max(rows)} rows of each class that they declared: how many there are, "
            "they tell a job alone. Nobody waits for an owner's approval."
        )


def warnings_of(  # noqa: PLR0917 - all that is known
    job: Job | GroupedJob,
    participants: Participants,
    zoo: LearningZoo,
    files: Files,
    tally: Tally,
    functions: tuple[FunctionEstimate, ...],
) -> Iterator[str]:
    """What stands in the way of the job, or costs more than it has to, in sentences."""
    limits = Limits()
    if isinstance(job, GroupedJob) and job.below_floor:
        yield (
            f"K from {job.learning.k_least} lies below the floor of "
            f"{job.providers.min_parties_per_class} parties for each class of a sum: such a sum "
            "may be one provider's own."
        )
    if not files.fits:
        yield (
            f"A node keeps {KEPT_FILES / MIB:g} MiB of files, and the models have "
            f"{files.model_bytes / MIB:,.0f} MiB: it pulls them again in each pass."
        )
    for function, own in tally.sums.items():
        if own.question > limits.max_body:
            yield (
                f"A question for {function} has {own.question / MIB:,.0f} MiB, and a node takes "
                f"{limits.max_body / MIB:g}; lower tasks_per_round or draws."
            )
        if own.parties > MAX_PARTIES:
            yield f"A sum has {own.parties:,} parties; {MAX_PARTIES:,} is the most."
    if participants.embedded:
        return
    if len(zoo) > MAX_FILES:
        yield f"A plan for sites names at most {MAX_FILES:,} files; there are {len(zoo):,} models."
    for asked in functions:
        if asked.transport == Transport.PLAIN and asked.function in participants.masked:
            yield (
                f"The roster says that {asked.function} travels masked, and the job asks it plain: "
                "sites will refuse."
            )
