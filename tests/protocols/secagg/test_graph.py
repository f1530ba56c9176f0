from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from protocols.secagg.graph import COMPLETE_UP_TO, Graph, badly_held, graph_for, out_neighbours
from protocols.secagg.keys import ByteStream


def stream(seed: int = 0) -> ByteStream:
    return ByteStream(seed.to_bytes(32), "test/graph")


def quorum(parties: int) -> int:
    return 2 * parties // 3 + 1


def usual(parties: int, present: int | None = None) -> Graph:
    tenth = parties // 10
    return graph_for(
        parties,
        corrupt=tenth,
        dropouts=tenth,
        threshold=quorum(parties),
        present=present or parties,
    )


def drawn(graph: Graph, seed: int = 0) -> dict[int, set[int]]:
    """Whom each party draws."""
    return {
        party: set(out_neighbours(party, graph.parties, graph.degree, stream(seed * 10**6 + party)))
        for party in range(graph.parties)
    }


def neighbours(choices: dict[int, set[int]]) -> dict[int, set[int]]:
    """Who masks against whom: either drew the other."""
    both = {party: set(chosen) for party, chosen in choices.items()}
    for party, chosen in choices.items():
        for other in chosen:
            both[other].add(party)
    return both


def reached(start: int, near: dict[int, set[int]], among: set[int]) -> set[int]:
    found, fresh = {start}, {start}
    while fresh:
        fresh = set().union(*(near[party] for party in fresh)) & among - found
        found |= fresh
    return found


@pytest.mark.parametrize("parties", [2, 3, 10, COMPLETE_UP_TO])
def test_few_parties_are_all_neighbours(parties: int) -> None:
    graph = usual(parties)
    assert graph == Graph(parties, parties - 1, quorum(parties))
    assert graph.complete


@pytest.mark.parametrize("parties", [40, 64, 100, 300, 1000])
def test_many_parties_have_few_neighbours(parties: int) -> None:
    graph = usual(parties)
    assert not graph.complete
    assert 1 < graph.threshold < graph.degree < parties / 3
    assert graph.parties == parties


def test_the_key_list_decides_not_the_question() -> None:
    assert usual(40, present=30).complete
    assert usual(60, present=50).parties == 50


def test_a_graph_that_would_need_nearly_everybody_is_complete() -> None:
    graph = graph_for(33, corrupt=10, dropouts=11, threshold=22, present=33)
    assert not graph.complete
    assert graph_for(33, corrupt=32, dropouts=0, threshold=33, present=33).complete


