import itertools
import math

import pytest
import torch

from synlearn.mre.losses import Pairs, triplet_loss

GENERATOR = torch.Generator().manual_seed(0)
DISTANCE = torch.rand(3, 4, 5, generator=GENERATOR, dtype=torch.float64)
V_STAR = torch.rand(4, 5, generator=GENERATOR, dtype=torch.float64).round(decimals=1)  # with ties
V_STAR[0, 2] = V_STAR[3, :] = math.nan
V_STAR[1, 1:] = math.nan


def naive(distance: torch.Tensor, v_star: torch.Tensor, margin: float, pairs: Pairs) -> float:
    """Equation 2, pair by pair."""
    cells = list(itertools.product(range(distance.shape[0]), range(distance.shape[1])))
    total, count = 0.0, 0
    for (task, model), (other_task, other_model) in itertools.product(cells, cells):
        if pairs == "within" and task != other_task:
            continue
        if float(v_star[task, model]) < float(v_star[other_task, other_model]):
            gap = float(distance[task, model] - distance[other_task, other_model]) + margin
            total, count = total + max(gap, 0.0), count + 1
    return total / max(count, 1)


@pytest.mark.parametrize("pairs", ["within", "across"])
@pytest.mark.parametrize("margin", [0.0, 0.1, 0.5, 10.0])
def test_the_loss_is_equation_2(pairs: Pairs, margin: float) -> None:
    loss = triplet_loss(DISTANCE, V_STAR, margin, pairs)
    expected = [naive(member, V_STAR, margin, pairs) for member in DISTANCE]
    torch.testing.assert_close(loss, torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("pairs", ["within", "across"])
def test_leading_dimensions_are_kept(pairs: Pairs) -> None:
    assert triplet_loss(DISTANCE[0], V_STAR, 0.5, pairs).shape == ()
    assert triplet_loss(DISTANCE.reshape(3, 1, 4, 5), V_STAR, 0.5, pairs).shape == (3, 1)


@pytest.mark.parametrize("pairs", ["within", "across"])
@pytest.mark.parametrize("v_star", [torch.zeros(4, 5), torch.full((4, 5), math.nan)])
def test_without_a_pair_to_compare_the_loss_is_zero(pairs: Pairs, v_star: torch.Tensor) -> None:
    distance = DISTANCE.clone().requires_grad_()
    loss = triplet_loss(distance, v_star, 0.5, pairs)
    assert torch.equal(loss.detach(), torch.zeros(3, dtype=torch.float64))
    (gradient,) = torch.autograd.grad(loss.sum(), distance)
    assert torch.equal(gradient, torch.zeros_like(distance))


@pytest.mark.parametrize("pairs", ["within", "across"])
def test_unknown_pairs_get_no_gradient(pairs: Pairs) -> None:
    distance = DISTANCE.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(triplet_loss(distance, V_STAR, 5.0, pairs).sum(), distance)
    assert gradient.isfinite().all()
    assert (gradient[:, V_STAR.isnan()] == 0).all()


def test_a_step_against_the_gradient_brings_better_models_nearer() -> None:
    v_star = torch.tensor([[1.0, 2.0]])
    distance = torch.tensor([[0.5, 0.5]], requires_grad=True)
    (gradient,) = torch.autograd.grad(triplet_loss(distance, v_star, 0.5, "within"), distance)
    assert gradient[0, 0] > 0 > gradient[0, 1]


def test_a_metric_that_separates_by_the_margin_has_no_loss() -> None:
    v_star = torch.arange(20.0).reshape(4, 5)
    assert triplet_loss(v_star, v_star, 0.99, "across") == 0
    assert triplet_loss(v_star, v_star, 1.01, "across") > 0
