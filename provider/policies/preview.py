"""What a job would ask, against what the policy allows and what is left of its budgets."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from protocols.job_plan import JobPlan, PlannedFunction
from protocols.secagg.member import Transport
from provider.costs import Spent, Totals
from provider.policies.budgets import epsilon_after
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.profiles import FUNCTIONS
from provider.policies.rules import Budget, Models


class Verdict(Enum):
    """What would become of a function's questions."""

    ALLOWED = "allowed"
    APPROVAL = "needs your approval"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class PreviewLine:
    """One function of the plan.

    Attributes:
        planned: What the job asks.
        verdict: What would become of it.
        why: In words; empty where nothing is to be said.
        rho: What its noise would cost in all.
    """

    planned: PlannedFunction
    verdict: Verdict
    why: str
    rho: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A job before it is joined.

    Attributes:
        plan: Of the job.
        lines: One for each function.
        questions: That would be answered.
        bytes: That would leave.
        epsilon: Of the job with what it has spent already, at `delta`.
        epsilon_ever: The same with all other jobs.
        delta: Of the policy.
        warnings: Where a budget would end the job early, a sentence each.
    """

    plan: JobPlan
    lines: tuple[PreviewLine, ...]
    questions: int
    bytes: int
    epsilon: float
    epsilon_ever: float
    delta: float
    warnings: tuple[str, ...]


def preview(
    plan: JobPlan,
    policy: OwnerPolicy,
    *,
    rho_each: Callable[[str], float],
    spent: Totals = Totals(),  # noqa: B008 - frozen
) -> Preview:
    """Work out what the plan would ask; nothing is recorded.

    Args:
        plan: Of the job.
        policy: With the files that its signers vouch for in this job.
        rho_each: What the noise of one plain answer of a function costs; asked only where the
            policy wants noise.
        spent: Before the job, or so far in it.
    """
    lines = tuple(_line(planned, plan, policy, rho_each) for planned in plan.functions)
    answered = [line for line in lines if line.verdict is not Verdict.REFUSED]
    questions = sum(line.planned.questions for line in answered)
    size = sum(line.planned.bytes for line in answered)
    rho = math.fsum(line.rho for line in answered)
    privacy = policy.rules.privacy
    epsilon = epsilon_after(spent.job.rho, rho, privacy.delta)
    ever = epsilon_after(spent.ever.rho, rho, privacy.delta)
    return Preview(
        plan,
        lines,
        questions,
        size,
        epsilon,
        ever,
        privacy.delta,
        (
            *_job_warnings(policy.rules.job, questions, size, spent.job),
            *_day_warnings(policy.rules.day, questions, size),
            *_epsilon_warning("epsilon_job", privacy.epsilon_job, epsilon),
            *_epsilon_warning("epsilon_ever", privacy.epsilon_ever, ever),
        ),
    )


def preview_table(found: Preview) -> RenderableType:
    """A preview for the owner's eyes."""
    table = Table("function", "verdict", "questions", "bytes", "travels", "why")
    for line in found.lines:
        planned = line.planned
        table.add_row(
            escape(planned.function),
            line.verdict.value,
            f"{planned.questions:,}",
            f"{planned.bytes:,}",
            planned.transport.value,
            escape(line.why),
        )
    return Group(
        escape(f"Job {found.plan.job}: {found.plan.purpose}"),
        table,
        f"In all {found.questions:,} questions, {found.bytes:,} bytes, epsilon "
        f"{found.epsilon:.4g} for this job and {found.epsilon_ever:.4g} ever at delta "
        f"{found.delta:g}. Exact answers are not counted in epsilon.",
        *(escape(f"Note: {warning}") for warning in found.warnings),
    )


def _line(
    planned: PlannedFunction,
    plan: JobPlan,
    policy: OwnerPolicy,
    rho_each: Callable[[str], float],
) -> PreviewLine:
    refusal = _refusal(planned, plan, policy)
    if refusal is not None:
        return PreviewLine(planned, Verdict.REFUSED, refusal, 0.0)
    own = policy.rules.of(planned.function)
    why = []
    if own.max_questions is not None and planned.questions > own.max_questions:
        why.append(f"ends after {own.max_questions} questions (max_questions)")
    unknown = plan.files - _known(plan, policy, planned.function)
    if own.models != Models.ANY and unknown:
        why.append(f"not for {len(unknown)} of the plan's {len(plan.files)} files")
    noise = policy.noise(planned.function)
    if planned.transport is Transport.MASKED:
        rho = planned.rho
    else:
        rho = planned.questions * rho_each(planned.function) if noise else 0.0
    if noise and planned.transport is Transport.PLAIN:
        why.append(f"with noise, epsilon {noise.epsilon:g} a question")
    verdict = Verdict.APPROVAL if own.approval else Verdict.ALLOWED
    return PreviewLine(planned, verdict, "; ".join(why), rho)


def _refusal(planned: PlannedFunction, plan: JobPlan, policy: OwnerPolicy) -> str | None:
    name, rules = planned.function, policy.rules
    own = rules.of(name)
    if name not in FUNCTIONS:
        return "this version knows no such function"
    if not own.allow:
        return "the policy does not allow it"
    masked = planned.transport is Transport.MASKED
    if not (own.masked if masked else own.plain):
        return (
            f'it is asked {planned.transport.value}; the policy says transport = "{own.transport}"'
        )
    if masked and rules.privacy.masked_noise and not planned.rho:
        return "the policy asks for noise in masked sums, and the plan has none"
    if own.models != Models.ANY and not _known(plan, policy, name):
        return f'none of the plan\'s files is known, and the policy says models = "{own.models}"'
    return None


def _known(plan: JobPlan, policy: OwnerPolicy, function: str) -> frozenset[str]:
    known = frozenset(policy.rules.models.digests)
    if policy.rules.of(function).models == Models.SIGNED:
        known |= policy.endorsed
    return plan.files & known


def _job_warnings(budget: Budget, questions: int, size: int, spent: Spent) -> Iterator[str]:
    for what, most, total in (
        ("questions", budget.questions, spent.questions + questions),
        ("bytes", budget.bytes, spent.bytes + size),
    ):
        if most is not None and total > most:
            yield (
                f"{total:,} {what} are more than [budgets.job] allows, {most:,}: the job would end "
                "early."
            )


def _day_warnings(day: Budget, questions: int, size: int) -> Iterator[str]:
    days = max(
        math.ceil(questions / day.questions) if day.questions else 1,
        math.ceil(size / day.bytes) if day.bytes else 1,
    )
    if days > 1:
        yield f"By [budgets.day] the job takes {days} days or more."


def _epsilon_warning(key: str, most: float | None, epsilon: float) -> Iterator[str]:
    if most is not None and epsilon > most:
        yield f"epsilon {epsilon:.4g} is more than {key} allows, {most:g}: the job would end early."
