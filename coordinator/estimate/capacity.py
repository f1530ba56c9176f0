"""What a coordinator has to hold for a job at sites: memory, files, heartbeats of sessions."""

from dataclasses import dataclass

from coordinator.estimate.cost_model import CostModel
from coordinator.estimate.models import LearningZoo
from coordinator.estimate.record import Estimate
from coordinator.estimate.storage import answers_bytes, checkpoint_bytes
from coordinator.grouped_job import GroupedJob
from protocols.limits import Limits


@dataclass(frozen=True, slots=True)
class Capacity:
    """At one time, at most; what the process takes before anybody joins is not in it.

    Attributes:
        sessions_bytes: Memory of open sessions.
        remembered_bytes: Memory of questions that are not acknowledged: as if none ever were.
        held_bytes: Memory of the answers to one question, until the last has come.
        gathered_bytes: Memory of all that was answered, in the end.
        files: Descriptors of open sessions.
        heartbeats: A second, heard and sent, while nothing is asked.
        heartbeat_share: Of one core, for these.
        checkpoint_bytes: Of the last checkpoint.
    """

    sessions_bytes: float
    remembered_bytes: float
    held_bytes: float
    gathered_bytes: float
    files: float
    heartbeats: float
    heartbeat_share: float
    checkpoint_bytes: float

    @property
    def memory(self) -> float:
        """Bytes of all four."""
        return self.sessions_bytes + self.remembered_bytes + self.held_bytes + self.gathered_bytes


def capacity_of(
    job: GroupedJob, estimate: Estimate, zoo: LearningZoo, classes: int, costs: CostModel
) -> Capacity:
    """Tell what a job's coordinator has to hold.

    Args:
        job: What would be run.
        estimate: Of it.
        zoo: The models to learn with.
        classes: That anybody holds.
        costs: Measured.
    """
    providers, limits = len(estimate.providers), Limits()
    tasks = job.learning.rounds * job.learning.tasks_per_round
    heartbeats = 2 * providers / limits.heartbeat
    return Capacity(
        sessions_bytes=providers * costs.session_bytes,
        remembered_bytes=estimate.questions * costs.remembered_bytes,
        held_bytes=max((own.at_once_bytes for own in estimate.functions), default=0),
        gathered_bytes=answers_bytes(job, classes, zoo, tasks),
        files=providers * costs.session_files,
        heartbeats=heartbeats,
        heartbeat_share=heartbeats * costs.heartbeat_seconds,
        checkpoint_bytes=checkpoint_bytes(job, classes, zoo, tasks),
    )
