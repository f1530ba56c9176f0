from itertools import product

from coordinator.company import company
from protocols.ids import ProviderId
from protocols.secagg.floors import most_newcomers
from protocols.secagg.question import expected_corrupt, minimum_threshold


def names(word: str, count: int) -> frozenset[ProviderId]:
    return frozenset(ProviderId(f"{word}-{number:03d}") for number in range(count))


def test_all_members_take_part_and_as_many_newcomers_as_nodes_take() -> None:
    for members, newcomers in product((0, 1, 2, 3, 4, 10, 200), (0, 1, 2, 5, 300)):
        old, new = names("old", members), names("new", newcomers)
        found = company(old | new, old)
        assert old <= found
        here = len(found & new)
        for more in range(here, newcomers + 1):
            count = members + more
            most = most_newcomers(count, minimum_threshold(count), expected_corrupt(count))
            assert (more <= most) == (more == here) or more == 0


def test_a_member_that_is_not_there_makes_no_room() -> None:
    old, new = names("old", 4), names("new", 3)
    three = frozenset(sorted(old)[:3])
    assert company(three | new, old) == company(three | new, three)
