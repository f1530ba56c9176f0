import itertools
import math
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synlearn.mre.losses import triplet_loss
from synlearn.mre.triplets import Pairs, choose_triplets, hinges, metric_loss

GENERATOR = torch.Generator().manual_seed(0)
DISTANCE = torch.rand(3, 4, 5, generator=GENERATOR, dtype=torch.float64)
V_STAR = torch.rand(4, 5, generator=GENERATOR, dtype=torch.float64).round(decimals=1)  # with ties
V_STAR[0, 2] = V_STAR[3, :] = math.nan
V_STAR[1, 1:] = math.nan


def naive(v_star: torch.Tensor, pairs: Pairs) -> set[tuple[int, int]]:
    cells = list(itertools.product(range(v_star.shape[0]), range(v_star.shape[1])))
    flat = {cell: index for index, cell in enumerate(cells)}
    return {
        (flat[one], flat[other])
        for one, other in itertools.product(cells, cells)
        if float(v_star[one]) < float(v_star[other]) and (pairs == "across" or one[0] == other[0])
    }


def as_set(v_star: torch.Tensor, pairs: Pairs) -> set[tuple[int, int]]:
    found = choose_triplets(v_star, pairs)
    listed = list(zip(found.better.tolist(), found.worse.tolist(), strict=True))
    assert len(set(listed)) == len(listed) == len(found) == found.found
    return set(listed)


@pytest.mark.parametrize("pairs", ["within", "across"])
def test_all_triplets_are_found(pairs: Pairs) -> None:
    assert as_set(V_STAR, pairs) == naive(V_STAR, pairs)


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 1.0, 2.0, math.nan]), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    ),
    st.sampled_from(["within", "across"]),
)
@settings(max_examples=60, deadline=None)
def test_ties_and_gaps_are_no_triplets(rows: list[list[float]], pairs: Pairs) -> None:
    v_star = torch.tensor(rows, dtype=torch.float64)
    assert as_set(v_star, pairs) == naive(v_star, pairs)


@pytest.mark.parametrize("pairs", ["within", "across"])
def test_a_draw_is_of_different_triplets_each_as_likely(pairs: Pairs) -> None:
    everything = sorted(naive(V_STAR, pairs))
    seen = dict.fromkeys(everything, 0)
    random = np.random.default_rng(0)
    for _ in range(2000):
        drawn = choose_triplets(V_STAR, pairs, keep=4, random=random)
        listed = list(zip(drawn.better.tolist(), drawn.worse.tolist(), strict=True))
        assert len(set(listed)) == 4
        assert drawn.found == len(everything)
        for triplet in listed:
            seen[triplet] += 1
    expected = 2000 * 4 / len(everything)
    assert max(abs(count - expected) for count in seen.values()) < 5 * math.sqrt(expected)


@pytest.mark.parametrize("pairs", ["within", "across"])
@pytest.mark.parametrize("margin", [0.0, 0.5, 10.0])
def test_the_loss_is_that_of_the_table(pairs: Pairs, margin: float) -> None:
    found = metric_loss(DISTANCE, choose_triplets(V_STAR, pairs), margin)
    torch.testing.assert_close(found, triplet_loss(DISTANCE, V_STAR, margin, pairs))


def test_equation_2_divides_by_all_pairs_of_cells() -> None:
    triplets = choose_triplets(V_STAR, "across")
    total = hinges(DISTANCE, triplets, 0.5).sum(dim=-1)
    torch.testing.assert_close(metric_loss(DISTANCE, triplets, 0.5, "all_pairs"), total / 20**2)


def test_a_draw_stands_for_all_triplets() -> None:
    random = np.random.default_rng(0)
    whole = metric_loss(DISTANCE, choose_triplets(V_STAR, "across"), 0.5, "all_pairs")
    drawn = [
        metric_loss(
            DISTANCE, choose_triplets(V_STAR, "across", keep=7, random=random), 0.5, "all_pairs"
        )
        for _ in range(3000)
    ]
    torch.testing.assert_close(torch.stack(drawn).mean(dim=0), whole, rtol=0.02, atol=0)


@pytest.mark.parametrize("v_star", [torch.zeros(4, 5), torch.full((4, 5), math.nan)])
def test_without_a_triplet_the_loss_is_zero(v_star: torch.Tensor) -> None:
    distance = DISTANCE.clone().requires_grad_()
    loss = metric_loss(distance, choose_triplets(v_star, "across"), 0.5)
    assert torch.equal(loss.detach(), torch.zeros(3, dtype=torch.float64))
    loss.sum().backward()
    assert distance.grad is not None
    assert not distance.grad.any()


def test_memory_is_linear_in_the_triplets_kept() -> None:
    """A table of all pairs of these 20,000 cells would take 400 MB as bool alone."""
    v_star = torch.rand(20, 1000, generator=GENERATOR)
    tracemalloc.start()
    drawn = choose_triplets(v_star, "across", keep=1000, random=np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert drawn.found == 20_000 * 19_999 // 2 or drawn.found > 1.9e8  # float32 has ties
    assert peak < 20e6
