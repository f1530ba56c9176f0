"""What the owner agreed to becomes a limit of its own: a job never gets more than its plan said."""

from dataclasses import dataclass

from protocols.errors import Code, Refused
from protocols.job_plan import JobPlan
from protocols.secagg.member import Transport
from provider.costs import Allow, Cost, Totals

_ROUNDING = 1e-9
"""Relative; rhos are summed in float64."""


@dataclass(frozen=True, slots=True)
class ConsentLimits:
    """Holds a job to the plan that its owner agreed to, whatever the policy would allow.

    Attributes:
        plan: Of the job.
    """

    plan: JobPlan

    def check(self, function: str, transport: Transport) -> None:
        """Check that a function is one of the plan's, and travels as it says.

        Raises:
            Refused: NOT_ALLOWED.
        """
        planned = self.plan.planned(function)
        if planned is None:
            raise _beyond(f"the plan of job {self.plan.job} asks nothing of {function}")
        if planned.transport is not transport:
            raise _beyond(
                f"{function} was asked {transport.value}; the plan of job {self.plan.job} says "
                f"{planned.transport.value}"
            )

    def allow(self, function: str, cost: Cost) -> Allow:
        """Refuses a question that would go beyond the plan, given what was asked before it.

        Args:
            function: Of the question.
            cost: Of the question.
        """
        planned = self.plan.planned(function)

        def allow(totals: Totals) -> None:
            if planned is None:
                raise _beyond(f"the plan of job {self.plan.job} asks nothing of {function}")
            spent = totals.function
            masked_rho = cost.rho if planned.transport is Transport.MASKED else 0.0
            for what, before, more, most in (
                ("questions", spent.questions, 1, planned.questions),
                ("bytes", spent.bytes, cost.bytes, planned.bytes),
            ):
                if before + more > most:
                    raise _spent(f"{before} {what} of {function} and {more} more", most)
            if masked_rho and spent.rho + masked_rho > planned.rho * (1 + _ROUNDING):
                raise _spent(
                    f"rho {spent.rho:g} of {function} and {masked_rho:g} more", planned.rho
                )

        return allow


def all_of(*allows: Allow) -> Allow:
    """Refuses what any of them refuses."""

    def allow(totals: Totals) -> None:
        for each in allows:
            each(totals)

    return allow


def _beyond(why: str) -> Refused:
    return Refused(Code.NOT_ALLOWED, local=why)


def _spent(what: str, most: float) -> Refused:
    return Refused(Code.BUDGET_SPENT, local=f"{what}; the plan agreed to has {most:g}")
