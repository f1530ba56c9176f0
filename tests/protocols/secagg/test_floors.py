from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.secagg.floors import Floors
from protocols.secagg.question import minimum_threshold
from tests.protocols.secagg.company import ask, named

ROWS = [[5, 0], [5, 7], [0, 7], [5, 7], [5, 7]]
"""Of five parties: the first slot is held by all but one, so is the second."""


def refusal(check: Callable[[], None]) -> Code | None:
    """The code with which a check refuses."""
    try:
        check()
    except Refused as refused:
        return refused.code
    return None


@pytest.mark.parametrize(
    ("parties", "threshold", "corrupt", "expected"),
    [
        (5, 4, 0, None),
        (5, 4, 2, None),
        (5, 5, 4, None),
        (5, 4, 3, Code.THRESHOLD_TOO_LOW),
        (5, 3, 0, Code.THRESHOLD_TOO_LOW),
        (6, 4, 0, Code.THRESHOLD_TOO_LOW),
        (6, 5, 3, None),
        (2, 2, 1, None),
        (2, 1, 0, Code.THRESHOLD_TOO_LOW),
        (3, 2, 0, Code.THRESHOLD_TOO_LOW),
        (32, 22, 0, None),
        (33, 23, 5, Code.THRESHOLD_TOO_LOW),
        (33, 23, 6, None),
        (100, 66, 20, Code.THRESHOLD_TOO_LOW),
        (100, 67, 19, Code.THRESHOLD_TOO_LOW),
        (100, 67, 20, None),
        (100, 67, 33, None),
        (100, 67, 34, Code.THRESHOLD_TOO_LOW),
    ],
)
def test_the_threshold_rules_out_two_lists(
    parties: int, threshold: int, corrupt: int, expected: Code | None
) -> None:
    question = ask(parties, threshold=threshold, corrupt=corrupt)
    assert refusal(lambda: Floors().check_question(question)) is expected


@settings(deadline=None)
@given(st.integers(2, 32), st.data())
def test_no_two_quorums_can_do_without_a_common_honest_party(
    parties: int, data: st.DataObject
) -> None:
    """Whatever passes: two lists' signers have an honest one in common, who signs one only."""
    threshold = data.draw(st.integers(1, parties))
    corrupt = data.draw(st.integers(0, parties - 1))
    question = ask(parties, threshold=threshold, corrupt=corrupt)
    fewest_common = max(0, 2 * threshold - parties)
    allowed = refusal(lambda: Floors().check_question(question)) is None
    assert allowed == (fewest_common > corrupt and threshold >= minimum_threshold(parties))


def test_policy_says_how_much_collusion_is_tolerated() -> None:
    floors = Floors(min_corrupt=2)
    assert refusal(lambda: floors.check_question(ask(9, corrupt=2))) is None
    assert refusal(lambda: floors.check_question(ask(9, corrupt=1))) is Code.THRESHOLD_TOO_LOW


@pytest.mark.parametrize(("floor", "refused"), [(0, False), (5, False), (6, True)])
def test_policy_says_how_many_parties(floor: int, refused: bool) -> None:
    found = refusal(lambda: Floors(min_parties=floor).check_question(ask(5)))
    assert found is (Code.TOO_FEW_PARTIES if refused else None)


@pytest.mark.parametrize("least", [0, 1, 2])
def test_no_policy_allows_a_sum_of_one(least: int) -> None:
    alone = Floors(min_parties=least, counted=frozenset({named(0)}))
    assert refusal(lambda: alone.check_question(ask(3))) is Code.TOO_FEW_PARTIES


def test_a_slot_of_one_only_where_the_policy_says_so() -> None:
    question = ask(3, slots=("cat",), rows=[[9], [0], [0]])
    assert refusal(lambda: Floors().check_question(question)) is Code.TOO_FEW_HOLDERS
    open_ = Floors(min_parties_per_class=1)
    assert refusal(lambda: open_.check_question(question)) is None
    newcomers = Floors(min_parties_per_class=1, counted=frozenset(map(named, (1, 2))))
    assert refusal(lambda: newcomers.check_question(question)) is Code.TOO_FEW_HOLDERS


