from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.features import penultimate_features


def test_features_are_what_the_head_sees(tiny_zoo: Path) -> None:
    zoo = Zoo.open(tiny_zoo)
    models = zoo.stack(zoo.ids[:3])
    images = np.random.default_rng(0).integers(0, 2, (5, 1, 64, 64)).astype(np.uint8)
    features = penultimate_features(models, images)
    name, last = models.architecture.layers[-1]
    assert features.shape == (3, 5, last.inputs)  # type: ignore[union-attr]
    weight, bias = models.tensors[f"{name}.weight"], models.tensors[f"{name}.bias"]
    head = torch.einsum("mnf,mof->mno", torch.from_numpy(features), weight) + bias[:, None]
    np.testing.assert_allclose(head.numpy(), models.predict(images), rtol=1e-4, atol=1e-5)


def test_images_of_another_shape_are_named(tiny_zoo: Path) -> None:
    zoo = Zoo.open(tiny_zoo)
    with pytest.raises(InputError, match="take images of 64 x 64"):
        penultimate_features(zoo.stack(zoo.ids[:1]), np.zeros((1, 1, 32, 32), np.uint8))
