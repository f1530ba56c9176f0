from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.data.visible import Cohort, RowKey, next_cohorts, numbered, visible_rows

SOME = 3


def keys(text: str) -> list[RowKey]:
    return numbered([letter.encode() for letter in text])


class History:
    """The visible rows of one class after each look at the data."""

    def __init__(self, min_rows: int = SOME, *, wait: bool = False) -> None:
        self.min_rows, self.wait = min_rows, wait
        self.cohorts: tuple[Cohort, ...] = ()
        self.seen: list[list[RowKey]] = [[]]

    def look(self, present: Iterable[RowKey]) -> list[RowKey]:
        self.cohorts = next_cohorts(self.cohorts, list(present), self.min_rows, wait=self.wait)
        self.seen.append(visible_rows(self.cohorts))
        return self.seen[-1]

    def text(self, present: str) -> str:
        return "".join(row.content.decode() for row in self.look(keys(present)))


def test_new_rows_wait_until_they_are_enough() -> None:
    history = History()
    assert history.text("ab") == ""
    assert history.text("abc") == "abc"
    assert history.text("abcd") == "abc"
    assert history.text("dabce") == "abc"
    assert history.text("dabcef") == "abcdef"


def test_removed_rows_take_companions_with_them() -> None:
    history = History()
    assert history.text("abcdefgh") == "abcdefgh"
    assert history.text("acdefgh") == "acdef"  # b is gone, and g and h with it
    assert history.text("acdef") == "acdef"  # the companions are gone as well: nobody can tell
    assert history.text("abcdefgh") == "acdefbgh"  # all are there again


def test_a_small_cohort_leaves_as_a_whole() -> None:
    history = History()
    assert history.text("abcde") == "abcde"
    assert history.text("abcd") == ""
    assert history.text("abcdxyz") == "xyz"


def test_removed_rows_may_wait_instead() -> None:
    history = History(wait=True)
    assert history.text("abcdefgh") == "abcdefgh"
    assert history.text("acdefgh") == "abcdefgh"
    assert history.text("defgh") == "defgh"
    assert history.text("gh") == "defgh"
    assert history.text("") == ""


def test_a_replaced_row_is_a_removal_and_an_addition() -> None:
    history = History()
    assert history.text("abcdefgh") == "abcdefgh"
    assert history.text("xbcdefgh") == "bcdef"
    assert history.text("xyzdefgh") == "xyz"  # of the five that were left, two would remain


def test_equal_rows_are_told_apart() -> None:
    history = History()
    assert history.text("aab") == "aab"
    assert keys("aab")[1] == RowKey(b"a", 1)


edits = st.lists(st.frozensets(st.integers(0, 24)), min_size=1, max_size=8)


@given(edits, st.integers(1, 6), st.booleans())
@settings(deadline=None)
def test_no_two_snapshots_differ_by_few_rows(
    looks: list[frozenset[int]], min_rows: int, wait: bool
) -> None:
    """Any two, not only neighbours; additions and removals each by themselves."""
    history = History(min_rows, wait=wait)
    for look in looks:
        history.look(RowKey(bytes([number]), 0) for number in sorted(look))
    for one in map(set, history.seen):
        for other in map(set, history.seen):
            assert not one - other or len(one - other) >= min_rows


@given(edits, st.integers(1, 6), st.booleans())
@settings(deadline=None)
def test_no_combination_of_snapshots_gives_few_rows_away(
    looks: list[frozenset[int]], min_rows: int, wait: bool
) -> None:
    """Rows that were always seen together cannot be told apart; there are enough of them each."""
    history = History(min_rows, wait=wait)
    for look in looks:
        history.look(RowKey(bytes([number]), 0) for number in sorted(look))
    alike: dict[tuple[bool, ...], int] = {}
    for row in {row for seen in history.seen for row in seen}:
        pattern = tuple(row in seen for seen in history.seen)
        alike[pattern] = alike.get(pattern, 0) + 1
    assert all(count >= min_rows for count in alike.values())


@given(edits, st.integers(1, 6))
@settings(deadline=None)
def test_what_was_deleted_never_answers_again(looks: list[frozenset[int]], min_rows: int) -> None:
    history = History(min_rows)
    for look in looks:
        present = [RowKey(bytes([number]), 0) for number in sorted(look)]
        assert set(history.look(present)) <= set(present)


@given(edits, st.booleans())
@settings(deadline=None)
def test_a_floor_of_one_shows_what_is_there(looks: list[frozenset[int]], wait: bool) -> None:
    history = History(1, wait=wait)
    for look in looks:
        present = [RowKey(bytes([number]), 0) for number in sorted(look)]
        assert set(history.look(present)) == set(present)


@given(edits, st.integers(1, 6), st.booleans())
@settings(deadline=None)
def test_rows_that_stay_keep_their_order(
    looks: list[frozenset[int]], min_rows: int, wait: bool
) -> None:
    history = History(min_rows, wait=wait)
    for look in looks:
        before = history.seen[-1]
        after = history.look(RowKey(bytes([number]), 0) for number in sorted(look))
        stayed = [row for row in before if row in after]
        assert [row for row in after if row in before] == stayed
        assert after[: len(stayed)] == stayed


@pytest.mark.parametrize("min_rows", [1, 5])
def test_nothing_is_lost_where_nothing_changes(min_rows: int) -> None:
    history = History(min_rows)
    assert history.text("abcdefg") == history.text("gfedcba") == "abcdefg"