@pytest.mark.parametrize(
    ("parties", "corrupt", "dropouts", "threshold", "present", "sentence"),
    [
        (1, 0, 0, 1, 1, "a sum over 1 parties"),
        (40, -1, 0, 27, 40, "0 or more"),
        (40, 0, -1, 27, 40, "0 or more"),
        (40, 4, 4, 27, 26, "26 parties are in the key list; 27"),
        (40, 4, 4, 27, 41, "41 parties are in the key list; 27"),
        (40, 14, 4, 27, 40, "raise the threshold above 27"),
        (12, 4, 0, 8, 12, "raise the threshold above 8"),
        (1000, 334, 0, 667, 1000, "two lists of survivors"),
        (20, 0, 0, 10, 20, "raise the threshold above 10"),
    ],
)
def test_what_cannot_be_safe_is_named(
    parties: int, corrupt: int, dropouts: int, threshold: int, present: int, sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        graph_for(parties, corrupt=corrupt, dropouts=dropouts, threshold=threshold, present=present)


@given(st.data())
def test_two_lists_of_survivors_never_both_find_their_signatures(data: st.DataObject) -> None:
    # An honest party signs once, a corrupt one as often as it likes.
    parties = data.draw(st.integers(2, 60))
    threshold = data.draw(st.integers(1, parties))
    corrupt = data.draw(st.integers(0, parties))
    two_lists = 2 * threshold <= parties - corrupt + 2 * corrupt
    try:
        graph_for(parties, corrupt=corrupt, dropouts=0, threshold=threshold, present=parties)
    except ValueError:
        assert two_lists
    else:
        assert not two_lists
        assert corrupt < threshold


@given(st.data())
def test_draws_are_distinct_others_in_rising_order(data: st.DataObject) -> None:
    parties = data.draw(st.integers(1, 80))
    me = data.draw(st.integers(0, parties - 1))
    degree = data.draw(st.integers(0, parties - 1))
    chosen = out_neighbours(me, parties, degree, stream(data.draw(st.integers(0, 2**32))))
    assert len(chosen) == degree
    assert all(left < right for left, right in pairwise(chosen))
    assert me not in chosen
    assert set(chosen) <= set(range(parties))


@pytest.mark.parametrize(
    ("me", "parties", "degree", "sentence"),
    [(5, 5, 2, "party 5"), (-1, 5, 2, "party -1"), (0, 5, 5, "5 of 4"), (0, 5, -1, "-1 of 4")],
)
def test_draws_that_cannot_be_are_named(me: int, parties: int, degree: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        out_neighbours(me, parties, degree, stream())


def test_every_set_of_others_is_drawn_equally_often() -> None:
    rounds = 6000
    one = stream()
    sets = Counter(out_neighbours(2, 7, 3, one) for _ in range(rounds))
    assert len(sets) == 20  # C(6, 3)
    statistic = sum((count - rounds / 20) ** 2 / (rounds / 20) for count in sets.values())
    assert statistic < chi2(19).isf(1e-4)


def test_every_party_is_drawn_equally_often_at_a_real_size() -> None:
    graph, rounds = usual(300), 1500
    one = stream()
    counts = Counter(
        other for _ in range(rounds) for other in out_neighbours(17, 300, graph.degree, one)
    )
    mean = rounds * graph.degree / 299
    # Draws without replacement vary less than independent ones, by (N - k) / (N - 1).
    spread = mean * (299 - graph.degree) / 298
    statistic = sum((counts[other] - mean) ** 2 / spread for other in range(300) if other != 17)
    assert statistic < chi2(298).isf(1e-4)


class Scripted(ByteStream):
    """A stream that gives the numbers it was told to."""

    def __init__(self, *numbers: int) -> None:
        self._rest = b"".join(number.to_bytes(4, "little") for number in numbers)

    def take(self, count: int) -> bytes:
        taken, self._rest = self._rest[:count], self._rest[count:]
        assert len(taken) == count
        return taken


def test_numbers_that_would_favour_the_first_parties_are_thrown_away() -> None:
    # Six others: 2**32 = 4 mod 6, so the last four numbers would favour places 0 to 3.
    script = Scripted(2**32 - 1, 2**32 - 4, 2**32 - 5, 8)
    assert out_neighbours(0, 7, 2, script) == (3, 6)


def test_attack_coordinator_cannot_choose_neighbours() -> None:
    # The same key list, another party's seed: unrelated draws. The same seed: the same ones.
    first, second = (out_neighbours(0, 1000, 71, stream(seed)) for seed in (1, 2))
    assert first == out_neighbours(0, 1000, 71, stream(1))
    assert len({*first} & {*second}) < 25  # 5 are expected
    # In another place of the list the same numbers fall on the same others.
    moved = out_neighbours(999, 1000, 71, stream(1))
    assert tuple(place + 1 for place in moved) == first


def test_dropouts_by_accident_leave_enough_holders_of_everybody() -> None:
    graph = usual(100)
    for seed in range(20):
        choices = drawn(graph, seed)
        dropped = set(out_neighbours(0, 101, 10, stream(-seed - 1 + 2**40)))
        survivors = set(range(100)) - {party - 1 for party in dropped}
        fewest = min(len(chosen & survivors) for chosen in choices.values())
        assert fewest >= graph.threshold
        assert badly_held(choices, survivors, graph.threshold) == ()


def test_attack_drop_all_neighbours_of_one_party() -> None:
    graph = usual(300)
    choices = drawn(graph)
    near = neighbours(choices)
    victim = min(near, key=lambda party: len(near[party]))
    survivors = set(range(300)) - near[victim]
    assert len(survivors) >= quorum(300)  # such a list could find its signatures
    assert reached(victim, near, survivors) == {victim}  # and the sum would not hold its part
    assert badly_held(choices, survivors, graph.threshold) == (victim,)


@given(st.data())
def test_badly_held_are_those_with_too_few_surviving_holders(data: st.DataObject) -> None:
    some = st.frozensets(st.integers(0, 11))  # also of those who never shared
    choices = data.draw(st.dictionaries(st.integers(0, 11), some, min_size=1))
    survivors = data.draw(st.frozensets(st.sampled_from(sorted(choices))))
    threshold = data.draw(st.integers(1, 6))
    wrong = [party for party in survivors if len(choices[party] & survivors) < threshold]
    assert badly_held(choices, survivors, threshold) == tuple(sorted(wrong))


@pytest.mark.parametrize("parties", [64, 300])
def test_attack_cut_the_survivors_in_two(parties: int) -> None:
    # The coordinator grows a group around each party, and drops whoever is near it, while it may.
    graph = usual(parties)
    choices = drawn(graph)
    near = neighbours(choices)
    for start in range(0, parties, 7):
        group = {start}
        for _ in range(12):
            edge = set().union(*(near[party] for party in group)) - group
            dropped = set(sorted(edge)[: parties - quorum(parties)])
            survivors = set(range(parties)) - dropped
            whole = reached(start, near, survivors) == survivors
            assert whole or badly_held(choices, survivors, graph.threshold)
            group.add(max(edge, key=lambda party: len(near[party] & (edge | group))))


@pytest.mark.parametrize("holders", [[1, 2, 3], [1, 2]])
def test_badly_held_counts_surviving_holders_only(holders: list[int]) -> None:
    choices = {0: set(holders), 1: {0, 2, 9}, 2: {0, 1, 3}, 3: {0, 1, 2}}
    bad = () if len(holders) == 3 else (0,)
    assert badly_held(choices, {0, 1, 2, 3}, 3) == tuple(sorted((*bad, 1)))
    assert badly_held(choices, {0, 2, 3}, 2) == tuple(sorted(bad))