def test_a_slot_without_rows_hides_nothing_and_asks_for_nobody() -> None:
    question = ask(4, slots=("cat", "dog"), rows=[[0, 3], [0, 3], [0, 0], [1, 0]], threshold=3)
    assert refusal(lambda: Floors().check_question(question)) is Code.TOO_FEW_HOLDERS
    assert refusal(lambda: Floors().check_company(question, (0, 1, 2))) is None


@pytest.mark.parametrize(
    ("present", "floor", "expected"),
    [
        (range(5), 4, None),
        (range(5), 5, Code.TOO_FEW_HOLDERS),
        ((1, 2, 3, 4), 3, None),
        ((1, 2, 3, 4), 4, Code.TOO_FEW_HOLDERS),
        ((0, 1, 2, 3), 3, None),
        ((0, 1, 3, 4), 4, Code.TOO_FEW_HOLDERS),
        ((1, 3, 4), 2, Code.TOO_FEW_PARTIES),
    ],
)
def test_every_slot_keeps_its_holders(
    present: Sequence[int], floor: int, expected: Code | None
) -> None:
    question = ask(5, slots=("cat", "dog"), rows=ROWS)
    floors = Floors(min_parties_per_class=floor)
    assert refusal(lambda: floors.check_company(question, present)) is expected


def test_the_refusal_names_the_slot() -> None:
    question = ask(3, slots=("cat", "dog"), rows=[[1, 0], [1, 1], [1, 0]])
    with pytest.raises(Refused) as caught:
        Floors().check_question(question)
    assert "'dog' has rows of 1 parties" in caught.value.local


def test_newcomers_take_part_but_do_not_count() -> None:
    question = ask(5, slots=("cat", "dog"), rows=ROWS)
    known = frozenset(map(named, (0, 1, 2)))
    assert refusal(lambda: Floors(3, 2, counted=known).check_question(question)) is None
    assert (
        refusal(lambda: Floors(4, 2, counted=known).check_question(question))
        is Code.TOO_FEW_PARTIES
    )
    assert (
        refusal(lambda: Floors(2, 3, counted=known).check_question(question))
        is Code.TOO_FEW_HOLDERS
    )
    # A name that is not asked does not count either.
    strangers = frozenset({named(0), named(7), named(8)})
    assert refusal(lambda: Floors(counted=strangers).check_question(question)) is (
        Code.TOO_FEW_PARTIES
    )


@settings(deadline=None)
@given(st.data())
def test_floors_agree_with_their_definition(data: st.DataObject) -> None:
    parties, slots = data.draw(st.integers(2, 7)), data.draw(st.integers(0, 3))
    rows = data.draw(
        st.lists(
            st.lists(st.integers(0, 2), min_size=slots, max_size=slots),
            min_size=parties,
            max_size=parties,
        )
    )
    present = sorted(data.draw(st.sets(st.integers(0, parties - 1))))
    counted = data.draw(st.none() | st.sets(st.integers(0, parties - 1)))
    least, holders = data.draw(st.integers(0, 5)), data.draw(st.integers(0, 4))
    question = ask(parties, slots=[f"slot {i}" for i in range(slots)], rows=rows)
    floors = Floors(
        least, holders, counted=None if counted is None else frozenset(map(named, counted))
    )
    company = [party for party in present if counted is None or party in counted]
    expected = None
    if len(present) < question.threshold or len(company) < max(least, 2):
        expected = Code.TOO_FEW_PARTIES
    else:
        for slot in range(slots):
            used = any(rows[party][slot] for party in present)
            if used and sum(rows[party][slot] > 0 for party in company) < max(holders, 1):
                expected = Code.TOO_FEW_HOLDERS
    assert refusal(lambda: floors.check_company(question, present)) is expected
