import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coordinator.holdings import Holdings
from protocols.ids import ProviderId

ALICE, BOB, CAROL, DAVE = map(ProviderId, ("alice", "bob", "carol", "dave"))
HOLDINGS = Holdings.of(
    {
        DAVE: {"owl": 5},
        BOB: {"bee": 1, "cat": 9},
        ALICE: {"ant": 4, "bee": 2},
        CAROL: {"cat": 3},
    }
)


def test_the_table_is_sorted() -> None:
    assert HOLDINGS.providers == (ALICE, BOB, CAROL, DAVE)
    assert HOLDINGS.classes == ("ant", "bee", "cat", "owl")
    assert HOLDINGS.rows.tolist() == [[4, 2, 0, 0], [0, 1, 9, 0], [0, 0, 3, 0], [0, 0, 0, 5]]


def test_classes_with_enough_holders_and_rows() -> None:
    assert HOLDINGS.drawable(holders=1, rows=1) == (0, 1, 2, 3)
    assert HOLDINGS.drawable(holders=2, rows=3) == (1, 2)
    assert HOLDINGS.drawable(holders=2, rows=4) == (2,)
    assert HOLDINGS.drawable(holders=3, rows=1) == ()


def test_who_holds_what() -> None:
    assert HOLDINGS.holders(np.array([0, 2])).tolist() == [0, 1, 2]
    assert HOLDINGS.held_by(1, np.array([0, 1, 3, 2])).tolist() == [1, 2]


def test_closures_of_classes_that_share_no_provider() -> None:
    every = np.arange(4)
    assert [part.tolist() for part in HOLDINGS.closures(every)] == [[0, 1, 2], [3]]
    assert [part.tolist() for part in HOLDINGS.closures(np.array([3, 2, 0]))] == [[0], [2], [3]]


@given(st.lists(st.sets(st.integers(0, 7)), min_size=1, max_size=6), st.sets(st.integers(0, 7)))
def test_closures_divide_classes_and_no_provider_is_in_two(
    held: list[set[int]], wanted: set[int]
) -> None:
    counts = {
        ProviderId(f"p{place}"): {str(name): 1 for name in own} for place, own in enumerate(held)
    }
    holdings = Holdings.of(counts)
    classes = [place for place, name in enumerate(holdings.classes) if int(name) in wanted]
    parts = holdings.closures(np.array(classes, np.int64))
    assert sorted(position for part in parts for position in part.tolist()) == classes
    holders = [set(holdings.holders(part).tolist()) for part in parts]
    assert sum(map(len, holders)) == len(set[int]().union(*holders))
