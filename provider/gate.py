"""What stands before the ledger: who decides whether a question is answered, and on what terms."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from protocols.ids import Digest, QueryId
from protocols.masked import MaskedQuery
from protocols.queries import Answer, Query
from provider.answers.limits import RowLimits
from provider.charges import within
from provider.costs import FREE, Allow, Cost, allow_all
from provider.dataset import Dataset
from provider.masked_rules import MaskedRules
from provider.policy import OpenPolicy, Policy, check_pause
from provider.session_api import PendingUntil

Tell = Callable[[PendingUntil], None]
"""Announces a delay to the coordinator."""


def as_it_is(_: Query, answer: Answer) -> Answer:
    """An exact answer."""
    return answer


def nothing_more() -> None:
    """The ledger says enough."""


@dataclass(frozen=True, slots=True)
class Permit:
    """On what terms one question is answered.

    Attributes:
        cost: What the ledger charges.
        allow: What it asks before it does.
        limits: Of what a row may add, where the answer is going to be noisy.
        release: Makes of the exact answer what may leave; called once for each question.
        noted: Called when the question is on record, before a row is read: for what else the owner
            wants to have in writing.
    """

    cost: Cost = FREE
    allow: Allow = allow_all
    limits: RowLimits | None = None
    release: Callable[[Query, Answer], Answer] = as_it_is
    noted: Callable[[], None] = nothing_more


@dataclass(frozen=True, slots=True)
class Incoming:
    """A question that has come in.

    Attributes:
        query_id: Names it; that of the aggregation for a masked one.
        body: Digest of what is asked; the same for all attempts at a masked sum.
    """

    query_id: QueryId
    body: Digest


@dataclass(frozen=True, slots=True)
class MaskedPart:
    """This provider's part in a masked sum.

    Attributes:
        length: Entries of the vector.
        bytes: That the masked vector takes.
        rho: What its noise costs; 0 without noise.
        rows: That it is a function of.
    """

    length: int
    bytes: int
    rho: float
    rows: int


class Gate(Protocol):
    """The rules of a provider in one job; asked before anything is recorded or read."""

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node pulls."""
        ...

    async def admit(self, incoming: Incoming, query: Query, dataset: Dataset, tell: Tell) -> Permit:
        """The terms of a plain answer; waits where the owner has to say something first.

        Raises:
            Refused: It is not answered.
        """
        ...

    def terms(self) -> MaskedRules:
        """The terms of masked sums now.

        Raises:
            Refused: PAUSED.
        """
        ...

    async def admit_masked(
        self, incoming: Incoming, query: MaskedQuery, part: MaskedPart, dataset: Dataset, tell: Tell
    ) -> Permit:
        """What this provider's part in a masked sum costs; waits as `admit` does.

        Raises:
            Refused: It is not answered.
        """
        ...


@dataclass(frozen=True, slots=True)
class FixedGate:
    """Rules that decide at once and never change, for nodes that have no owner to ask.

    Attributes:
        policy: Decides about plain questions; answers are exact.
        rules: About masked ones.
    """

    policy: Policy = field(default_factory=OpenPolicy)
    rules: MaskedRules = field(default_factory=MaskedRules)

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node pulls."""
        return self.policy.max_model_bytes

    async def admit(self, incoming: Incoming, query: Query, dataset: Dataset, tell: Tell) -> Permit:
        """Exact answers to all that the policy allows."""
        self.policy.check(query, dataset.rows, dataset.classes)
        return Permit()

    def terms(self) -> MaskedRules:
        """The rules, unless paused."""
        check_pause(self.policy)
        return self.rules

    async def admit_masked(
        self,
        incoming: Incoming,
        query: MaskedQuery,
        part: MaskedPart,
        dataset: Dataset,
        tell: Tell,
    ) -> Permit:
        """Charged against the rules' own budget."""
        cost = Cost(part.bytes, part.rho, rows=part.rows)
        return Permit(cost, within(part.rho, self.rules.budget))
