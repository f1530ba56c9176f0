"""What an owner agreed to in a job, and what no later manifest of it may go beyond.

A job goes on when its federation's roster changes: members come and go, and the coordinator signs
another manifest under the new roster. Nobody asks the owner again, so nothing else may be new.
"""

from dataclasses import dataclass
from typing import Self

from protocols.errors import Code, Refused
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan
from protocols.secagg.manifest import JobManifest


@dataclass(frozen=True, slots=True)
class Agreed:
    """The terms of the invitation that an owner has seen.

    Attributes:
        plan: What for, and how much.
        manifest: Under which roster, and what may come at all.
    """

    plan: JobPlan
    manifest: JobManifest

    @classmethod
    def of(cls, invitation: Invitation) -> Self:
        """The terms of an invitation that was checked when it came."""
        return cls(
            JobPlan.decode(invitation.plan.body), JobManifest.decode(invitation.manifest.body)
        )

    def covers(self, other: "Agreed") -> bool:
        """Whether the owner need not be asked about these terms: nothing in them is more."""
        if self.plan != other.plan:
            return False
        try:
            self.check(other.manifest)
        except Refused:
            return False
        return True

    def check(self, manifest: JobManifest) -> None:
        """Check a manifest of the job: the one agreed to, or one under another roster.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED: it is of another coordinator than the plan; or it is not
                the one agreed to, and is under the same roster, allows more than that one, or
                names what the plan does not.
        """
        if manifest.coordinator != self.plan.coordinator:
            raise _distrust(
                f"the manifest of job {manifest.job} is of another coordinator than its plan"
            )
        if manifest == self.manifest:
            return
        if manifest.roster == self.manifest.roster:
            raise _distrust(f"job {manifest.job} came with a second manifest under the same roster")
        manifest.check_within(self.manifest)
        planned = {each.function for each in self.plan.functions}
        if beyond := manifest.functions - planned:
            raise _distrust(
                f"a later manifest of job {manifest.job} names {min(beyond)}, which the plan that "
                "the owner agreed to does not"
            )


def _distrust(why: str) -> Refused:
    return Refused(Code.MANIFEST_NOT_TRUSTED, local=why)
