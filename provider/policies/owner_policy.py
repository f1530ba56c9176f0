"""A policy in force: decides about questions, says what they cost and what budgets allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from protocols.errors import Code, Refused
from protocols.ids import Digest
from protocols.masked import MaskedQuery
from protocols.queries import Query
from provider.costs import Allow, Cost
from provider.policies.answer_size import masked_bytes, plain_bytes
from provider.policies.budgets import allow_within
from provider.policies.hours import Opening
from provider.policies.masked_terms import MaskedTerms, masked_terms
from provider.policies.question_limits import (
    check_files,
    check_parameters,
    check_plain_rows,
    heads_on_rows,
)
from provider.policies.rules import Rules, Travel

AnyQuery = Query | MaskedQuery


@dataclass(frozen=True, slots=True)
class NoiseTerms:
    """What noise a plain answer has to carry.

    Attributes:
        epsilon: That one question may cost.
        delta: At this delta.
        clip: Norm to which what has no bound of its own is clipped; None where the owner gave none.
    """

    epsilon: float
    delta: float
    clip: float | None


@dataclass(frozen=True)
class OwnerPolicy:
    """The rules of a policy file, for the questions of one job; a `Policy` for a node.

    Attributes:
        rules: What the owner wrote.
        endorsed: Model files that signers of these rules vouch for, in the job at hand.
        paused: Refuse everything for now.
        opening: The hours of work, parsed; None is at any time.
    """

    rules: Rules
    endorsed: frozenset[Digest] = frozenset()
    paused: bool = False
    opening: Opening | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.rules.hours is not None:
            object.__setattr__(self, "opening", Opening.of(self.rules.hours))

    def for_job(self, endorsed: frozenset[Digest], *, paused: bool = False) -> Self:
        """The same rules, with what is known of the job at hand."""
        return replace(self, endorsed=endorsed, paused=paused)

    @property
    def max_model_bytes(self) -> int:
        """Largest model file that the node will pull."""
        return self.rules.general.max_model_bytes

    @property
    def describe_rounding(self) -> int:
        """Counts in a description are rounded down to multiples of this."""
        return self.rules.general.describe_rounding

    def check(self, query: Query, rows: int, classes: Mapping[str, int]) -> None:
        """Return if the question may be answered by this provider alone.

        Args:
            query: The question.
            rows: How many rows the provider holds.
            classes: How many of each class.

        Raises:
            Refused: PAUSED, NOT_ALLOWED, TOO_FEW_ROWS or ANSWER_TOO_LARGE.
        """
        if self.paused:
            raise Refused(Code.PAUSED, local="the node is paused; resume it to answer again")
        own = self.rules.of(query.function)
        if not own.plain:
            why = "is given in masked sums alone" if own.allow else "is not allowed"
            raise Refused(Code.NOT_ALLOWED, local=f"by the policy {query.function} {why}")
        check_parameters(query, own)
        check_plain_rows(query, own, self.rules.general.min_rows, rows, classes)
        check_files(query, own, self.rules.models, self.endorsed)
        if not _length_is_open(query) and plain_bytes(query, classes) > own.max_answer_bytes:
            raise Refused(
                Code.ANSWER_TOO_LARGE,
                local=f"an answer of up to {plain_bytes(query, classes)} bytes; the policy allows "
                f"max_answer_bytes = {own.max_answer_bytes}",
            )

    def masked_rules(self) -> MaskedTerms:
        """The node's terms for masked sums, with all that these rules say about them."""
        return masked_terms(self.rules, self.endorsed)

    def transport(self, function: str) -> Travel | None:
        """How answers of a function may leave; None if not at all."""
        own = self.rules.of(function)
        return Travel(own.transport) if own.allow else None

    def needs_approval(self, function: str) -> bool:
        """Whether the owner has to approve each question of a function."""
        return self.rules.of(function).approval

    def noise(self, function: str) -> NoiseTerms | None:
        """What noise plain answers of a function have to carry; None for exact ones."""
        own = self.rules.of(function)
        if own.noise_epsilon is None:
            return None
        return NoiseTerms(own.noise_epsilon, self.rules.privacy.delta, own.noise_clip)

    def next_opening(self, now: float) -> float | None:
        """None within hours of work; else the unix time at which they begin next."""
        return self.opening.next_opening(now) if self.opening else None

    def cost(
        self, query: Query, *, snapshot: Digest, classes: Mapping[str, int], rho: float = 0.0
    ) -> Cost:
        """What a plain answer costs; an answer of more bytes must not leave.

        Args:
            query: The question.
            snapshot: Digest of the rows that the job sees.
            classes: How many rows of each class there are.
            rho: Of the noise, where `noise` asks for it.

        Raises:
            ValueError: The policy asks for noise, and `rho` says that there is none.
        """
        if self.noise(query.function) is not None and not rho > 0:
            raise ValueError(f"{query.function} needs noise; it was charged for none")
        largest = self.rules.of(query.function).max_answer_bytes
        return Cost(min(plain_bytes(query, classes), largest), rho, _uses(query, snapshot, classes))

    def masked_cost(
        self,
        query: MaskedQuery,
        *,
        length: int,
        snapshot: Digest,
        classes: Mapping[str, int],
        rho: float = 0.0,
    ) -> Cost:
        """What this provider's part in a masked sum of `length` entries costs; see `cost`."""
        return Cost(masked_bytes(length), rho, _uses(query, snapshot, classes))

    def allow(self, function: str, cost: Cost) -> Allow:
        """Refuses a question that would go beyond a budget, given what was spent before it."""
        return allow_within(self.rules, function, cost)


def _uses(query: AnyQuery, snapshot: Digest, classes: Mapping[str, int]) -> dict[str, int]:
    return {
        f"{query.function}|{snapshot}|{name}": heads
        for name, heads in heads_on_rows(query, classes).items()
    }


def _length_is_open(query: Query) -> bool:
    """Whether only the backbone's file tells how long the answer is; it is checked once made."""
    return query.function in ("pretraining_gradient", "pretraining_update", "target_features")
