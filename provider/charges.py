"""What answers cost this provider's privacy, and whether that is left: masked and plain alike."""

from typing import TYPE_CHECKING

from protocols.errors import Code, Refused
from protocols.masked import MaskedQuery, sensitivity
from protocols.secagg.encoding import EncodingError
from protocols.secagg.question import AggregationQuestion
from provider.costs import Allow, allow_all
from provider.masked_rules import Budget

if TYPE_CHECKING:
    from provider.privacy import AggregationCharge


def charge_for(question: AggregationQuestion, query: MaskedQuery) -> "AggregationCharge | None":
    """The charge of an attempt; None for a sum without noise, which no number can protect.

    Raises:
        Refused: NOT_ALLOWED, the noise is too little to promise anything.
    """
    encoding = question.encoding
    if encoding.noise is None:
        return None
    from provider.privacy import AggregationCharge  # noqa: PLC0415 - a second, for noise alone

    try:
        return AggregationCharge(
            encoding, question.length, sensitivity(query, encoding.bound, question.length)
        )
    except (EncodingError, ValueError) as error:
        raise Refused(Code.NOT_ALLOWED, local=str(error)) from error


def within(rho: float, budget: Budget | None) -> Allow:
    """What refuses an answer that would go beyond the budget of its job.

    Args:
        rho: Of the answer; 0 without noise.
        budget: Of the whole job, plain and masked together; None for no limit.

    Returns:
        Raises `Refused` (BUDGET_SPENT), given what was spent before.
    """
    if not rho or budget is None:
        return allow_all
    return lambda totals: check_left(rho, budget, totals.job.rho)


def check_left(rho: float, budget: Budget, spent: float) -> None:
    """Return if a charge stays within a budget.

    Args:
        rho: Of a masked sum or of a plain answer, above 0.
        budget: Of everything in `spent` and the charge together.
        spent: The rho of all that went before, plain and masked: the rhos of zCDP add up, so one
            event stands for all.

    Raises:
        Refused: BUDGET_SPENT.
    """
    from dp_accounting import ZCDpEvent  # noqa: PLC0415

    from provider.privacy import PrivacyBudget, RhoCharge  # noqa: PLC0415

    before = [ZCDpEvent(rho=spent)] if spent else []
    PrivacyBudget(budget.epsilon, budget.delta, before).spend(RhoCharge(rho))
