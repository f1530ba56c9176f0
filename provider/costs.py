"""What a question costs, and what was spent before it: the units of every budget."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Cost:
    """What one question costs; known, and charged, before a row is read.

    Attributes:
        bytes: Of the largest answer.
        rho: Of zero-concentrated differential privacy; 0 without noise.
        uses: How often the answer looks at each row of a class in a way that a policy counts.
            Names are `function|snapshot|class`.
        rows: That the answer is a function of; told to the owner, and part of no budget.
    """

    bytes: int = 0
    rho: float = 0.0
    uses: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    rows: int = 0


@dataclass(frozen=True, slots=True)
class Spent:
    """What questions have cost together."""

    questions: int = 0
    bytes: int = 0
    rho: float = 0.0


@dataclass(frozen=True, slots=True)
class Totals:
    """What a provider has spent, masked questions and refused computations included.

    Attributes:
        today: In all jobs, since midnight UTC.
        job: In this job.
        ever: In all jobs.
        function: Questions of this job with the function of the question at hand.
        uses: For each name in the question's `Cost.uses`, the sum over all questions before it.
    """

    today: Spent = Spent()
    job: Spent = Spent()
    ever: Spent = Spent()
    function: Spent = Spent()
    uses: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


Allow: TypeAlias = Callable[[Totals], None]
"""Raises `Refused` (BUDGET_SPENT) where a question would go beyond a budget, given what was spent
before it. A ledger calls it in the very transaction that records the question."""

FREE = Cost()


def allow_all(_: Totals) -> None:
    """No budget."""
