"""What is told of a job before it runs; docs/plan.md names the same fields in JSON."""

from dataclasses import dataclass
from typing import Final

from coordinator.estimate.files import Files
from coordinator.estimate.time import StepTime
from protocols.secagg.member import Transport

DELTA: Final = 1e-6
"""For which epsilon is told."""


@dataclass(frozen=True, slots=True)
class FunctionEstimate:
    """One function.

    Attributes:
        function: Its name.
        transport: `plain` or `masked`.
        providers: How many are asked.
        questions: Of all of them; an attempt at a masked sum is one for each of its parties.
        sent_bytes: Bodies of questions, to all providers.
        received_bytes: Bodies of answers, from all.
        at_once_bytes: Of answers that the coordinator holds at a time, at most; 0 under masks,
            where each vector is added as it comes.
        most_questions, most_bytes: Questions to one provider, and bytes of its answers: of the one
            with the most.
        agreed_questions, agreed_bytes: What a site's owner agrees to, at most.
        rho, epsilon: What the job's own noise costs one provider's rows; 0 where it adds none. A
            provider's own policy may add some, and charge for it.
    """

    function: str
    transport: str
    providers: int
    questions: int
    sent_bytes: int
    received_bytes: int
    at_once_bytes: int
    most_questions: int
    most_bytes: int
    agreed_questions: int
    agreed_bytes: int
    rho: float
    epsilon: float


@dataclass(frozen=True, slots=True)
class SumEstimate:
    """The masked sums of one function; see `Sums`."""

    function: str
    attempts: int
    fewest_parties: int
    most_parties: int
    entries: int
    longest_vector: int
    question_bytes: int
    sent_bytes: int
    received_bytes: int


@dataclass(frozen=True, slots=True)
class ProviderEstimate:
    """What one provider is asked, all functions together; seconds are of its node's processor."""

    provider: str
    questions: int
    sent_bytes: int
    received_bytes: int
    node_seconds: float


@dataclass(frozen=True, slots=True)
class Estimate:
    """A job, before anything runs.

    Attributes:
        job: Its name on the wire.
        name: Its name for people.
        closure: `isolated` or `grouped`.
        embedded: Whether all nodes share this machine.
        providers_known_by: Where it is known from who takes part.
        models: To learn with.
        functions: In the order in which they are first asked.
        sums: Masked ones.
        files: That nodes pull.
        steps: How long each takes.
        providers: What each is asked, by name.
        cost_model: On which machine the costs were measured.
        assumptions, warnings: Sentences.
    """

    job: str
    name: str
    closure: str
    embedded: bool
    providers_known_by: str
    models: int
    functions: tuple[FunctionEstimate, ...]
    sums: tuple[SumEstimate, ...]
    files: Files
    steps: tuple[StepTime, ...]
    providers: tuple[ProviderEstimate, ...]
    cost_model: str
    assumptions: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def questions(self) -> int:
        """SQUERYs, one for each provider asked: as `coordinator.cost.Cost` counts them."""
        return sum(own.questions for own in self.functions if own.transport == Transport.PLAIN)

    @property
    def question_bytes(self) -> int:
        """Of their bodies and their answers' bodies."""
        return sum(
            own.sent_bytes + own.received_bytes
            for own in self.functions
            if own.transport == Transport.PLAIN
        )

    @property
    def attempts(self) -> int:
        """At masked sums."""
        return sum(own.attempts for own in self.sums)

    @property
    def sum_bytes(self) -> int:
        """Of all their messages."""
        return sum(own.sent_bytes + own.received_bytes for own in self.sums)

    @property
    def seconds(self) -> float:
        """Until the job is over."""
        return sum(step.wall for step in self.steps)
