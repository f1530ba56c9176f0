import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator import target_datasets
from coordinator.holdings import Counts, Holdings
from coordinator.target_datasets import Batch, Pairs, batches, draw_pairs, spread
from protocols.ids import ProviderId
from protocols.queries import MAX_SUMMED_ROWS

HOLDINGS = Holdings.of(
    {
        ProviderId("p0"): {"a/1": 4, "a/2": 4, "a/3": 4},
        ProviderId("p1"): {"a/1": 4, "a/2": 4, "b/1": 9},
        ProviderId("p2"): {"a/3": 4, "b/2": 9},
        ProviderId("q0"): {"c/1": 3, "c/2": 3},
        ProviderId("q1"): {"c/1": 3, "c/2": 3},
    }
)


@st.composite
def holdings_and_wishes(draw: st.DrawFn) -> tuple[Counts, Counts]:
    parties, slots = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    held = np.array(
        draw(
            st.lists(
                st.lists(st.integers(0, 7), min_size=slots, max_size=slots),
                min_size=parties,
                max_size=parties,
            )
        )
    )
    share = np.array(draw(st.lists(st.floats(0, 1), min_size=slots, max_size=slots)))
    return held, np.floor(share * held.sum(axis=0)).astype(np.int64)


@given(holdings_and_wishes(), st.integers(0, 9))
def test_rows_are_spread_as_evenly_as_holdings_allow(
    case: tuple[Counts, Counts], seed: int
) -> None:
    held, wanted = case
    given_rows = spread(held, wanted, np.random.default_rng(seed))
    assert (given_rows.sum(axis=0) == wanted).all()
    assert ((given_rows >= 0) & (given_rows <= held)).all()
    for own, most in zip(given_rows.T, held.T, strict=True):
        # Nobody who could give more gives two less than another: no row could move.
        could = own[own < most]
        assert not could.size or could.min() >= own.max() - 1


def test_who_gives_the_odd_row_is_left_to_chance() -> None:
    held, wanted = np.full((3, 300), 5), np.full(300, 4)
    extra = (spread(held, wanted, np.random.default_rng(0)) == 2).sum(axis=1)
    assert extra.sum() == 300
    assert extra.min() > 70


def test_more_rows_than_there_are_cannot_be_spread() -> None:
    with pytest.raises(ValueError, match="more rows of its class than all holders have"):
        spread(np.array([[1], [2]]), np.array([4]), np.random.default_rng(0))


def test_pairs_are_draws_of_each_task() -> None:
    tasks = np.array([[0, 2], [1, 3]])
    pairs = draw_pairs(tasks, draws=50, least=2, most=4, random=np.random.default_rng(1))
    assert pairs.task.tolist() == [0] * 50 + [1] * 50
    assert (pairs.classes == tasks[pairs.task]).all()
    assert set(pairs.instances.tolist()) == {2, 3, 4}


def made(tasks: list[list[int]], instances: list[int]) -> list[Batch]:
    classes = np.array(tasks)
    pairs = Pairs(np.arange(len(classes)), classes, np.array(instances))
    return list(batches(pairs, HOLDINGS, 2, np.random.default_rng(3)))


def test_pairs_that_share_no_provider_are_asked_for_apart() -> None:
    first, second = made([[0, 1], [5, 6], [2, 4]], [3, 2, 5])
    assert first.pairs.tolist() == [0, 2]
    assert second.pairs.tolist() == [1]
    assert first.query("0" * 64, 2, HOLDINGS).slots == ("a/1", "a/2", "a/3", "b/2")
    assert first.instances.tolist() == [3, 3, 5, 5]
    rows = first.rows(HOLDINGS)
    assert list(rows) == ["p0", "p1", "p2"]
    assert np.sum(list(rows.values()), axis=0).tolist() == [3, 3, 5, 5]
    assert list(second.rows(HOLDINGS)) == ["q0", "q1"]


def test_a_question_holds_no_more_than_a_vector_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target_datasets, "MOST_ENTRIES", 11)
    found = made([[0, 1], [1, 2], [0, 2], [5, 6]], [1, 1, 1, 1])
    assert [batch.pairs.tolist() for batch in found] == [[0, 1], [2], [3]]


def test_a_batch_gives_the_same_rows_again() -> None:
    (batch,) = made([[0, 1]], [3])
    once, again = batch.rows(HOLDINGS), batch.rows(HOLDINGS)
    assert once == again


def test_others_take_the_place_of_who_is_gone_as_far_as_they_can() -> None:
    (batch,) = made([[0, 2]], [6])
    rows = batch.rows(HOLDINGS, present={ProviderId("p0"), ProviderId("p2")})
    assert rows == {"p0": [4, 3], "p2": [0, 3]}


def test_means_are_over_the_rows_that_are_in_the_sum() -> None:
    (batch,) = made([[0, 1], [0, 2]], [2, 3])
    sums = np.array([[2.0, 4.0], [3.0, 3.0], [0.0, 0.0], [9.0, 3.0]])
    means = batch.means(sums, np.array([2, 1, 0, 3]))
    np.testing.assert_array_equal(means[0], [[1, 2], [3, 3]])
    assert np.isnan(means[1, 0]).all()
    np.testing.assert_array_equal(means[1, 1], [3, 1])


def test_no_question_asks_a_party_for_more_rows_than_it_draws() -> None:
    pairs = [[0, 1]] * 600
    found = made(pairs, [MAX_SUMMED_ROWS // 400] * 600)
    assert sum(len(batch.pairs) for batch in found) == 600
    assert max(int(batch.instances.sum()) for batch in found) <= MAX_SUMMED_ROWS
