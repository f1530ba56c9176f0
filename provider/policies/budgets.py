"""Budgets of a policy: given what was spent, may one more question be answered?"""

from collections.abc import Mapping

from protocols.errors import Code, Refused
from provider.costs import Allow, Cost, Spent, Totals
from provider.policies.rules import Budget, PrivacyRules, Rules


def allow_within(rules: Rules, function: str, cost: Cost) -> Allow:
    """What a ledger asks in the transaction that records a question.

    Args:
        rules: The owner's.
        function: Of the question.
        cost: Of the question.
    """
    own = rules.of(function)

    def allow(totals: Totals) -> None:
        if own.max_questions is not None and totals.function.questions >= own.max_questions:
            _refuse(f"max_questions of [functions.{function}] is {own.max_questions}")
        _check_budget("day", rules.day, totals.today, cost)
        _check_budget("job", rules.job, totals.job, cost)
        if own.heads_per_row is not None:
            check_uses(own.heads_per_row, totals.uses, cost.uses)
        if cost.rho > 0:
            check_privacy(rules.privacy, totals, cost.rho)

    return allow


def check_uses(most: int, before: Mapping[str, int], more: Mapping[str, int]) -> None:
    """Check how often the rows of each class have been looked at.

    Raises:
        Refused: BUDGET_SPENT.
    """
    for name, count in more.items():
        spent = before.get(name, 0)
        if spent + count > most:
            _refuse(f"{name} has had {spent} heads, {count} more are asked; heads_per_row = {most}")


def check_privacy(privacy: PrivacyRules, totals: Totals, rho: float) -> None:
    """Check what all noisy answers together would cost, by Google's accountant.

    Raises:
        Refused: BUDGET_SPENT.
    """
    limits = (
        ("epsilon_job", privacy.epsilon_job, totals.job.rho),
        ("epsilon_ever", privacy.epsilon_ever, totals.ever.rho),
    )
    for key, most, before in limits:
        if most is not None:
            epsilon = epsilon_after(before, rho, privacy.delta)
            if epsilon > most:
                _refuse(
                    f"epsilon would be {epsilon:.4g} at delta {privacy.delta:g}; {key} = {most:g}"
                )


def epsilon_after(before: float, rho: float, delta: float) -> float:
    """Epsilon of all that cost `before` in rho, and of `rho` more."""
    from dp_accounting import ZCDpEvent  # noqa: PLC0415 - a second, for noise alone

    from provider.privacy import epsilon_of  # noqa: PLC0415

    return epsilon_of([ZCDpEvent(rho=part) for part in (before, rho) if part > 0], delta)


def _check_budget(name: str, budget: Budget, spent: Spent, cost: Cost) -> None:
    if budget.questions is not None and spent.questions >= budget.questions:
        _refuse(
            f"{spent.questions} questions were answered; [budgets.{name}] allows {budget.questions}"
        )
    if budget.bytes is not None and spent.bytes + cost.bytes > budget.bytes:
        _refuse(
            f"{spent.bytes} bytes were spent and {cost.bytes} more are asked; "
            f"[budgets.{name}] allows {budget.bytes}"
        )


def _refuse(why: str) -> None:
    raise Refused(Code.BUDGET_SPENT, local=why)
