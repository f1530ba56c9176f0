"""Whether the providers can answer what a job is going to ask, found out before it asks."""

from collections.abc import Collection

from coordinator.job import Job
from coordinator.questions import Phase, Questions
from protocols.ids import ProviderId, QueryId
from protocols.queries import Describe
from synlearn.errors import InputError


def check_providers(job: Job, providers: Collection[ProviderId], questions: Questions) -> None:
    """Ask every provider to describe itself, and compare with the job.

    Raises:
        InputError: A provider has fewer rows than one of the job's questions is over.
    """
    query_id = QueryId(Phase.DESCRIBE, 0, 0)
    described = questions.ask(query_id, dict.fromkeys(providers, Describe()))
    wanted = {
        "[learning] validation_rows": job.learning.validation_rows,
        "[learning] k": job.learning.k,
        "[pretraining] classes x rows_per_class": (
            job.pretraining.classes * job.pretraining.rows_per_class
        ),
    }
    fewest = min(described, key=lambda provider: int(described[provider]["rows"]))
    rows = int(described[fewest]["rows"])
    for name, value in wanted.items():
        if value > rows:
            raise InputError(
                f"{name} is {value}, but provider {fewest} has {rows} rows; lower it in the job "
                "file."
            )
