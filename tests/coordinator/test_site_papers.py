"""The papers of a job's sites, as the roster goes on under it."""

import stat
from pathlib import Path

import pytest

from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import revoke
from coordinator.deployed import members_of
from coordinator.site_papers import INVITATIONS, TOKENS, SitePapers
from protocols.ids import JobId, ProviderId
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, PlannedFunction
from protocols.secagg.manifest import JobManifest
from protocols.secagg.member import Transport
from synlearn.errors import InputError
from tests.coordinator.authority.test_membership import Site, admit, folder

__all__ = ["folder"]
ALICE, BOB, CAROL = (ProviderId(name) for name in ("alice", "bob", "carol"))


def papers_of(root: Path, out: Path, purpose: str = "To rank models.") -> SitePapers:
    federation = FederationFolder(root)
    out.mkdir(exist_ok=True)
    plan = JobPlan(
        job=JobId("job"),
        coordinator=federation.coordinator.public,
        purpose=purpose,
        functions=(PlannedFunction("describe", 4, 2**20, Transport.PLAIN),),
    )
    return SitePapers(plan, federation, members_of(federation), out)


@pytest.fixture
def two(folder: Path, tmp_path: Path) -> Path:
    """A federation of Alice and Bob; its folder."""
    admit(folder, *(Site(tmp_path, name) for name in ("alice", "bob")))
    return folder


def test_who_is_admitted_meanwhile_gets_papers(two: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    papers = papers_of(two, out)
    before, tokens = papers.trust, dict(papers.tokens)
    assert papers.trust is before
    assert papers.young() == frozenset()
    with pytest.raises(KeyError):
        papers.invitation(CAROL)
    admit(two, Site(tmp_path, "carol"))
    after = papers.trust
    assert after.manifest.participants == (ALICE, BOB, CAROL)
    assert papers.tokens.items() >= tokens.items()
    assert papers.young() == {CAROL}
    invitation = Invitation.decode((out / INVITATIONS / "carol.invitation").read_bytes())
    assert invitation.token == papers.tokens[CAROL]
    manifest = JobManifest.decode(invitation.manifest.body)
    manifest.check_within(before.manifest)  # it allows no more than what others agreed to
    assert stat.S_IMODE((out / TOKENS).stat().st_mode) == 0o600


def test_who_is_revoked_has_no_papers_but_is_known_still(two: Path, tmp_path: Path) -> None:
    papers = papers_of(two, tmp_path / "run")
    token = papers.tokens[BOB]
    revoke(FederationFolder(two), "bob")
    assert papers.trust.manifest.participants == (ALICE,)
    assert papers.tokens[BOB] == token
    assert papers_of(two, tmp_path / "run").tokens == papers.tokens


def test_a_run_that_goes_on_has_the_plan_and_tokens_of_before(two: Path, tmp_path: Path) -> None:
    first = papers_of(two, tmp_path / "run")
    second = papers_of(two, tmp_path / "run", purpose="Another one.")
    one, other = (Invitation.decode(each.invitation(ALICE)) for each in (first, second))
    assert (one.plan, one.token) == (other.plan, other.token)


def test_a_coordinator_that_is_not_in_the_roster_is_told_so(two: Path, tmp_path: Path) -> None:
    federation = FederationFolder(two)
    (federation.root / "coordinator" / "identity.pem").write_bytes(
        (federation.root / "authority" / "identity.pem").read_bytes()
    )
    with pytest.raises(InputError, match="does not admit this coordinator"):
        papers_of(two, tmp_path / "run")
