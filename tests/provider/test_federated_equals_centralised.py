"""What unequal providers answer over the wire, put together, is what one computation over all
their rows would have given."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import torch

from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.queries import (
    Answer,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    decode_answer,
    encode_query,
)
from provider.answers import Context
from provider.gate import FixedGate
from provider.ledger import MemoryLedger
from provider.models import ModelCache
from provider.node import Node
from provider.rows import RowSplit, row_generator, subject_generator
from provider.workbench import Workbench
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, load_backbone, save_backbone
from synlearn.mre.pretraining import (
    HingeSum,
    combine_gradients,
    combine_updates,
    flatten_parameters,
    hinges,
    make_classes,
)
from synlearn.validation.squared_error import SquaredErrorSums, combine
from synlearn.zoo.stacked import stack_files
from tests.models import model_file
from tests.sprites import Sprites

JOB, Q = JobId("job"), QueryId(1, 0, 0)
MARGIN, RATE = 0.3, 0.2
DATA = {
    ProviderId("alice"): Sprites(Shape.SQUARE, rows=40, seed=1),
    ProviderId("bob"): Sprites(Shape.ELLIPSE, rows=14, seed=2),
    ProviderId("carol"): Sprites(Shape.HEART, rows=200, seed=3),
}
SHAPES = {"alice": (4, 3), "bob": (2, 7), "carol": (5, 2)}
"""Classes, and rows a class, that each is asked for."""


def secret(provider: ProviderId) -> bytes:
    return provider.encode().ljust(32, b"\0")


def backbone_file() -> bytes:
    """Untrained, but with features in all directions, so that some hinges are at rest."""
    torch.manual_seed(5)
    model = Backbone(BackboneSpec(width=2, features=6))
    images = torch.from_numpy(
        np.concatenate([data.images(np.arange(14)) for data in DATA.values()])
    )
    with torch.no_grad():
        model.head.bias.sub_(model.head(model.body(images).mean(dim=(2, 3))).mean(dim=0))
    return save_backbone(model)


BACKBONE = backbone_file()
MODELS: dict[str, bytes] = {digest_of(data): data for data in map(model_file, "abc")}


class Shelf:
    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        return {digest_of(BACKBONE): BACKBONE, **MODELS}[digest]


def over_the_wire(provider: ProviderId, query: Query) -> Answer:
    """The answer as the coordinator reads it."""
    with ThreadPoolExecutor(1) as executor:
        node = Node(
            provider,
            JOB,
            gate=FixedGate(),
            ledger=MemoryLedger(),
            bench=Workbench(DATA[provider], secret(provider), ModelCache(), executor),
        )
        body = asyncio.run(node.answer(Q, encode_query(query), Shelf(), lambda _: None))
    return decode_answer(query, body)


def context(provider: ProviderId) -> Context:
    """Draws the very rows that the node has drawn."""
    key = secret(provider)
    return Context(
        DATA[provider],
        {},
        ModelCache(),
        row_generator(key, JOB, Q),
        RowSplit(key),
        partial(subject_generator, key, JOB),
    )


def batch(provider: ProviderId, scene: Context, dtype: torch.dtype) -> torch.Tensor:
    classes, rows = SHAPES[provider]
    images = DATA[provider].images(scene.draw_rows(classes * rows))
    return make_classes(torch.from_numpy(images).to(dtype), classes, scene.torch_generator())


def part(answer: Answer, name: str) -> HingeSum:
    return HingeSum(
        answer[name], float(answer["hinge_sum"]), int(answer["active"]), int(answer["triplets"])
    )


def relative(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


TOLERANCES = pytest.mark.parametrize(
    ("precision", "tolerance"), [("float64", 1e-9), ("float32", 1e-5)]
)


@TOLERANCES
def test_the_gradient_of_the_mean_active_hinge(precision: str, tolerance: float) -> None:
    digest = digest_of(BACKBONE)
    combined = combine_gradients(
        [
            part(
                over_the_wire(
                    provider, PretrainingGradient(digest, *SHAPES[provider], MARGIN, precision)
                ),
                "gradient",
            )
            for provider in DATA
        ]
    )
    model = load_backbone(BACKBONE).double()
    each = torch.cat(
        [
            hinges(model(rows.flatten(0, 1)).unflatten(0, rows.shape[:2]), MARGIN).flatten()
            for rows in (batch(name, context(name), torch.float64) for name in DATA)
        ]
    )
    mean = each.sum() / (each > 0).sum()
    gradients = torch.autograd.grad(mean, list(model.parameters()))
    expected = torch.cat([gradient.flatten() for gradient in gradients]).numpy()
    assert 0.1 < combined.active_share < 0.9
    assert relative(combined.vector, expected) < tolerance
    assert combined.loss == pytest.approx(float(mean.detach()), rel=tolerance)


@TOLERANCES
def test_the_average_of_local_updates(precision: str, tolerance: float) -> None:
    digest, steps = digest_of(BACKBONE), 3
    combined = combine_updates(
        [
            part(
                over_the_wire(
                    provider,
                    PretrainingUpdate(digest, *SHAPES[provider], MARGIN, steps, RATE, precision),
                ),
                "change",
            )
            for provider in DATA
        ]
    )
    changes, weights = [], []
    for provider in DATA:
        model = load_backbone(BACKBONE).double()
        start = flatten_parameters(model)
        scene = context(provider)
        optimiser = torch.optim.SGD(model.parameters(), lr=RATE)
        for rows in [batch(provider, scene, torch.float64) for _ in range(steps)]:
            optimiser.zero_grad()
            each = hinges(model(rows.flatten(0, 1)).unflatten(0, rows.shape[:2]), MARGIN)
            (each.sum() / (each > 0).sum()).backward()
            optimiser.step()
        changes.append((flatten_parameters(model) - start).numpy())
        classes, rows_of_a_class = SHAPES[provider]
        weights.append(
            classes * rows_of_a_class * (rows_of_a_class - 1) * (classes - 1) * rows_of_a_class
        )
    expected = np.average(changes, axis=0, weights=weights)
    # A change is a small difference of parameters, so float32 leaves it fewer digits.
    assert relative(-combined.vector, expected) < (tolerance if precision == "float64" else 1e-3)


def test_the_mean_squared_error() -> None:
    counts = dict(zip(DATA, (40, 5, 23), strict=True))
    parts = []
    for provider, rows in counts.items():
        answer = over_the_wire(provider, SquaredError(tuple(MODELS), rows))
        parts.append(SquaredErrorSums(answer["sums"], int(answer["count"])))
    pooled = [
        (DATA[provider].images(drawn), DATA[provider].values(drawn))
        for provider, drawn in (
            (provider, context(provider).draw_rows(rows)) for provider, rows in counts.items()
        )
    ]
    images, values = (np.concatenate(column) for column in zip(*pooled, strict=True))
    predictions = stack_files(list(MODELS.values())).predict(images).astype(np.float64)
    np.testing.assert_allclose(
        combine(parts), ((predictions - values) ** 2).mean(axis=(1, 2)), rtol=1e-6
    )
