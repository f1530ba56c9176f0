"""Whether the providers can answer what a job is going to ask, found out before it asks."""

from collections.abc import Collection
from typing import NamedTuple

from coordinator.grouped_job import GroupedJob
from coordinator.holdings import Holdings
from coordinator.job import Job
from coordinator.questions import Phase, Questions, WrongAnswer
from coordinator.session_questions import ProvidersGone, QueryRefused
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer, Describe, class_counts
from synlearn.errors import InputError


def check_providers(job: Job, providers: Collection[ProviderId], questions: Questions) -> None:
    """Ask every provider to describe itself, and compare with the job.

    Raises:
        InputError: A provider has fewer rows than one of the job's questions is over.
    """
    described = _described(providers, questions)
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


def ask_for_holdings(
    job: GroupedJob,
    providers: Collection[ProviderId],
    shape: tuple[int, ...],
    questions: Questions,
) -> Holdings:
    """Ask every provider which classes it holds, and compare with the job.

    Args:
        job: What is going to be asked.
        providers: All that take part.
        shape: Channels, height and width of the images that the models take.
        questions: The way to the providers.

    Raises:
        InputError: A provider's images do not fit the models, or it has too few rows.
    """
    described = _described(providers, questions)
    held = {provider: class_counts(answer) for provider, answer in described.items()}
    for provider, answer in described.items():
        if misfit := _misfit(answer, shape):
            raise InputError(f"provider {provider} {misfit}; leave it out, or use another zoo.")
        if job.pretraining.mode != "off":
            _check_triplets(job, provider, held[provider])
    return Holdings.of(held)


class Newcomers(NamedTuple):
    """Providers that came while a job runs.

    Attributes:
        held: What those hold who can enter: rows by class.
        why_not: Why others cannot, a clause for each.
    """

    held: dict[ProviderId, dict[str, int]]
    why_not: dict[ProviderId, str]


def ask_newcomers(
    providers: Collection[ProviderId],
    shape: tuple[int, ...],
    questions: Questions,
    *,
    round_: int,
    timeout: float,
) -> Newcomers:
    """Ask providers that may enter which classes they hold; whatever they say, the job goes on.

    Args:
        providers: Who came.
        shape: Channels, height and width of the images that the models take.
        questions: The way to the providers.
        round_: Of learning, with which they enter.
        timeout: Seconds that they have.

    Raises:
        SessionsStopped: As `Questions.ask`.
    """
    query_id = QueryId(Phase.DESCRIBE, 1 + round_, 0)
    found = Newcomers({}, {})
    described: dict[ProviderId, Answer] = {}
    while left := sorted(set(providers) - found.why_not.keys() - described.keys()):
        try:
            described = questions.ask(query_id, dict.fromkeys(left, Describe()), timeout)
        except ProvidersGone as gone:
            found.why_not.update(gone.why)
        except QueryRefused as refused:
            found.why_not[refused.provider] = f"it does not say what it holds: {refused.sentence}"
        except WrongAnswer as wrong:
            found.why_not[wrong.provider] = str(wrong)
    for provider, answer in described.items():
        if misfit := _misfit(answer, shape):
            found.why_not[provider] = f"it {misfit}"
        else:
            found.held[provider] = class_counts(answer)
    return found


def _misfit(answer: Answer, shape: tuple[int, ...]) -> str:
    """What is wrong with a provider's images; empty if nothing."""
    own = tuple(answer["input_shape"].tolist())
    return "" if own == shape else f"has images of shape {own}, but the zoo's models take {shape}"


def _described(providers: Collection[ProviderId], questions: Questions) -> dict[ProviderId, Answer]:
    return questions.ask(QueryId(Phase.DESCRIBE, 0, 0), dict.fromkeys(providers, Describe()))


def _check_triplets(job: GroupedJob, provider: ProviderId, held: dict[str, int]) -> None:
    rows = job.pretraining.rows_per_class
    enough = sum(count >= rows for count in held.values())
    if len(held) > 1 and enough < 2:
        raise InputError(
            f"[pretraining] rows_per_class is {rows}, but of provider {provider}'s classes "
            f"{enough} have as many rows, and triplets need two; lower it in the job file."
        )
    if len(held) == 1 and (whole := sum(held.values())) < job.pretraining.classes * rows:
        raise InputError(
            f"[pretraining] classes x rows_per_class is {job.pretraining.classes * rows}, but "
            f"provider {provider} has {whole} rows; lower it in the job file."
        )
