from fractions import Fraction
from itertools import product
from math import comb, exp, log

import numpy as np
import pytest
from scipy.stats import hypergeom

from protocols.secagg.graph_bounds import FAILURE, Bounds


def bounds(n: int, *, corrupt: int = 0, dropouts: int = 0, quorum: int, lists: int = 1) -> Bounds:
    return Bounds(n, corrupt, dropouts, quorum, lists)


def exact_cut(n: int, honest: int, degree: int, inside: int) -> Fraction:
    """The bound of the module's docstring, term by term in fractions."""
    draws = comb(n - 1, degree)

    def into(s: int, others: int) -> Fraction:
        hits = range(inside, min(degree, s - 1) + 1)
        return Fraction(sum(comb(s - 1, x) * comb(others, degree - x) for x in hits), draws)

    def none_of(avoided: int) -> Fraction:
        return Fraction(comb(n - 1 - avoided, degree), draws)

    half = honest // 2
    total = (
        comb(n, half)
        * comb(n - half, honest - half)
        * none_of(honest - half) ** half
        * none_of(half) ** (honest - half)
    )
    for s in range(inside + 1, half + 1):
        kept = into(s, n - s) ** s
        apart = comb(n - s, honest - s) * into(s, n - honest) ** s * none_of(s) ** (honest - s)
        total += comb(n, s) * min(kept, apart)
    return total


@pytest.mark.parametrize(
    ("n", "corrupt", "quorum", "degree", "inside"),
    [(9, 0, 9, 1, 1), (12, 1, 9, 3, 2), (40, 4, 27, 11, 3), (64, 12, 43, 21, 1), (64, 6, 60, 5, 4)],
)
def test_the_bound_on_a_cut_is_the_documented_sum(
    n: int, corrupt: int, quorum: int, degree: int, inside: int
) -> None:
    exact = exact_cut(n, quorum - corrupt, degree, inside)
    expected = log(exact.numerator) - log(exact.denominator)
    found = bounds(n, corrupt=corrupt, quorum=quorum).log_cut(degree, inside)
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("n", "marked", "degree"), [(40, 8, 15), (1000, 200, 100), (1000, 0, 71)])
def test_most_is_the_hypergeometric_quantile(n: int, marked: int, degree: int) -> None:
    beyond = hypergeom(n - 1, marked, degree).sf
    for failure in (0.5, 1e-3, 1e-9, FAILURE / n):
        most = bounds(n, quorum=n).most(marked, degree, failure)
        assert beyond(most) <= failure
        assert most == 0 or beyond(most - 1) > failure


def cut_exists(draws: list[int], inside: int, honest: int) -> bool:
    """Whether any two disjoint sets of parties, `honest` or more together, are a cut.

    draws: for each party a bit mask of whom it drew. Every pair of sets is looked at.
    """
    n = len(draws)
    every = np.arange(2**n)
    size = np.asarray([int(mask).bit_count() for mask in every])
    near = np.zeros(2**n, dtype=np.int64)
    kept = size > inside
    for party, own in enumerate(draws):
        member = (every >> party & 1).astype(bool)
        drew_it = sum(1 << other for other in range(n) if draws[other] >> party & 1)
        near[member] |= own | drew_it
        kept &= ~member | (size[every & own] >= inside)
    parts = every[kept]
    return any(
        bool(np.any(size[parts[(parts & (part | near[part])) == 0]] + size[part] >= honest))
        for part in parts
    )


def drawn(n: int, degree: int, random: np.random.Generator) -> list[int]:
    masks = []
    for party in range(n):
        places = random.choice(n - 1, degree, replace=False)
        masks.append(sum(1 << int(place + (place >= party)) for place in places))
    return masks


@pytest.mark.parametrize(
    ("n", "honest", "degree", "inside"),
    [(8, 8, 1, 1), (8, 6, 2, 1), (9, 9, 1, 1), (9, 7, 2, 1), (8, 5, 3, 1)],
)
def test_cuts_chosen_after_the_draws_are_rarer_than_the_bound(
    n: int, honest: int, degree: int, inside: int
) -> None:
    random = np.random.default_rng(7)
    rounds = 250
    cuts = sum(cut_exists(drawn(n, degree, random), inside, honest) for _ in range(rounds))
    bound = exp(bounds(n, quorum=honest).log_cut(degree, inside))
    assert bound < 0.7
    assert 0 < cuts / rounds < bound


def test_a_threshold_keeps_the_three_conditions_and_the_degree_below_has_none() -> None:
    n, corrupt, dropouts, quorum, lists = 1000, 100, 100, 667, 334
    checked = bounds(n, corrupt=corrupt, dropouts=dropouts, quorum=quorum, lists=lists)
    degree = next(k for k in range(1, n) if checked.threshold(k) is not None)
    threshold = checked.threshold(degree)
    assert threshold is not None
    too_many = hypergeom(n - 1, corrupt, degree).sf(threshold - 1)
    too_few = hypergeom(n - 1, dropouts, degree).sf(degree - threshold)
    assert n * lists * too_many < FAILURE / 4
    assert n * too_few < FAILURE / 4
    inside = threshold - checked.most(corrupt, degree, FAILURE / 4 / lists / n)
    assert exp(checked.log_cut(degree, inside)) * lists < FAILURE / 2


def test_bounds_fall_with_the_degree_and_rise_with_what_is_tolerated() -> None:
    sizes = [
        next(
            k
            for k in range(1, 200)
            if bounds(200, corrupt=c, dropouts=d, quorum=134, lists=67).threshold(k) is not None
        )
        for c, d in product((0, 10, 40), (0, 10, 40))
    ]
    table = np.asarray(sizes).reshape(3, 3)
    assert np.all(np.diff(table, axis=0) > 0)
    assert np.all(np.diff(table, axis=1) > 0)
