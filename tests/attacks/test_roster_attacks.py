"""What somebody who carries, forges or signs rosters and manifests can try; a test is an attack.

The coordinator carries both to the nodes. Its own key signs manifests and nothing else.
"""

from contextlib import suppress
from dataclasses import replace

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocols.errors import Code, Refused
from protocols.ids import Digest, ProviderId, digest_of, job_id, provider_id
from protocols.secagg.fields import groups, octets, rows
from protocols.secagg.keys import Identity
from protocols.secagg.manifest import (
    JobManifest,
    SignedManifest,
    accept_manifest,
    sign_manifest,
)
from protocols.secagg.member import Member
from protocols.secagg.roster import (
    Roster,
    SignedRoster,
    accept_chain,
    accept_roster,
    sign_roster,
)
from protocols.secagg.standing import Standing
from protocols.values import Value, encode_values
from tests.identities import AUTHORITY, COORDINATOR, first_roster, identity_of, member_of

ME = provider_id("a")
JOB = job_id("job-1")
NOW, DAY = 1_800_000_000, 86_400
FIRST = first_roster("a", "b", "c")


def next_to(roster: Roster, *added: str) -> Roster:
    """The next version, with these members added."""
    return roster.following([*roster.members, *map(member_of, added)], roster.coordinators)


def refuses_roster(
    signed: SignedRoster, current: Roster | None = FIRST, *, why: str, authority: bytes = b""
) -> None:
    with pytest.raises(Refused, match=why) as refused:
        accept_roster(signed, authority=authority or AUTHORITY.public, current=current)
    assert refused.value.code is Code.ROSTER_NOT_TRUSTED


def raw_roster(members: list[Member], **other: Value) -> bytes:
    """The body of a second roster, with nothing checked."""
    values: dict[str, Value] = {
        "version": 2,
        "previous": str(FIRST.digest),
        "providers": tuple(str(member.provider) for member in members),
        "identities": rows((member.identity for member in members), 32),
        "coordinators": rows([COORDINATOR.public], 32),
        **groups("classes", (sorted(member.classes) for member in members)),
        **groups("plain", (sorted(member.plain) for member in members)),
        **groups("masked", (sorted(member.masked) for member in members)),
    }
    return encode_values("roster/v1", {**values, **other})


def test_raw_rosters_are_taken_as_long_as_nothing_is_wrong_with_them() -> None:
    """Else the refusals below would prove nothing."""
    signed = SignedRoster.by(AUTHORITY, raw_roster(list(FIRST.members)))
    accepted = accept_roster(signed, authority=AUTHORITY.public, current=FIRST)
    assert accepted == FIRST.following(FIRST.members, FIRST.coordinators)


# Key substitution: the coordinator puts a key of its own in a provider's place.


def test_key_substitution_in_a_signed_roster() -> None:
    signed = sign_roster(next_to(FIRST), AUTHORITY)
    mine, theirs = identity_of("b").public, identity_of("coordinator as b").public
    body = signed.body.replace(mine, theirs)
    assert body != signed.body
    refuses_roster(SignedRoster(body, signed.signature), why="did not sign")


@pytest.mark.parametrize("signer", [COORDINATOR, identity_of("b")])
def test_key_substitution_in_a_roster_that_others_signed(signer: Identity) -> None:
    members = [member_of("a"), member_of("b", key="coordinator as b")]
    forged = FIRST.following(members, [COORDINATOR.public])
    refuses_roster(SignedRoster.by(signer, forged.encode()), why="did not sign")
    refuses_roster(SignedRoster.by(signer, forged.encode()), current=None, why="did not sign")


def test_key_substitution_by_the_authority_is_seen_by_whom_it_hits() -> None:
    members = [member_of("a", key="coordinator as a"), member_of("b")]
    signed = sign_roster(FIRST.following(members, [COORDINATOR.public]), AUTHORITY)
    roster = accept_roster(signed, authority=AUTHORITY.public, current=FIRST)
    with pytest.raises(Refused, match="ask the authority") as refused:
        roster.check_self(ME, identity_of("a").public)
    assert refused.value.code is Code.ROSTER_NOT_TRUSTED


def test_key_substitution_for_one_key_that_everybody_can_sign_with() -> None:
    neutral = b"\1" + bytes(31)
    identities = rows([neutral, *(member.identity for member in FIRST.members[1:])], 32)
    for body in (
        raw_roster(list(FIRST.members), identities=identities),
        raw_roster(list(FIRST.members), coordinators=rows([neutral], 32)),
    ):
        refuses_roster(SignedRoster.by(AUTHORITY, body), why="usable")


