import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional

from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.blocks import RELEASED, TEXT, Blocks
from synlearn.mre.task_transform import TaskTransform, mean_features


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


class TestTaskTransform:
    """Two members, three tasks of 5, 2 and 4 classes."""

    present = torch.arange(5) < torch.tensor([5, 2, 4])[:, None]
    classes = torch.randn(2, 3, 5, 6, generator=torch.Generator().manual_seed(1))

    @staticmethod
    def module(blocks: Blocks) -> TaskTransform:
        return TaskTransform(6, 2, blocks, torch.Generator().manual_seed(0))

    def test_it_is_attention_a_residual_and_a_norm(self) -> None:
        """One member, task and class at a time."""
        made = self.module(TEXT)
        with torch.no_grad():
            each, embedding = made.forward(self.classes, self.present)
        assert made.output.bias is not None
        for g, n in itertools.product(range(2), range(3)):
            own = self.classes[g, n, self.present[n]]
            query, key, value = (
                own @ projection.weight[g].detach()
                for projection in (
                    made.projections.query,
                    made.projections.key,
                    made.projections.value,
                )
            )
            attended = (query @ key.T / 6**0.5).softmax(dim=1) @ value
            expected = functional.layer_norm(own + attended, (6,))
            torch.testing.assert_close(each[g, n, self.present[n]], expected)
            with torch.no_grad():
                pooled = expected.mean(dim=0) @ made.output.weight[g] + made.output.bias[g, 0]
            torch.testing.assert_close(embedding[g, n], pooled)

    def test_padding_does_not_matter(self) -> None:
        noisy = torch.where(self.present[:, :, None], self.classes, torch.tensor(7.0))
        made = self.module(TEXT)
        one, other = (made.forward(each, self.present)[1] for each in (self.classes, noisy))
        torch.testing.assert_close(one, other)

    @pytest.mark.parametrize("blocks", [TEXT, RELEASED])
    def test_the_order_of_the_classes_does_not_matter(self, blocks: Blocks) -> None:
        made, everything = self.module(blocks), torch.ones(3, 5, dtype=torch.bool)
        order = torch.tensor([3, 1, 4, 0, 2])
        each, embedding = made.forward(self.classes, everything)
        turned_each, turned = made.forward(self.classes[:, :, order], everything)
        torch.testing.assert_close(turned, embedding)
        torch.testing.assert_close(turned_each, each[:, :, order])
