"""Signed things as a coordinator hands them out, for seeds."""

from coordinator.aggregation_question import Terms, question_of
from protocols.endorsement import Endorsement, sign_endorsement
from protocols.ids import JobId, ProviderId, QueryId, digest, provider_id
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction, sign_plan
from protocols.mquery import SignedQuestion
from protocols.queries import ClassFeatureSums, SquaredError
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Transport
from protocols.secagg.roster import sign_roster
from protocols.secagg.standing import Standing
from tests.identities import AUTHORITY, COORDINATOR, first_roster, identity_of

PARTIES = tuple(ProviderId(name) for name in ("alice", "bob", "carol"))
ROSTER = first_roster(*PARTIES)
MODEL = "a" * 64
MANIFEST = JobManifest(
    job=JobId("job"),
    coordinator=COORDINATOR.public,
    roster=ROSTER.digest,
    participants=PARTIES,
    functions=frozenset({"describe", "squared_error", "class_feature_sums"}),
    makes_models=True,
)
QUESTION = question_of(
    MANIFEST,
    QueryId(2, 5, 0),
    1,
    SquaredError((MODEL,), 5),
    dict.fromkeys(PARTIES, (5,)),
    Terms(bound=64.0),
)
NOISY = question_of(
    MANIFEST,
    QueryId(2, 6, 0),
    1,
    ClassFeatureSums(MODEL, ("cat", "dog"), 4),
    dict.fromkeys(PARTIES, (5, 4)),
    Terms(bound=5.0, sigma=3.0),
)
SIGNED_ROSTER = sign_roster(ROSTER, AUTHORITY)
SIGNED_MANIFEST = sign_manifest(MANIFEST, COORDINATOR)
SIGNED_QUESTION = SignedQuestion.by(COORDINATOR, QUESTION.encode())
SIGNER = identity_of("a signer")
ENDORSEMENT = Endorsement(SIGNER.public, frozenset({digest(MODEL)}), note="looked at")
SIGNED_ENDORSEMENT = sign_endorsement(ENDORSEMENT, SIGNER)
PLAN = JobPlan(
    job=JobId("job"),
    coordinator=COORDINATOR.public,
    purpose="To know which models suit which tasks.",
    functions=(
        PlannedFunction("class_feature_sums", 4, 4000, Transport.MASKED, 0.5),
        PlannedFunction("describe", 1, 1000, Transport.PLAIN),
    ),
    files=frozenset({digest(MODEL)}),
    endorsements=(SIGNED_ENDORSEMENT,),
)
SIGNED_PLAN = sign_plan(PLAN, COORDINATOR)
STANDING = Standing().seen(ROSTER, 1_000_000_000)
INVITATION = Invitation(
    provider=provider_id("alice"),
    job=JobId("job"),
    address="localhost:9092",
    token=b"token",
    rosters=(SIGNED_ROSTER,),
    manifest=SIGNED_MANIFEST,
    plan=SIGNED_PLAN,
)