def test_forgery_under_an_authority_key_that_was_left_at_zero() -> None:
    """With the key 00..00, the signature R = 1, S = 0 is right for one message in four."""
    zero = bytes(32)
    right = 0
    for number in range(40):
        body = raw_roster([member_of("a"), member_of(f"z{number}")])
        signed = SignedRoster(body, b"\1" + bytes(63))
        with suppress(InvalidSignature):
            message = SignedRoster.purpose.encode() + b"|" + body
            Ed25519PublicKey.from_public_bytes(zero).verify(signed.signature, message)
            right += 1
        refuses_roster(signed, why="did not sign", authority=zero)
    assert right > 0


# Rollback and replay: an old roster, in which a key stands that was stolen since.


def test_rollback_to_an_older_roster() -> None:
    second = next_to(FIRST, "d")
    refuses_roster(sign_roster(FIRST, AUTHORITY), second, why="go back")


def test_rollback_to_another_roster_of_the_same_version() -> None:
    second, other = next_to(FIRST, "d"), next_to(FIRST, "e")
    refuses_roster(sign_roster(other, AUTHORITY), second, why="go back")


def test_rollback_at_the_end_of_a_chain() -> None:
    second = next_to(FIRST, "d")
    chain = [sign_roster(roster, AUTHORITY) for roster in (FIRST, second, FIRST)]
    with pytest.raises(Refused, match="go back"):
        accept_chain(chain, authority=AUTHORITY.public, current=FIRST)


def test_replayed_roster_of_another_chain() -> None:
    """Of a federation that has the same authority, or of a test that it once ran."""
    other = next_to(first_roster("x", "y"), "z")
    refuses_roster(sign_roster(other, AUTHORITY), why="chain has split")


def test_replayed_signature_of_another_purpose() -> None:
    """An authority that also signs something else signs no roster by that."""
    body = next_to(FIRST, "sybil").encode()
    for message in (body, b"synlearn/manifest/v1|" + body):
        refuses_roster(SignedRoster(body, AUTHORITY.sign(message)), why="did not sign")


def test_a_version_left_out() -> None:
    """The one that removed a stolen key, say."""
    third = next_to(next_to(FIRST, "d"), "e")
    refuses_roster(sign_roster(third, AUTHORITY), why="does not follow")


def test_a_body_in_another_wording() -> None:
    """Two digests of one roster would split the federation."""
    body = raw_roster(list(FIRST.members)) + b"\x7a\x01x"
    refuses_roster(SignedRoster.by(AUTHORITY, body), why="canonical")


# Party listed twice: one party that counts as two.


def test_party_listed_twice_by_name() -> None:
    members = [member_of("a"), member_of("a", key="other"), member_of("b")]
    refuses_roster(SignedRoster.by(AUTHORITY, raw_roster(members)), why="provider a .* twice")


def test_party_listed_twice_by_key() -> None:
    members = [member_of("a"), member_of("b"), member_of("c", key="b")]
    refuses_roster(SignedRoster.by(AUTHORITY, raw_roster(members)), why="key .* twice")


def test_party_listed_twice_as_provider_and_coordinator() -> None:
    members = [member_of("a"), member_of("b", key="the coordinator")]
    refuses_roster(SignedRoster.by(AUTHORITY, raw_roster(members)), why="key .* twice")


def test_party_listed_twice_in_a_manifest() -> None:
    participants = ("a", "b", "b")
    refuses_manifest(SignedManifest.by(COORDINATOR, raw_manifest(participants)), why="once")


# Sybil: parties that somebody minted, to be alone with the victim in a sum.


def test_sybil_minted_by_a_coordinator_counts_only_after_the_grace_time() -> None:
    """The authority was talked into admitting three providers, all of them the coordinator's."""
    alone = first_roster("a")
    sybils = next_to(alone, "x", "y", "z")
    accepted = accept_roster(
        sign_roster(sybils, AUTHORITY), authority=AUTHORITY.public, current=alone
    )
    standing = Standing().seen(alone, NOW).seen(accepted, NOW + 30 * DAY)

    def counted(day: int) -> frozenset[ProviderId]:
        return standing.counted(accepted, now=NOW + day * DAY, grace=14 * DAY)

    assert counted(30) == counted(43) == {ME}
    assert counted(44) == frozenset(accepted.by_name)


def test_sybil_that_had_served_its_time_out_of_sight() -> None:
    """In the roster for a minute, out of it for the grace time, and back when it is needed."""
    shown = next_to(first_roster("a"), "x")
    hidden = shown.following([member_of("a")], shown.coordinators)
    back = next_to(hidden, "x")
    standing = Standing().seen(first_roster("a"), NOW)
    for roster, now in ((shown, NOW), (hidden, NOW + 60), (back, NOW + 30 * DAY)):
        standing = standing.seen(roster, now)
    assert standing.counted(back, now=NOW + 43 * DAY, grace=14 * DAY) == {ME}


