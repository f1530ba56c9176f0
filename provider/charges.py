"""What one attempt at a masked sum costs this provider's privacy."""

import math
from typing import TYPE_CHECKING

from protocols.errors import Code, Refused
from protocols.masked import MaskedQuery, sensitivity
from protocols.secagg.encoding import EncodingError
from protocols.secagg.question import AggregationQuestion
from provider.attempts import AttemptLedger
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


def pay(charge: "AggregationCharge | None", budget: Budget | None, record: AttemptLedger) -> float:
    """The cost of an attempt, in zCDP's rho, once it is known to stay within the budget.

    Args:
        charge: Of the attempt; None without noise.
        budget: Of the whole job; None for no limit.
        record: All attempts of the job.

    Raises:
        Refused: BUDGET_SPENT.
    """
    if charge is None:
        return 0.0
    if budget is not None:
        from dp_accounting import ZCDpEvent  # noqa: PLC0415

        from provider.privacy import PrivacyBudget  # noqa: PLC0415

        # The rhos of zCDP add up, so one event stands for all that went before.
        spent = math.fsum(attempt.cost for attempt in record.attempts())
        before = [ZCDpEvent(rho=spent)] if spent else []
        PrivacyBudget(budget.epsilon, budget.delta, before).spend(charge)
    return charge.rho
