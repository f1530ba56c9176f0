"""The authors' released building blocks, reproduced by the options named `RELEASED`."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synlearn.mre.blocks import RELEASED
from synlearn.mre.distance import Distance, distances
from synlearn.mre.model_transform import Ensembled, ModelTransform
from synlearn.mre.supervision import (
    AttentionRule,
    attention_labels,
    attention_loss,
    class_posterior,
    labels_of,
)
from synlearn.mre.task_transform import TaskTransform
from synlearn.mre.triplets import Normalisation, choose_triplets, hinges, metric_loss

with np.load(Path(__file__).parent / "synlearn.npz") as _arrays:
    GOLDEN = dict(_arrays)

WIDTH = 8
RULE = AttentionRule(
    float(GOLDEN["validate.gamma1"]), float(GOLDEN["validate.gamma2"]), edges="released"
)

precisions = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)]
)


def golden(name: str, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.from_numpy(np.asarray(GOLDEN[name])).to(dtype)


def check(got: Tensor, name: str, tolerance: float) -> None:
    want = golden(name)
    torch.testing.assert_close(
        got.double().reshape(want.shape), want, rtol=tolerance, atol=tolerance
    )


def task_module(dtype: torch.dtype) -> TaskTransform:
    module = TaskTransform(WIDTH, 1, RELEASED, torch.Generator()).to(dtype)
    with torch.no_grad():
        module.projections.key.weight[0] = golden("task.w_k0")
        module.output.weight[0] = golden("task.w_fc1")
        assert module.output.bias is not None
        module.output.bias[0, 0] = golden("task.b_fc1")
    return module


def model_module(dtype: torch.dtype) -> ModelTransform:
    module = ModelTransform(WIDTH, 1, RELEASED, torch.Generator()).to(dtype)
    with torch.no_grad():
        module.projections.key.weight[0] = golden("model.w_k0")
        module.first.weight[0] = golden("model.w_fc1")
        module.first_bias[0, 0, 0] = golden("model.b_fc1")
        module.second.weight[0] = golden("model.w_fc2")
        assert module.second.bias is not None
        module.second.bias[0, 0] = golden("model.b_fc2")
    return module


def ensembled(case: str, classes: Tensor, dtype: torch.dtype) -> Ensembled:
    """The model module on a task's class features; like the released code, these know no mask."""
    module, models = model_module(dtype), golden("model.class_features", dtype)[None]
    present = golden(f"task.{case}.class_mask").bool()
    with torch.no_grad():
        everywhere = torch.ones(models.shape[1:3], dtype=torch.bool)
        projected = module.project(models, everywhere)
        return module.forward(classes[None], present, projected)


@precisions
@pytest.mark.parametrize("case", ["full", "masked"])
def test_task_module(case: str, dtype: torch.dtype, tolerance: float) -> None:
    present = golden(f"task.{case}.class_mask").bool()
    with torch.no_grad():
        each, embedding = task_module(dtype)(golden("task.x", dtype)[None], present)
    check(each, f"task.{case}.class_features", tolerance)
    check(embedding, f"task.{case}.task_embedding", tolerance)


@precisions
@pytest.mark.parametrize("case", ["full", "masked"])
def test_model_module(case: str, dtype: torch.dtype, tolerance: float) -> None:
    found = ensembled(case, golden("task.full.class_features", dtype), dtype)
    logits, weights = (each[0].permute(1, 2, 0, 3) for each in (found.logits, found.weights))
    check(found.embedding, f"model.{case}.model_embedding", tolerance)
    check(logits[..., 1:], f"model.{case}.attention_logits", tolerance)
    check(logits[..., 0], f"model.{case}.attention_logit_dummy", tolerance)
    check(weights, f"model.{case}.attention_full", tolerance)
    check(weights[..., 1:], f"model.{case}.attention_used", tolerance)


@precisions
def test_attention_loss(dtype: torch.dtype, tolerance: float) -> None:
    found = ensembled("full", golden("task.full.class_features", dtype), dtype)
    labels = golden("model.attention_labels").bool().permute(2, 0, 1, 3)
    for label in (0, 1):
        loss = attention_loss(found, labels, labels == bool(label), RELEASED)
        check(loss, f"model.full.attention_loss_label{label}", tolerance)
    both = attention_loss(found, labels, torch.ones_like(labels), RELEASED)
    check(both, "end.attention_loss", tolerance)


