"""Pre-training on real classes: providers' parts make the one objective over all their triplets."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import Answer, PretrainingGradient, PretrainingUpdate, Query, check_answer
from provider.answers import Context, answer
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.mre.backbone import Backbone, BackboneSpec, load_backbone, save_backbone
from synlearn.mre.pretraining import (
    HingeSum,
    combine_gradients,
    combine_updates,
    flatten_parameters,
    hinges,
)
from tests.labelled import provider_with

MARGIN, RATE, STEPS = 0.02, 0.1, 2
CLASSES, ROWS = 3, 2
"""Asked of every provider."""


def backbone_file() -> bytes:
    """Untrained, but with features in all directions, so that some hinges are at rest."""
    torch.manual_seed(3)
    model = Backbone(BackboneSpec(width=2, features=6))
    images = torch.from_numpy(provider_with({"ant": 9, "cat": 9}).images(np.arange(18)))
    with torch.no_grad():
        model.head.bias.sub_(model.head(model.body(images).mean(dim=(2, 3))).mean(dim=0))
    return save_backbone(model)


BACKBONE = backbone_file()
DIGEST = digest_of(BACKBONE)
Held = dict[str, int]
FEDERATIONS = st.lists(
    st.dictionaries(st.sampled_from(["ant", "bee", "cat", "dog"]), st.integers(2, 5), min_size=2),
    min_size=1,
    max_size=4,
)
"""Rows of each class at each provider; classes overlap."""


def randomness(provider: int) -> np.random.Generator:
    return row_generator(bytes([provider]) * 32, JobId("job"), QueryId(1, 0, 0))


def ask(provider: int, held: Held, query: Query) -> Answer:
    context = Context(
        dataset=provider_with(held, provider),
        files={DIGEST: BACKBONE},
        models=ModelCache(),
        random=randomness(provider),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), JobId("job")),
    )
    found = answer(query, context)
    check_answer(query, found)
    return found


def part(found: Answer, name: str) -> HingeSum:
    return HingeSum(
        found[name], float(found["hinge_sum"]), int(found["active"]), int(found["triplets"])
    )


def batch(provider: int, held: Held, random: np.random.Generator) -> torch.Tensor:
    """What the node draws: classes, then rows of each; (classes, rows, channels, h, w)."""
    data = provider_with(held, provider)
    names = sorted(held)
    drawn = random.choice(len(names), min(CLASSES, len(names)), replace=False)
    rows = [random.choice(data.rows_of(names[i]), ROWS, replace=False) for i in drawn]
    return torch.stack([torch.from_numpy(data.images(each)) for each in rows]).double()


def objective(model: Backbone, grouped: torch.Tensor) -> torch.Tensor:
    features = model(grouped.flatten(0, 1)).unflatten(0, grouped.shape[:2])
    return hinges(features, MARGIN).flatten()


@settings(max_examples=15, deadline=None)
@given(FEDERATIONS)
def test_the_gradient_is_that_of_the_mean_over_all_active_hinges(federation: list[Held]) -> None:
    query = PretrainingGradient(DIGEST, CLASSES, ROWS, MARGIN, "float64")
    parts = [part(ask(i, held, query), "gradient") for i, held in enumerate(federation)]
    combined = combine_gradients(parts)
    model = load_backbone(BACKBONE).double()
    each = torch.cat(
        [objective(model, batch(i, held, randomness(i))) for i, held in enumerate(federation)]
    )
    mean = each.sum() / (each > 0).sum().clamp(min=1)
    gradients = torch.autograd.grad(mean, list(model.parameters()))
    expected = torch.cat([gradient.flatten() for gradient in gradients]).numpy()
    size = max(float(np.linalg.norm(expected)), 1e-6)
    assert np.linalg.norm(combined.vector - expected) < 1e-9 * size
    assert combined.loss == pytest.approx(float(mean.detach()), rel=1e-9)
    for held, found in zip(federation, parts, strict=True):
        classes = min(CLASSES, len(held))
        assert found.triplets == classes * ROWS * (ROWS - 1) * (classes - 1) * ROWS


@settings(max_examples=5, deadline=None)
@given(FEDERATIONS)
def test_the_update_is_the_mean_of_local_descents(federation: list[Held]) -> None:
    query = PretrainingUpdate(DIGEST, CLASSES, ROWS, MARGIN, STEPS, RATE, "float64")
    parts = [part(ask(i, held, query), "change") for i, held in enumerate(federation)]
    combined = combine_updates(parts)
    changes = []
    for i, held in enumerate(federation):
        model, random = load_backbone(BACKBONE).double(), randomness(i)
        start = flatten_parameters(model)
        optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
        for _ in range(STEPS):
            each = objective(model, batch(i, held, random))
            optimiser.zero_grad()
            (each.sum() / (each > 0).sum().clamp(min=1)).backward()
            optimiser.step()
        changes.append((flatten_parameters(model) - start).numpy())
    weights = [min(CLASSES, len(held)) * (min(CLASSES, len(held)) - 1) for held in federation]
    expected = np.average(changes, axis=0, weights=weights)
    size = max(float(np.linalg.norm(expected)), 1e-6)
    assert np.linalg.norm(combined.vector + expected) < 1e-9 * size


def test_classes_with_too_few_rows_are_left_out() -> None:
    query = PretrainingGradient(DIGEST, CLASSES, ROWS, MARGIN)
    found = ask(0, {"ant": 1, "bee": 2, "cat": 5}, query)
    assert int(found["triplets"]) == 2 * 2 * 1 * 1 * 2
    with pytest.raises(Refused) as caught:
        ask(0, {"ant": 1, "bee": 1, "cat": 5}, query)
    assert caught.value.code is Code.TOO_FEW_ROWS


def test_one_class_alone_makes_pseudo_classes() -> None:
    query = PretrainingGradient(DIGEST, CLASSES, ROWS, MARGIN)
    assert int(ask(0, {"ant": 9}, query)["triplets"]) == 3 * 2 * 1 * 2 * 2
