import numpy as np
import torch

from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.task_transform import mean_features


def test_means_are_over_each_draws_own_images() -> None:
    torch.manual_seed(0)
    model = Backbone(BackboneSpec(width=2, features=6))
    images = torch.rand(7, 1, 16, 16)
    draws = np.array([[0, 1, 2], [6, 6, 3]])
    means = mean_features(model, images, draws)
    with torch.no_grad():
        expected = [
            torch.stack([model(images[index : index + 1])[0] for index in draw]).mean(dim=0)
            for draw in draws.tolist()
        ]
    torch.testing.assert_close(means.clone(), torch.stack(expected))
    assert means.dtype == torch.float32
    assert not means.requires_grad
    assert (means.norm(dim=1) <= 1 + 1e-6).all()


def test_many_images_pass_in_parts() -> None:
    torch.manual_seed(0)
    model = Backbone(BackboneSpec(width=2, features=6))
    images = torch.rand(150, 1, 16, 16)
    draws = np.random.default_rng(0).integers(150, size=(20, 40))
    with torch.no_grad():
        expected = model(images)[torch.from_numpy(draws)].mean(dim=1)
    torch.testing.assert_close(mean_features(model, images, draws).clone(), expected)


def test_a_double_backbone_gives_single_means() -> None:
    model = Backbone(BackboneSpec(width=2, features=6)).double()
    means = mean_features(model, torch.rand(2, 1, 16, 16).double(), np.array([[0, 1]], np.int32))
    assert means.dtype == torch.float32
