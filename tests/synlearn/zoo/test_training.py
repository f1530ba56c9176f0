import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synlearn.datasets.dsprites import (
    Domain,
    domain_images,
    domain_targets,
    split,
)
from synlearn.zoo.architectures import architecture
from synlearn.zoo.training import TrainedStack, TrainingPlan, initial_stack, train_stack
from tests.models import SMALL

WIDE = architecture("sprite-cnn")


def own_data(domains: list[int], instances: int) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    rows = [split(Domain(domain), seed=0).training[:instances] for domain in domains]
    images = [domain_images(Domain(d))[own] for d, own in zip(domains, rows, strict=True)]
    return np.stack(images), np.stack([domain_targets()[own] for own in rows])


def train(names: list[str], domains: list[int], plan: TrainingPlan) -> TrainedStack:
    images, targets = own_data(domains, 64)
    return train_stack(names, SMALL, images, targets, plan=plan)


PLAN = TrainingPlan(epochs=2, batch_size=24, seed=3)


def test_the_same_plan_gives_the_same_models() -> None:
    first, again = (train(["a", "b"], [1, 500], PLAN) for _ in range(2))
    for name, tensor in first.models.tensors.items():
        assert torch.equal(tensor, again.models.tensors[name])
    np.testing.assert_array_equal(first.losses, again.losses)


def test_a_model_does_not_depend_on_its_neighbours() -> None:
    """Up to rounding, which depends on the size of the stack."""
    alone = train(["b"], [500], PLAN).models.tensors_of(0)
    beside = train(["a", "b", "c"], [1, 500, 3], PLAN).models.tensors_of(1)
    other = train(["x"], [500], PLAN).models.tensors_of(0)
    for name, tensor in alone.items():
        torch.testing.assert_close(tensor, beside[name], rtol=1e-3, atol=1e-5)
        assert not torch.allclose(tensor, other[name], atol=1e-3)


def test_the_loss_is_the_mean_squared_error_on_all_training_instances() -> None:
    images, targets = own_data([1, 500], 50)
    trained = train_stack(["a", "b"], SMALL, images, targets, plan=PLAN)
    for row in range(2):
        outputs = trained.models.predict(images[row])[row]
        assert trained.losses[row] == pytest.approx(((outputs - targets[row]) ** 2).mean())


def test_epochs_are_told() -> None:
    told: list[int] = []
    images, targets = own_data([1], 10)
    plan = TrainingPlan(epochs=3)
    train_stack(["a"], SMALL, images, targets, plan=plan, on_epoch=told.append)
    assert told == [1, 2, 3]


def test_models_find_sprites_that_they_have_not_seen() -> None:
    """A quarter of the usual epochs gets within about a pixel (1/32) of the place."""
    domains = [130, 370, 615]
    images, targets = own_data(domains, 800)
    trained = train_stack(list("abc"), WIDE, images, targets, plan=TrainingPlan(epochs=5))
    for row, domain in enumerate(domains):
        testing = split(Domain(domain), seed=0).testing
        outputs = trained.models.select([row]).predict(domain_images(Domain(domain))[testing])[0]
        assert ((outputs - domain_targets()[testing]) ** 2).mean() < 2e-3


def test_initial_weights_keep_the_scale_of_their_inputs() -> None:
    stack = initial_stack(["a", "b"], WIDE, seed=0)
    weight, bias = stack["hidden.weight"], stack["hidden.bias"]
    assert weight.shape == (2, 32, 256)
    assert float(weight.var()) == pytest.approx(1 / 256, rel=0.05)
    assert float(bias.abs().max()) <= 1 / 16
    assert not torch.equal(weight[0], weight[1])
    assert torch.equal(initial_stack(["b"], WIDE, seed=0)["hidden.weight"][0], weight[1])
    assert not torch.equal(initial_stack(["b"], WIDE, seed=1)["hidden.weight"][0], weight[1])
