"""What a job of grouped closures keeps at the coordinator: in memory, and in each checkpoint."""

from coordinator.estimate.models import LearningZoo
from coordinator.estimate.questions import parameters_of, shape_of
from coordinator.grouped_job import GroupedJob

_REAL, _SHORT = 8, 4
"""Bytes of a float64 or int64, and of a float32."""
_STATES = 3
"""Of a parameter: itself and two moments of Adam."""


def answers_bytes(job: GroupedJob, classes: int, zoo: LearningZoo, tasks: int) -> int:
    """Bytes of all that was answered about so many tasks: see `ClassAnswers`.

    Args:
        job: Its settings say how much of each task.
        classes: That anybody holds.
        zoo: The models.
        tasks: So far.
    """
    outputs = classes * len(zoo) * zoo.outputs * 2 * _REAL
    scores = len(job.validation.levels) * tasks * len(zoo) * _REAL
    datasets = tasks * job.learning.draws
    features = datasets * (job.learning.ways * job.pretraining.features * _SHORT + 2 * _REAL)
    return outputs + scores + features + tasks * job.learning.ways * _REAL + len(zoo)


def checkpoint_bytes(job: GroupedJob, classes: int, zoo: LearningZoo, tasks: int) -> int:
    """Bytes of a checkpoint, but for the metric's own parameters and the table of holdings."""
    backbone = parameters_of(shape_of(job.pretraining, zoo.shape[0]))
    return answers_bytes(job, classes, zoo, tasks) + _STATES * _SHORT * backbone
