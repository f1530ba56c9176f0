from dataclasses import replace
from pathlib import Path

import pytest

from protocols.errors import Code, Refused
from protocols.ids import ProviderId
from protocols.mquery import Join
from protocols.secagg.manifest import JobManifest, sign_manifest
from protocols.secagg.member import Transport
from protocols.secagg.roster import Roster, SignedRoster, sign_roster
from protocols.secagg.standing import GRACE
from provider.trust import Federation, MemoryTrust, Trust, TrustStore
from tests.identities import AUTHORITY, COORDINATOR, identity_of, member_of
from tests.provider.trust_store_contract import (
    ALICE,
    FIRST,
    JOB,
    MANIFEST,
    SECOND,
    TrustStoreContract,
)

CAROL = ProviderId("carol")
THIRD = SECOND.following(SECOND.members, [COORDINATOR.public])
START = 1_000


class TestMemoryTrust(TrustStoreContract):
    def make(self, folder: Path) -> TrustStore:
        return MemoryTrust()


class Site:
    """A site with a clock of its own."""

    def __init__(self, at_least: int = 1) -> None:
        self.store = MemoryTrust()
        self.now = START
        self.at_least = at_least
        self.restart()

    def restart(self) -> None:
        self.federation = Federation(
            AUTHORITY.public, self.store, now=lambda: self.now, at_least=self.at_least
        )
        self.trust = Trust(ALICE, JOB, identity_of("alice"), self.federation)

    def join(self, *links: Roster, manifest: JobManifest = MANIFEST) -> None:
        self.trust.join(Join(signed(*links), sign_manifest(manifest, COORDINATOR)))


def signed(*rosters: Roster) -> tuple[SignedRoster, ...]:
    return tuple(sign_roster(roster, AUTHORITY) for roster in rosters)


def under(roster: Roster) -> JobManifest:
    """The manifest under another roster."""
    return replace(MANIFEST, roster=roster.digest)


def test_nothing_is_believed_at_first() -> None:
    site = Site()
    assert site.federation.roster is None
    assert site.federation.counted() == frozenset()
    with pytest.raises(Refused) as caught:
        site.trust.grounds()
    assert caught.value.code is Code.MANIFEST_NOT_TRUSTED


def test_a_job_rests_on_roster_and_manifest() -> None:
    site = Site()
    site.join(FIRST)
    grounds = site.trust.grounds()
    assert (grounds.roster, grounds.manifest) == (FIRST, MANIFEST)


@pytest.mark.parametrize(
    "links", [(SECOND,), (FIRST, SECOND), (FIRST, SECOND, THIRD), (SECOND, THIRD)]
)
def test_a_chain_is_followed_from_wherever_the_site_is(links: tuple[Roster, ...]) -> None:
    site = Site()
    site.federation.follow(signed(FIRST))
    assert site.federation.follow(signed(*links)) == links[-1]
    assert site.federation.follow(signed(*links)) == links[-1]  # and once more


def test_a_site_that_has_the_roster_needs_no_links() -> None:
    site = Site()
    with pytest.raises(Refused):
        site.join()
    site.join(FIRST)
    site.join()
    assert site.trust.grounds().roster == FIRST


@pytest.mark.parametrize("links", [(THIRD,), (FIRST, THIRD), (SECOND,)])
def test_a_chain_that_does_not_lead_on_changes_nothing(links: tuple[Roster, ...]) -> None:
    site = Site()
    site.federation.follow(signed(FIRST))
    elsewhere = FIRST.following([member_of("alice")], [COORDINATOR.public])
    site.federation.follow(signed(elsewhere))
    with pytest.raises(Refused) as caught:
        site.federation.follow(signed(*links))
    assert caught.value.code is Code.ROSTER_NOT_TRUSTED
    assert site.federation.roster == elsewhere
    site.restart()
    assert site.federation.roster == elsewhere


def test_the_least_version_that_the_owner_takes() -> None:
    site = Site(at_least=2)
    with pytest.raises(Refused):
        site.federation.follow(signed(FIRST))
    site.federation.follow(signed(SECOND))


def test_a_manifest_holds_under_its_own_roster_only() -> None:
    site = Site()
    site.join(FIRST)
    site.federation.follow(signed(SECOND))  # brought by another job
    with pytest.raises(Refused) as caught:
        site.trust.grounds()
    assert caught.value.code is Code.MANIFEST_NOT_TRUSTED
    site.restart()
    with pytest.raises(Refused):
        site.trust.grounds()
    site.join(manifest=under(SECOND))
    assert site.trust.grounds().roster == SECOND


def test_a_restart_keeps_roster_manifest_and_standing() -> None:
    site = Site()
    site.join(FIRST)
    site.now += 5
    site.join(SECOND, manifest=under(SECOND))
    site.restart()
    assert site.trust.grounds().manifest == under(SECOND)
    site.now += GRACE - 1
    assert CAROL not in site.federation.counted()
    site.now += 1
    assert CAROL in site.federation.counted()


def test_the_roster_says_how_a_function_travels() -> None:
    site = Site()
    site.join(FIRST, manifest=replace(MANIFEST, functions=frozenset({"describe", "x"})))
    site.trust.check("describe", (), Transport.PLAIN)
    for function, transport, code in (
        ("describe", Transport.MASKED, Code.NOT_ALLOWED),
        ("x", Transport.PLAIN, Code.NOT_ALLOWED),
        ("class_feature_sums", Transport.MASKED, Code.MANIFEST_NOT_TRUSTED),
    ):
        with pytest.raises(Refused) as caught:
            site.trust.check(function, (), transport)
        assert caught.value.code is code


def test_nodes_of_a_site_share_what_was_verified() -> None:
    site = Site()
    key, message = identity_of("alice"), b"message"
    signature = key.sign(message)
    assert site.federation.verify(key.public, message, signature)
    assert site.federation.verify(key.public, message, signature)
    assert not site.federation.verify(key.public, b"other", signature)
