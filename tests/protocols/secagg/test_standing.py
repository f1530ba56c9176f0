import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.ids import ProviderId, provider_id
from protocols.secagg.standing import Standing
from tests.identities import first_roster, identity_of, member_of

DAY = 86_400
GRACE = 7 * DAY
NOW = 1_800_000_000


def names(*texts: str) -> frozenset[ProviderId]:
    return frozenset(map(provider_id, texts))


def counted(standing: Standing, present: str, now: int) -> frozenset[ProviderId]:
    return standing.counted(first_roster(*present), now=now, grace=GRACE)


def test_those_pinned_with_the_first_roster_count_at_once() -> None:
    standing = Standing().seen(first_roster(*"abc"), NOW)
    assert counted(standing, "abc", NOW) == names(*"abc")


def test_a_newcomer_counts_after_the_grace_time_or_approval() -> None:
    standing = Standing().seen(first_roster(*"ab"), NOW).seen(first_roster(*"abc"), NOW + DAY)
    assert counted(standing, "abc", NOW + DAY + GRACE - 1) == names(*"ab")
    assert counted(standing, "abc", NOW + DAY + GRACE) == names(*"abc")
    approved = standing.approve(identity_of("c").public)
    assert counted(approved, "abc", NOW + DAY) == names(*"abc")


def test_what_was_never_seen_does_not_count_and_cannot_be_approved() -> None:
    standing = Standing().seen(first_roster(*"ab"), NOW)
    assert counted(standing, "abz", NOW + 9 * GRACE) == names(*"ab")
    with pytest.raises(ValueError, match="no member"):
        standing.approve(identity_of("z").public)
    assert counted(Standing(), "ab", NOW) == names()


def test_a_new_key_under_an_old_name_is_a_newcomer() -> None:
    before, after = first_roster(*"ab"), first_roster("a")
    after = after.following([member_of("a"), member_of("b", key="b's new key")], [])
    standing = Standing().seen(before, NOW).seen(after, NOW)
    assert standing.counted(after, now=NOW + GRACE - 1, grace=GRACE) == names("a")
    assert standing.counted(after, now=NOW + GRACE, grace=GRACE) == names(*"ab")


def test_an_old_key_under_a_new_name_is_none() -> None:
    after = first_roster("a").following([member_of("a"), member_of("bee", key="b")], [])
    standing = Standing().seen(first_roster(*"ab"), NOW).seen(after, NOW)
    assert standing.counted(after, now=NOW, grace=GRACE) == names("a", "bee")


def test_who_leaves_and_returns_is_a_newcomer() -> None:
    standing = Standing().seen(first_roster("a"), NOW).seen(first_roster(*"abc"), NOW)
    standing = standing.approve(identity_of("c").public)
    gone = standing.seen(first_roster("a"), NOW + GRACE)
    back = gone.seen(first_roster(*"abc"), NOW + GRACE + 1)
    assert counted(back, "abc", NOW + 2 * GRACE) == names("a")
    assert counted(back, "abc", NOW + 2 * GRACE + 1) == names(*"abc")


def test_a_clock_set_back_ages_nobody() -> None:
    standing = Standing().seen(first_roster("a"), NOW)
    standing = standing.seen(first_roster(*"ab"), 0)  # the battery of the clock is empty
    assert counted(standing, "ab", 0) == names("a")
    assert counted(standing, "ab", NOW + GRACE - 1) == names("a")
    assert counted(standing, "ab", NOW + GRACE) == names(*"ab")


def test_a_clock_set_back_takes_no_standing_away() -> None:
    standing = Standing().seen(first_roster("a"), NOW).seen(first_roster(*"ab"), NOW)
    standing = standing.seen(first_roster(*"ab"), NOW + GRACE)
    assert counted(standing, "ab", 0) == names(*"ab")


LOOKS = st.lists(
    st.tuples(st.sets(st.sampled_from("abcdef")), st.integers(0, 100)), min_size=1, max_size=12
)


@given(LOOKS, st.integers(0, 30))
def test_nobody_new_counts_before_the_grace_time_whatever_the_clock(
    looks: list[tuple[set[str], int]], grace: int
) -> None:
    # The reference: for each identity, the clock's readings since it last came into view.
    standing, high = Standing(), 0
    pinned: set[str] = set()
    since: dict[str, int] = {}
    for number, (present, now) in enumerate(looks):
        roster = first_roster(*present)
        standing, high = standing.seen(roster, now), max(high, now)
        pinned = set(present) if number == 0 else pinned & present
        since = {name: since.get(name, high) for name in present}
        expected = {n for n in present if n in pinned or high - since[n] >= grace}
        assert standing.counted(roster, now=now, grace=grace) == names(*expected)
        assert Standing.decode(standing.encode()) == standing


def test_a_standing_that_cannot_be_is_not_read() -> None:
    standing = Standing().seen(first_roster("a"), NOW)
    for since, approved in (({}, standing.approved), ({identity_of("a").public: NOW + 1}, set())):
        with pytest.raises(ValueError, match="identity"):
            Standing(since=since, approved=frozenset(approved), latest=NOW)
    with pytest.raises(ValueError, match="canonical"):
        Standing.decode(standing.encode() + b"\x7a\x01x")
    with pytest.raises(ValueError, match="body"):
        Standing.decode(standing.encode()[:-1])
