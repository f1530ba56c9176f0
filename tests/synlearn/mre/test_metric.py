from typing import cast

import pytest
import torch
from torch.nn import functional

from synlearn.mre.distance import Distance
from synlearn.mre.metric import Metric, MetricSpec

GENERATOR = torch.Generator().manual_seed(0)
TASKS, MODELS = torch.randn(4, 5, generator=GENERATOR), torch.randn(3, 7, generator=GENERATOR)


def metric(distance: Distance = "half_squared_l2", members: int = 3, seed: int = 0) -> Metric:
    spec = MetricSpec(5, 7, hidden=8, embedding=6, members=members, distance=distance)
    made = Metric(spec, torch.Generator().manual_seed(seed))
    made.standardise(TASKS, MODELS)
    return made


def embedded(made: Metric, side: str, inputs: torch.Tensor, member: int) -> torch.Tensor:
    """One member's embedding, written out as an ordinary two-layer network."""
    state = {
        name: tensor[member] if "transform" in name else tensor
        for name, tensor in made.state_dict().items()
    }
    x = (inputs - state[f"{side}_mean"]) / state[f"{side}_scale"]
    for layer in (0, 2):
        weight = state[f"{side}_transform.{layer}.weight"]
        x = functional.linear(x, weight.T, state[f"{side}_transform.{layer}.bias"][0])
        x = x.relu() if layer == 0 else x
    return cast("torch.Tensor", x)


@pytest.mark.parametrize("distance", ["half_squared_l2", "cosine"])
def test_members_are_ordinary_networks_side_by_side(distance: Distance) -> None:
    made = metric(distance)
    found = made(TASKS, MODELS)
    assert found.shape == (3, 4, 3)
    for member in range(3):
        tasks = embedded(made, "task", TASKS, member)
        models = embedded(made, "model", MODELS, member)
        for row, task in enumerate(tasks):
            for column, model in enumerate(models):
                expected = (
                    (task - model).square().sum() / 2
                    if distance == "half_squared_l2"
                    else 1 - functional.cosine_similarity(task, model, dim=0)
                )
                torch.testing.assert_close(found[member, row, column], expected)


def test_no_distance_is_below_zero() -> None:
    made = metric()
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if "model" in name:
                parameter.zero_()
            else:
                parameter.mul_(1e-4)
    assert (made(TASKS, MODELS) >= 0).all()


def test_members_learn_apart() -> None:
    made = metric()
    made(TASKS, MODELS)[0].sum().backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        assert parameter.grad[0].abs().sum() > 0
        assert parameter.grad[1:].abs().sum() == 0


def test_members_start_apart_and_seeds_repeat() -> None:
    weights = metric(seed=1).task_transform.state_dict()["0.weight"]
    assert not torch.equal(weights[0], weights[1])
    assert torch.equal(weights, metric(seed=1).task_transform.state_dict()["0.weight"])
    assert not torch.equal(weights, metric(seed=2).task_transform.state_dict()["0.weight"])
    assert weights.abs().max() <= 5**-0.5


def test_inputs_are_standardised_with_one_scale_a_side() -> None:
    """One scale for all dimensions: directions in which tasks differ more go on counting more."""
    made = metric()
    torch.testing.assert_close(made.task_mean, TASKS.mean(dim=0))
    torch.testing.assert_close(made.task_scale, TASKS.std(dim=0).mean().expand(5))
    torch.testing.assert_close(made.model_scale, MODELS.std(dim=0).mean().expand(7))


def test_inputs_that_do_not_vary_give_finite_distances() -> None:
    made = metric()
    made.standardise(torch.ones(4, 5), torch.ones(3, 7))
    assert made(torch.ones(4, 5), torch.ones(3, 7)).isfinite().all()
