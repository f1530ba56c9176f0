import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from synlearn.mre.blocks import RELEASED, TEXT, Blocks
from synlearn.mre.model_transform import Ensembled, ModelTransform

MEMBERS, WIDTH = 2, 6
COUNTS = (4, 1, 3)
"""Classes of the models."""
WAYS = (2, 5)
"""Classes of the tasks."""


def present(counts: tuple[int, ...]) -> Tensor:
    return torch.arange(max(counts)) < torch.tensor(counts)[:, None]


def classes(counts: tuple[int, ...], seed: int) -> Tensor:
    """Random class features, with noise in place of padding: it must not matter."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(MEMBERS, len(counts), max(counts), WIDTH, generator=generator)


def module(blocks: Blocks) -> ModelTransform:
    """With everything random, as after some training."""
    generator = torch.Generator().manual_seed(0)
    made = ModelTransform(WIDTH, MEMBERS, blocks, generator)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
    return made.eval()


def run(made: ModelTransform, tasks: Tensor, models: Tensor) -> Ensembled:
    with torch.no_grad():
        return made.forward(tasks, present(WAYS), made.project(models, present(COUNTS)))


def naive(made: ModelTransform, tasks: Tensor, models: Tensor) -> Tensor:
    """The text's ensembler, one member, task, model and class at a time."""
    found = torch.zeros(MEMBERS, len(WAYS), len(COUNTS), WIDTH)
    second = made.second
    assert second.bias is not None
    for g in range(MEMBERS):
        query, key, value = (
            projection.weight[g]
            for projection in (
                made.projections.query,
                made.projections.key,
                made.projections.value,
            )
        )
        for n, ways in enumerate(WAYS):
            for m, count in enumerate(COUNTS):
                hidden = []
                for way in range(ways):
                    keys = torch.cat([made.none_key[g], models[g, m, :count] @ key])
                    first = models[g, m, :count] @ value @ made.first.weight[g]
                    values = torch.cat([made.none_value[g, 0], first])
                    weights = (keys @ (tasks[g, n, way] @ query) / math.sqrt(WIDTH)).softmax(dim=0)
                    hidden.append((weights @ values + made.first_bias[g, 0, 0]).relu())
                found[g, n, m] = torch.stack(hidden).mean(0) @ second.weight[g] + second.bias[g, 0]
    return found


def test_the_ensembler_is_what_the_text_says() -> None:
    made, tasks, models = module(TEXT), classes(WAYS, 1), classes(COUNTS, 2)
    with torch.no_grad():
        expected = naive(made, tasks, models)
    torch.testing.assert_close(run(made, tasks, models).embedding, expected)


@pytest.mark.parametrize("blocks", [TEXT, replace(RELEASED, pooling="present")])
def test_padding_does_not_matter(blocks: Blocks) -> None:
    made = module(blocks)
    one = run(made, classes(WAYS, 1), classes(COUNTS, 2))
    tasks, models = classes(WAYS, 1), classes(COUNTS, 2)
    tasks[:, ~present(WAYS)] = 9.0
    models[:, ~present(COUNTS)] = -9.0
    torch.testing.assert_close(run(made, tasks, models).embedding, one.embedding)


@pytest.mark.parametrize("blocks", [TEXT, RELEASED])
def test_the_order_of_a_models_classes_does_not_matter(blocks: Blocks) -> None:
    made, models = module(blocks), classes(COUNTS, 2)
    turned = models.clone()
    turned[:, 0] = models[:, 0].flip(1)
    one, other = (run(made, classes(WAYS, 1), each).embedding for each in (models, turned))
    torch.testing.assert_close(one, other)


def test_weights_sum_to_one_over_present_classes_and_none_of_them() -> None:
    weights = run(module(TEXT), classes(WAYS, 1), classes(COUNTS, 2)).weights
    assert weights.shape == (MEMBERS, len(COUNTS), len(WAYS), max(WAYS), 1 + max(COUNTS))
    absent = ~present(COUNTS)[:, None, None].expand(weights[0, ..., 1:].shape)
    assert not weights[..., 1:][:, absent].any()
    expected = present(WAYS).float().expand(weights.shape[:-1])
    torch.testing.assert_close(weights.sum(dim=-1), expected)


def test_a_model_without_a_fitting_class_looks_like_none_of_them() -> None:
    made = module(TEXT)
    with torch.no_grad():
        made.projections.key.weight.zero_()
        made.none_key.copy_(1e3 * made.projections.query(classes(WAYS, 1))[:, 0, :1])
    found = run(made, classes(WAYS, 1), classes(COUNTS, 2))
    torch.testing.assert_close(found.weights[:, :, 0, 0, 0], torch.ones(MEMBERS, len(COUNTS)))


class TestBatchNormalisation:
    def test_a_score_depends_on_the_batch_only_in_training(self) -> None:
        made = module(replace(TEXT, normalisation="batch"))
        tasks, models = classes(WAYS, 1), classes(COUNTS, 2)
        for training in (False, True):
            made.train(training)
            both = run(made, tasks, models).embedding[:, :, :1]
            with torch.no_grad():
                alone = made.forward(
                    tasks, present(WAYS), made.project(models[:, :1], present(COUNTS)[:1])
                ).embedding
            assert torch.allclose(both, alone, atol=1e-5) is not training

    def test_running_statistics_approach_those_of_the_batches(self) -> None:
        made = module(replace(TEXT, normalisation="batch")).train()
        tasks, models = classes(WAYS, 1), classes(COUNTS, 2)
        expected = run(made, tasks, models).embedding
        for _ in range(100):
            run(made, tasks, models)
        torch.testing.assert_close(
            run(made.eval(), tasks, models).embedding, expected, atol=1e-3, rtol=1e-3
        )
