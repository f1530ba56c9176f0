import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.ids import Digest, digest_of, provider_id
from protocols.secagg.keys import Identity
from protocols.secagg.member import Member
from protocols.secagg.roster import (
    MAX_COORDINATORS,
    MAX_VERSION,
    NONE_BEFORE,
    Roster,
    SignedRoster,
    accept_chain,
    accept_roster,
    sign_roster,
)
from tests.damage import damaged
from tests.identities import AUTHORITY, COORDINATOR, first_roster, identity_of, member_of

LABELS = st.frozensets(st.sampled_from(["cat", "dog", "Großer Hund", "鳥", "a b"]))
MEMBERS = st.builds(
    lambda secret, name, classes, plain, masked: Member(
        provider_id(name), Identity.from_bytes(secret).public, classes, plain, masked - plain
    ),
    st.binary(min_size=32, max_size=32),
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,5}", fullmatch=True),
    LABELS,
    LABELS,
    LABELS,
)
ROSTERS = st.builds(
    lambda members, coordinators, version: Roster(
        version,
        NONE_BEFORE if version == 1 else digest_of(b"before"),
        tuple(sorted(members, key=lambda member: member.provider)),
        tuple(sorted(identity_of(str(name)).public for name in coordinators)),
    ),
    st.lists(MEMBERS, max_size=5, unique_by=(lambda one: one.provider, lambda one: one.identity)),
    st.sets(st.integers(0, 9), max_size=3),
    st.integers(1, MAX_VERSION),
)


@given(ROSTERS)
def test_a_roster_survives_its_bytes(roster: Roster) -> None:
    body = roster.encode()
    assert Roster.decode(body) == roster
    assert Roster.decode(body).encode() == body
    assert roster.digest == digest_of(body)


def test_equal_rosters_have_equal_bytes_in_whatever_order_they_were_made() -> None:
    members = [member_of(name) for name in "cab"]
    keys = [identity_of("y").public, identity_of("x").public]
    assert Roster.first(members, keys).digest == Roster.first(members[::-1], keys[::-1]).digest


def test_damaged_bytes_are_no_roster() -> None:
    body = first_roster("a", "b").encode()
    for data in damaged(body, 300):
        if data == body:
            continue
        try:
            found = Roster.decode(data)
        except ValueError:
            continue
        assert found.encode() == data


def test_bytes_that_mean_the_same_are_no_roster() -> None:
    body = first_roster("a", "b").encode()
    unknown_field = b"\x7a\x01x"  # number 15, of length 1
    with pytest.raises(ValueError, match="canonical"):
        Roster.decode(body + unknown_field)


A, B = member_of("a"), member_of("b")
KEY = COORDINATOR.public


@pytest.mark.parametrize(
    ("version", "previous", "members", "coordinators", "message"),
    [
        (0, NONE_BEFORE, (A,), (KEY,), "version is 0"),
        (MAX_VERSION + 1, digest_of(b""), (A,), (KEY,), "version is"),
        (1, digest_of(b""), (A,), (KEY,), "version 1"),
        (2, NONE_BEFORE, (A,), (KEY,), "version 1"),
        (2, Digest("x"), (A,), (KEY,), "64"),
        (1, NONE_BEFORE, (B, A), (KEY,), "ascending"),
        (1, NONE_BEFORE, (A, A), (KEY,), "provider a is listed twice"),
        (1, NONE_BEFORE, (A, member_of("b", key="a")), (KEY,), "key .* is listed twice"),
        (1, NONE_BEFORE, (A,), (KEY, KEY), "key .* is listed twice"),
        (1, NONE_BEFORE, (A,), (A.identity,), "key .* is listed twice"),
        (1, NONE_BEFORE, (A,), (bytes(32),), "usable"),
        (1, NONE_BEFORE, (A,), (KEY,) * (MAX_COORDINATORS + 1), "at most"),
    ],
)
def test_a_malformed_roster_is_named(
    version: int,
    previous: Digest,
    members: tuple[Member, ...],
    coordinators: tuple[bytes, ...],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        Roster(version, previous, members, coordinators)


def test_a_node_finds_its_own_entry() -> None:
    roster = first_roster("a", "b")
    assert roster.check_self(provider_id("a"), identity_of("a").public) == A
    with pytest.raises(Refused, match="no entry for c"):
        roster.check_self(provider_id("c"), identity_of("c").public)


def test_the_authority_stays_out_of_the_roster() -> None:
    for roster in (
        Roster.first([A], [AUTHORITY.public]),
        Roster.first([A, member_of("z", key="the authority")], [KEY]),
    ):
        with pytest.raises(ValueError, match="authority's own key"):
            sign_roster(roster, AUTHORITY)
        signed = SignedRoster.by(AUTHORITY, roster.encode())
        with pytest.raises(Refused, match="authority's own key"):
            accept_roster(signed, authority=AUTHORITY.public, current=None)


def chain_of(length: int) -> list[Roster]:
    rosters = [first_roster("a", "b", "c")]
    while len(rosters) < length:
        members = [*rosters[-1].members, member_of(f"n{len(rosters)}")]
        rosters.append(rosters[-1].following(members, rosters[-1].coordinators))
    return rosters


@given(st.integers(1, 5), st.data())
def test_a_node_that_was_away_catches_up(length: int, data: st.DataObject) -> None:
    rosters = chain_of(length)
    had = data.draw(st.integers(0, length))
    accepted = accept_chain(
        [sign_roster(roster, AUTHORITY) for roster in rosters[max(0, had - 1) :]],
        authority=AUTHORITY.public,
        current=rosters[had - 1] if had else None,
    )
    assert accepted == tuple(rosters[max(0, had - 1) :])


def test_the_same_roster_again_changes_nothing() -> None:
    roster = first_roster("a")
    again = sign_roster(roster, AUTHORITY)
    assert accept_roster(again, authority=AUTHORITY.public, current=roster) == roster


def test_a_chain_needs_a_link() -> None:
    with pytest.raises(Refused, match="no roster came") as refused:
        accept_chain([], authority=AUTHORITY.public, current=None)
    assert refused.value.code is Code.ROSTER_NOT_TRUSTED


def test_the_owner_can_state_the_least_version_to_begin_with() -> None:
    signed = [sign_roster(roster, AUTHORITY) for roster in chain_of(3)]
    with pytest.raises(Refused, match="older than 3"):
        accept_roster(signed[1], authority=AUTHORITY.public, current=None, at_least=3)
    accepted = accept_roster(signed[2], authority=AUTHORITY.public, current=None, at_least=3)
    assert accepted.version == 3