@precisions
@pytest.mark.parametrize("case", ["dist_a", "dist_b", "dist_one"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("negative_cosine", "neg_cosine"),
        ("half_squared_l2", "half_sq_l2"),
        ("squared_l2", "sq_l2"),
        ("l2", "l2"),
    ],
)
def test_distances(
    kind: Distance, name: str, case: str, dtype: torch.dtype, tolerance: float
) -> None:
    tasks, models = golden(f"{case}.task", dtype), golden(f"{case}.spec", dtype)
    check(distances(tasks, models, kind), f"{case}.{name}", tolerance)


@precisions
@pytest.mark.parametrize("case", ["triplet_a", "triplet_b", "triplet_one"])
@pytest.mark.parametrize("gamma", [0.5, 0.1])
def test_triplet_loss(case: str, gamma: float, dtype: torch.dtype, tolerance: float) -> None:
    """Scores are better when larger, v_star when smaller."""
    distance, prefix = golden(f"{case}.distance", dtype), f"{case}.gamma{gamma}"
    triplets = choose_triplets(-golden(f"{case}.score"), "across")
    each = hinges(distance, triplets, gamma)
    assert triplets.found == golden(f"{prefix}.count_effective")
    assert (each > 0).sum() == golden(f"{prefix}.active_effective")
    check(each.sum(), f"{prefix}.sum_effective", tolerance)
    cases: list[tuple[Normalisation, str]] = [
        ("active", "official_loss"),
        ("all_pairs", "paper_eq2"),
    ]
    for normalisation, name in cases:
        check(metric_loss(distance, triplets, gamma, normalisation), f"{prefix}.{name}", tolerance)


@pytest.mark.parametrize("case", ["triplet_a", "triplet_b", "triplet_one"])
def test_triplets_of_a_graded_mask(case: str) -> None:
    """Sums, counts and active ones, apart for better cells with a mask of 1 and with less."""
    mask = golden(f"{case}.graded_mask")
    triplets = choose_triplets(-mask, "across")
    each = hinges(golden(f"{case}.distance"), triplets, 0.5)
    graded = mask.flatten()[triplets.better] >= 1
    parts = [each[graded], each[~graded]]
    sums, counts = [part.sum() for part in parts], [torch.tensor(len(part)) for part in parts]
    active = [(part > 0).sum() for part in parts]
    check(torch.stack([*sums, *counts, *active]), f"{case}.graded_out", 1e-9)


@precisions
def test_the_whole_chain(dtype: torch.dtype, tolerance: float) -> None:
    present = torch.ones(2, 5, dtype=torch.bool)
    with torch.no_grad():
        each, task = task_module(dtype)(golden("task.x", dtype)[None], present)
        found = ensembled("full", each[0], dtype)
        distance = distances(task[0, :, None], found.embedding[0], "negative_cosine")[:, 0]
    check(distance, "end.distance", tolerance)
    triplets = choose_triplets(-golden("end.score"), "across")
    metric = metric_loss(distance, triplets, 0.5, "active")
    check(metric, "end.metric_loss", tolerance)
    check(metric_loss(distance, triplets, 0.5, "all_pairs"), "end.paper_eq2", tolerance)
    labels = golden("model.attention_labels").bool().permute(2, 0, 1, 3)
    attention = attention_loss(found, labels, torch.ones_like(labels), RELEASED)[0]
    check(metric + attention, "end.total_loss_w1", tolerance)


def responses() -> Tensor:
    """p(z | y) from the stored probabilities: (models, target classes, source classes)."""
    probabilities, y = golden("validate.probs"), golden("validate.y", torch.int64)
    return torch.stack([probabilities[:, y == label].mean(dim=1) for label in y.unique()], dim=1)


def test_class_posterior() -> None:
    check(responses(), "validate.p_z_given_y", 1e-9)
    floor = 1e-5 / len(GOLDEN["validate.y"])
    check(class_posterior(responses(), floor), "validate.p_y_given_z_official", 1e-9)
    check(class_posterior(responses()), "validate.p_y_given_z_exact", 1e-9)


def test_attention_labels() -> None:
    paper = AttentionRule(RULE.gamma_1, RULE.gamma_2, edges="text")
    check(attention_labels(responses(), RULE), "validate.labels_official", 0)
    check(attention_labels(responses(), paper), "validate.labels_paper", 0)


def test_attention_labels_of_probabilities_kept_as_float16() -> None:
    posterior = class_posterior(responses()).half()
    found = labels_of(posterior, responses().half(), RULE)
    check(found, "validate.labels_official_float16", 0)


def test_attention_labels_at_the_thresholds() -> None:
    pair = golden("labels_edge.p_y_given_z"), golden("labels_edge.p_z_given_y")
    check(labels_of(*pair, RULE), "labels_edge.official", 0)
    check(labels_of(*pair, AttentionRule(0.7, 0.2)), "labels_edge.paper", 0)
