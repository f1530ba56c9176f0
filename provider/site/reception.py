"""Invitations, checked against what the site believes before its owner sees them."""

import logging

from protocols.errors import Code, Refused
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, accept_plan
from protocols.secagg.manifest import accept_manifest
from provider.site.engagements import Engagements
from provider.site.memory import Memory
from provider.trust import Federation
from synlearn.errors import InputError
from synlearn.logs import logged

_log = logging.getLogger(__name__)


class Reception:
    """Takes in what was handed in at the door, or by the owner.

    Args:
        memory: The site's.
        federation: Whom it believes.
    """

    def __init__(self, memory: Memory, federation: Federation) -> None:
        self._memory = memory
        self._federation = federation

    def receive(self, data: bytes) -> str:
        """Check an invitation and put it down; returns what to say.

        Raises:
            Refused: It is not for this site, or not from whom the site believes.
            InputError: It is, and cannot be put down.
        """
        invitation = Invitation.decode(data)
        check_invitation(invitation, self._memory, self._federation)
        engagement = self._memory.engagements.invite(invitation)
        return f"Job {engagement.job} is {engagement.standing.value}."

    def receive_and_log(self, data: bytes) -> str:
        """As `receive`, for a node that nobody watches: the log says what came of it."""
        with logged(**_job_in(data)):
            try:
                said = self.receive(data)
            except Refused as refused:
                code = refused.code.name
                _log.warning("an invitation was refused: %s", refused, extra={"code": code})
                raise
            except InputError as error:
                _log.warning("an invitation could not be put down: %s", error)
                raise
            _log.info("an invitation came: %s", said)
        return said


def check_invitation(invitation: Invitation, memory: Memory, federation: Federation) -> JobPlan:
    """The plan of an invitation that may be agreed to.

    Raises:
        Refused: ROSTER_NOT_TRUSTED, MANIFEST_NOT_TRUSTED, or NOT_ALLOWED for another provider's
            invitation and for an address that the configuration does not name.
    """
    config = memory.config.node
    if invitation.provider != config.name:
        raise Refused(
            Code.NOT_ALLOWED,
            local=f"the invitation is for {invitation.provider}; this is {config.name}",
        )
    if invitation.address not in config.federation.coordinators:
        raise Refused(
            Code.NOT_ALLOWED,
            local=f"the invitation names {invitation.address}; node.toml does not",
        )
    roster = federation.follow(invitation.rosters)
    roster.check_self(config.name, memory.key.identity.public)
    manifest = accept_manifest(
        invitation.manifest, roster=roster, job=invitation.job, me=config.name
    )
    plan = accept_plan(
        invitation.plan, coordinators=frozenset({manifest.coordinator}), job=invitation.job
    )
    beyond = {each.function for each in plan.functions} - manifest.functions
    if beyond:
        raise Refused(
            Code.MANIFEST_NOT_TRUSTED,
            local=f"the plan asks {min(beyond)}, which the manifest does not name",
        )
    return plan


def _job_in(data: bytes) -> dict[str, str]:
    """The job that an invitation names, whoever wrote it."""
    try:
        return {"job": Invitation.decode(data).job}
    except Refused:
        return {}


def plan_of(engagements: Engagements, job: str) -> JobPlan:
    """The plan of a job on record, as it was checked when it came.

    Raises:
        InputError: There is no such job.
    """
    return JobPlan.decode(engagements.find(job).invitation.plan.body)