def test_sybil_hidden_between_two_visits_of_a_node() -> None:
    """A node that was away follows every link, so it sees that the key was gone in between."""
    shown = next_to(first_roster("a"), "x")
    hidden = shown.following([member_of("a")], shown.coordinators)
    back = next_to(hidden, "x")
    standing = Standing().seen(first_roster("a"), NOW).seen(shown, NOW)
    chain = [sign_roster(roster, AUTHORITY) for roster in (hidden, back)]
    for roster in accept_chain(chain, authority=AUTHORITY.public, current=shown):
        standing = standing.seen(roster, NOW + 30 * DAY)
    assert standing.counted(back, now=NOW + 43 * DAY, grace=14 * DAY) == {ME}


def test_sybil_aged_by_setting_the_clock_back_and_forth() -> None:
    sybils = next_to(first_roster("a"), "x")
    standing = Standing().seen(first_roster("a"), NOW).seen(sybils, NOW - 365 * DAY)
    assert standing.counted(sybils, now=NOW, grace=14 * DAY) == {ME}


def test_sybil_in_the_place_of_a_party_of_long_standing() -> None:
    after = FIRST.following([member_of("a"), member_of("b", key="sybil")], FIRST.coordinators)
    standing = Standing().seen(FIRST, NOW).seen(after, NOW + 30 * DAY)
    assert standing.counted(after, now=NOW + 43 * DAY, grace=14 * DAY) == {ME}


# Manifests: what the coordinator says to one node, or said once.

MANIFEST = JobManifest(
    JOB,
    COORDINATOR.public,
    FIRST.digest,
    (ME, provider_id("b")),
    frozenset({"describe"}),
)


def refuses_manifest(signed: SignedManifest, *, why: str) -> None:
    with pytest.raises(Refused, match=why) as refused:
        accept_manifest(signed, roster=FIRST, job=JOB, me=ME)
    assert refused.value.code is Code.MANIFEST_NOT_TRUSTED


def raw_manifest(participants: tuple[str, ...], **other: Value) -> bytes:
    """The body of a manifest, with nothing checked."""
    values: dict[str, Value] = {
        "job": str(JOB),
        "coordinator": octets(COORDINATOR.public),
        "roster": str(FIRST.digest),
        "participants": participants,
        "functions": ("describe",),
        "models": (),
        "makes_models": False,
        "max_attempts": 3,
        "max_length": 1000,
    }
    return encode_values("manifest/v1", {**values, **other})


def test_raw_manifests_are_taken_as_long_as_nothing_is_wrong_with_them() -> None:
    signed = SignedManifest.by(COORDINATOR, raw_manifest(("a", "b")))
    assert accept_manifest(signed, roster=FIRST, job=JOB, me=ME).max_length == 1000


def test_manifest_for_another_job() -> None:
    other = replace(MANIFEST, job=job_id("job-2"))
    refuses_manifest(sign_manifest(other, COORDINATOR), why="for job job-2")


def test_manifest_of_a_coordinator_that_the_authority_does_not_admit() -> None:
    stranger = identity_of("stranger")
    refuses_manifest(
        sign_manifest(replace(MANIFEST, coordinator=stranger.public), stranger), why="not admitted"
    )


@pytest.mark.parametrize("signer", ["stranger", "b", "the authority"])
def test_manifest_that_names_the_coordinator_and_is_signed_by_another(signer: str) -> None:
    forged = SignedManifest.by(identity_of(signer), MANIFEST.encode())
    refuses_manifest(forged, why="did not sign")


def test_manifest_changed_on_its_way() -> None:
    signed = sign_manifest(MANIFEST, COORDINATOR)
    more = replace(MANIFEST, functions=frozenset({"describe", "head_statistics"}))
    refuses_manifest(SignedManifest(more.encode(), signed.signature), why="did not sign")


@pytest.mark.parametrize(
    "roster", [digest_of(b"another"), next_to(FIRST, "d").digest], ids=["unknown", "the next"]
)
def test_manifest_under_another_roster(roster: Digest) -> None:
    refuses_manifest(
        sign_manifest(replace(MANIFEST, roster=roster), COORDINATOR), why="another roster"
    )


def test_manifest_with_a_party_that_the_roster_does_not_know() -> None:
    participants = (ME, provider_id("b"), provider_id("minted"))
    refuses_manifest(
        sign_manifest(replace(MANIFEST, participants=participants), COORDINATOR),
        why="participant minted is not in roster",
    )


def test_manifest_that_allows_more_attempts_than_the_protocol() -> None:
    body = raw_manifest(("a", "b"), max_attempts=4)
    refuses_manifest(SignedManifest.by(COORDINATOR, body), why="max_attempts is 4")


def test_manifest_in_another_wording() -> None:
    """Two digests of one manifest would let two parties believe that they differ."""
    body = raw_manifest(("a", "b")) + b"\x7a\x01x"
    refuses_manifest(SignedManifest.by(COORDINATOR, body), why="canonical")


def test_a_roster_passed_off_as_a_manifest() -> None:
    signed = sign_roster(FIRST, AUTHORITY)
    refuses_manifest(SignedManifest(signed.body, signed.signature), why="cannot be used")
