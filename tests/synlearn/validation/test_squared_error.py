import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synlearn.datasets.dsprites_renderer import Shape
from synlearn.validation.squared_error import SquaredErrorSums, combine, psi
from synlearn.zoo.architectures import build_module
from tests.models import SMALL, stacked
from tests.sprites import Sprites

MODELS = stacked("abc")
PROVIDERS = [Sprites(Shape.SQUARE, 30), Sprites(Shape.HEART, 7), Sprites(Shape.ELLIPSE, 1)]


def everything(provider: Sprites) -> tuple[np.ndarray, np.ndarray]:
    rows = np.arange(provider.rows)
    return provider.images(rows), provider.values(rows)


def part_of(provider: Sprites) -> SquaredErrorSums:
    images, values = everything(provider)
    return psi(MODELS.predict(images), values)


def test_the_parts_of_unequal_providers_make_the_pooled_mean_squared_error() -> None:
    parts = [part_of(provider) for provider in PROVIDERS]
    images = np.concatenate([everything(provider)[0] for provider in PROVIDERS])
    targets = np.concatenate([everything(provider)[1] for provider in PROVIDERS])
    expected = []
    for row in range(3):
        module = build_module(SMALL)
        module.load_state_dict(MODELS.tensors_of(row))
        with torch.no_grad():
            outputs = module(torch.from_numpy(images)).double()
        loss = torch.nn.functional.mse_loss(outputs, torch.from_numpy(targets).double())
        expected.append(float(loss))
    np.testing.assert_allclose(combine(parts), expected, rtol=1e-5)
    np.testing.assert_allclose(combine(parts[::-1]), combine(parts), rtol=1e-12)


def test_one_provider_alone_is_its_own_mean() -> None:
    part = part_of(PROVIDERS[1])
    assert part.count == 14
    np.testing.assert_array_equal(combine([part]), part.sums / 14)


def test_providers_weigh_by_their_rows_not_by_their_number() -> None:
    large, small = SquaredErrorSums(np.array([30.0]), 10), SquaredErrorSums(np.array([1.0]), 1)
    assert combine([large, small]) == pytest.approx(31 / 11)


def test_the_parts_are_left_as_they_were() -> None:
    """They may be read-only views of what came over the wire."""
    part = SquaredErrorSums(np.array([30.0]), 10)
    part.sums.flags.writeable = False
    combine([part, part])
    assert part.sums.tolist() == [30.0]


@settings(deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_any_partition_gives_the_mean_of_the_pooled_rows(seed: int, sizes: list[int]) -> None:
    random = np.random.default_rng(seed)
    said, truth = random.normal(size=(3, sum(sizes), 2)), random.normal(size=(sum(sizes), 2))
    owners = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    parts = [psi(said[:, owners == owner], truth[owners == owner]) for owner in range(len(sizes))]
    expected = ((said - truth) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(combine(parts), expected, rtol=1e-9)
