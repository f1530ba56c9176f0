"""Invitations of tests."""

from dataclasses import replace

from protocols.ids import JobId, ProviderId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction, sign_plan
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Transport
from protocols.secagg.roster import Roster, sign_roster
from tests.identities import AUTHORITY, COORDINATOR, first_roster

JOB = JobId("job")
ALICE = ProviderId("alice")
ROSTER = first_roster("alice", "bob")


def manifest(roster: Roster = ROSTER, **changes: object) -> JobManifest:
    return replace(
        JobManifest(
            job=JOB,
            coordinator=COORDINATOR.public,
            roster=roster.digest,
            participants=(ALICE, ProviderId("bob")),
            functions=frozenset({"describe", "class_feature_sums"}),
            makes_models=True,
        ),
        **changes,  # type: ignore[arg-type]
    )


def plan(**changes: object) -> JobPlan:
    return replace(
        JobPlan(
            job=JOB,
            coordinator=COORDINATOR.public,
            purpose="To rank models for small tasks.",
            functions=(
                PlannedFunction("class_feature_sums", 3, 10_000, Transport.MASKED),
                PlannedFunction("describe", 1, 1000, Transport.PLAIN),
            ),
        ),
        **changes,  # type: ignore[arg-type]
    )


def invitation(**changes: object) -> Invitation:
    return replace(
        Invitation(
            provider=ALICE,
            job=JOB,
            address="localhost:9092",
            token=b"token",
            rosters=(sign_roster(ROSTER, AUTHORITY),),
            manifest=sign_manifest(manifest(), COORDINATOR),
            plan=sign_plan(plan(), COORDINATOR),
        ),
        **changes,  # type: ignore[arg-type]
    )
