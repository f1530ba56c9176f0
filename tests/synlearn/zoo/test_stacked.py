"""Stacked models, against the same models one by one as ordinary modules."""

import hashlib

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from synlearn.errors import InputError
from synlearn.zoo.architectures import architecture, build_module
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.stacked import StackedModels, forward_own, forward_shared, stack_files
from synlearn.zoo.training import initial_stack
from tests.models import SMALL, model_file, stacked

NAMES = ("a", "b", "c")
WIDE = architecture("sprite-cnn")


def images(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return (np.random.default_rng(seed).random((count, 1, 64, 64)) < 0.3).astype(np.uint8)


def wide(names: tuple[str, ...]) -> StackedModels:
    return StackedModels(names, WIDE, initial_stack(names, WIDE, seed=0))


def one_by_one(models: StackedModels, batch: Tensor) -> Tensor:
    outputs = []
    for row in range(len(models)):
        module = build_module(models.architecture)
        module.load_state_dict(models.tensors_of(row))
        outputs.append(module(batch if batch.ndim == 4 else batch[row]))
    return torch.stack(outputs)


@pytest.mark.parametrize("count", [1, 20, 47])
@pytest.mark.parametrize("models", [stacked(NAMES), wide(tuple(map(str, range(21))))])
def test_predictions_on_shared_images(models: StackedModels, count: int) -> None:
    batch = images(count)
    expected = one_by_one(models, torch.from_numpy(batch).float()).detach().numpy()
    predicted = models.predict(batch)
    assert predicted.shape == (len(models), count, 2)
    assert predicted.dtype == np.float32
    np.testing.assert_allclose(predicted, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(models.predict(batch[:, 0]), predicted)
    np.testing.assert_array_equal(models.predict(batch.astype(np.float64)), predicted)


def test_outputs_and_gradients_on_own_images() -> None:
    models = wide(NAMES)
    batch = torch.from_numpy(np.stack([images(5, seed) for seed in range(3)])).float()
    stack = {name: tensor.clone().requires_grad_() for name, tensor in models.tensors.items()}
    outputs = forward_own(WIDE, stack, batch)
    torch.testing.assert_close(outputs, one_by_one(models, batch))

    outputs[1].square().sum().backward()
    module = build_module(WIDE)
    module.load_state_dict(models.tensors_of(1))
    module(batch[1]).square().sum().backward()
    for name, parameter in module.named_parameters():
        gradient = stack[name].grad
        assert gradient is not None
        assert parameter.grad is not None
        torch.testing.assert_close(gradient[1], parameter.grad, rtol=1e-4, atol=1e-5)
        assert not gradient[[0, 2]].any()  # one model's loss moves no other model


def test_neither_way_changes_its_input() -> None:
    models = stacked(NAMES)
    shared = -torch.ones(2, 1, 64, 64)
    forward_shared(SMALL, models.tensors, shared)
    own = -torch.ones(3, 2, 1, 64, 64)
    forward_own(SMALL, models.tensors, own)
    assert bool((shared == -1).all())
    assert bool((own == -1).all())


def test_no_images_give_no_outputs() -> None:
    assert stacked(NAMES).predict(images(0)).shape == (3, 0, 2)


def test_a_selection_keeps_the_order_asked_for() -> None:
    models = stacked(NAMES)
    picked = models.select([2, 0])
    assert picked.ids == ("c", "a")
    np.testing.assert_allclose(
        picked.predict(images(4)), models.predict(images(4))[[2, 0]], atol=1e-6
    )


@pytest.mark.parametrize("shape", [(2, 32, 32), (2, 3, 64, 64), (64, 64), (2, 64, 64, 1)])
def test_images_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="take images of 64 x 64 pixels and 1 channel"):
        stacked(NAMES).predict(np.zeros(shape, np.uint8))


def test_files_are_stacked_under_their_digests() -> None:
    files = [model_file("b"), model_file("a")]
    models = stack_files(files)
    assert models.ids == tuple(hashlib.sha256(data).hexdigest() for data in files)
    expected = stacked(("b", "a")).predict(images(3))
    np.testing.assert_array_equal(models.predict(images(3)), expected)


def test_models_that_cannot_stand_together() -> None:
    other = to_bytes(ModelFile(WIDE, wide(("x",)).tensors_of(0)))
    with pytest.raises(InputError, match="differ in architecture"):
        stack_files([model_file("a"), other])
    with pytest.raises(InputError, match="no model to evaluate"):
        stack_files([])
