import copy
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.pretraining import (
    HingeSum,
    combine_gradients,
    combine_updates,
    flatten_parameters,
    hinge_gradient,
    hinges,
    local_update,
    make_classes,
    set_gradients,
    set_parameters,
    triplet_count,
)
from synlearn.mre.views import draw_views
from tests.sprites import Sprites

MARGIN = 0.3


def unequal_providers(dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Batches of three providers: other data, other numbers of classes and of rows."""
    batches = []
    for seed, (shape, classes, rows) in enumerate(
        ((Shape.SQUARE, 4, 3), (Shape.ELLIPSE, 2, 7), (Shape.HEART, 5, 2))
    ):
        images = Sprites(shape, classes * rows, seed).images(np.arange(classes * rows))
        generator = torch.Generator().manual_seed(seed)
        batches.append(make_classes(torch.from_numpy(images).to(dtype), classes, generator))
    return batches


def backbone(dtype: torch.dtype = torch.float64) -> Backbone:
    """Untrained, but with features in all directions, so that some hinges are at rest."""
    torch.manual_seed(5)
    model = Backbone(BackboneSpec(width=2, features=6)).double()
    with torch.no_grad():
        images = torch.cat([batch.flatten(0, 1) for batch in unequal_providers()])
        model.head.bias.sub_(model.head(model.body(images).mean(dim=(2, 3))).mean(dim=0))
    return model.to(dtype)


def naive_hinges(features: Tensor, margin: float) -> list[Tensor]:
    """Every triplet's hinge, one by one, in whatever graph `features` belongs to."""
    found = []
    classes, rows = features.shape[:2]
    instances = list(itertools.product(range(classes), range(rows)))
    for anchor, positive, negative in itertools.product(instances, repeat=3):
        if anchor[0] == positive[0] != negative[0] and anchor != positive:
            near = (features[anchor] - features[positive]).square().sum()
            far = (features[anchor] - features[negative]).square().sum()
            found.append((near - far + margin).clamp(min=0))
    return found


def centralised(model: Backbone, batches: Sequence[Tensor], margin: float) -> tuple[Tensor, float]:
    """Gradient of the mean active hinge over all rows in one graph, and that mean."""
    found: list[Tensor] = []
    for batch in batches:
        features = model(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])
        found += naive_hinges(features, margin)
    each = torch.stack(found)
    mean = each.sum() / (each > 0).sum()
    gradients = torch.autograd.grad(mean, list(model.parameters()))
    return torch.cat([gradient.flatten() for gradient in gradients]), float(mean.detach())


def relative(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.linalg.norm(one - other) / np.linalg.norm(other))


@pytest.mark.parametrize(("classes", "rows"), [(2, 2), (3, 4), (5, 2)])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_hinges_are_those_of_a_triple_loop(classes: int, rows: int, margin: float) -> None:
    generator = torch.Generator().manual_seed(classes)
    features = torch.randn(classes, rows, 3, generator=generator, dtype=torch.float64)
    each = hinges(features, margin)
    expected = torch.stack(naive_hinges(features, margin))
    assert each.shape == (classes * rows,) * 3
    torch.testing.assert_close(each[each > 0].sort().values, expected[expected > 0].sort().values)
    assert len(expected) == triplet_count(classes, rows)


def test_hinges_stand_where_their_triplet_says() -> None:
    features = torch.tensor([[[0.0], [1.0]], [[4.0], [2.0]]])  # instances 0, 1 and 2, 3
    each = hinges(features, margin=0.5)
    assert each[0, 1, 3] == 0  # 1 - 4 + 0.5
    assert each[1, 0, 3] == 1 - 1 + 0.5
    assert each[3, 2, 1] == 4 - 1 + 0.5
    assert each[0, 0, 2] == 0  # no row is its own positive
    assert each[0, 2, 1] == 0  # nor is one of another class


@pytest.mark.parametrize(("classes", "rows"), [(1, 5), (5, 1)])
def test_without_two_classes_or_two_rows_there_is_no_triplet(classes: int, rows: int) -> None:
    assert hinges(torch.randn(classes, rows, 3), 0.5).sum() == 0
    assert triplet_count(classes, rows) == 0


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-5)], ids=str
)
def test_the_federated_gradient_is_the_centralised_one(
    dtype: torch.dtype, tolerance: float
) -> None:
    parts = [hinge_gradient(backbone(dtype), batch, MARGIN) for batch in unequal_providers(dtype)]
    combined = combine_gradients(parts)
    # Always against float64: the float32 sum is not compared with an equally rounded one.
    expected, loss = centralised(backbone(), unequal_providers(), MARGIN)
    assert 0 < combined.active_share < 1, "all hinges active: the count would not matter"
    assert len({part.active / part.triplets for part in parts}) == 3
    assert relative(combined.vector, expected.numpy()) < tolerance
    assert combined.loss == pytest.approx(loss, rel=tolerance)


def test_averaging_at_each_provider_would_be_another_gradient() -> None:
    """What the sums and counts are for: the mean of the providers' means is far off."""
    parts = [hinge_gradient(backbone(), batch, MARGIN) for batch in unequal_providers()]
    means = np.mean([part.vector / part.active for part in parts], axis=0)
    expected, _ = centralised(backbone(), unequal_providers(), MARGIN)
    assert relative(means, expected.numpy()) > 0.01


def test_a_gradient_leaves_the_backbone_alone() -> None:
    model = backbone()
    before = flatten_parameters(model)
    hinge_gradient(model, unequal_providers()[0], MARGIN)
    assert torch.equal(flatten_parameters(model), before)
    assert all(parameter.grad is None for parameter in model.parameters())


def test_a_local_update_is_a_loop_of_plain_steps() -> None:
    batches = unequal_providers()
    model = backbone()
    start = flatten_parameters(model)
    hinge_sum, active = 0.0, 0
    for batch in batches:
        optimiser = torch.optim.SGD(model.parameters(), lr=0.2)
        optimiser.zero_grad()
        features = model(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])
        each = torch.stack(naive_hinges(features, MARGIN))
        (each.sum() / (each > 0).sum()).backward()
        optimiser.step()
        hinge_sum += float(each.sum().detach())
        active += int((each > 0).sum())
    part = local_update(backbone(), batches, MARGIN, learning_rate=0.2)
    expected = (flatten_parameters(model) - start).numpy()
    assert relative(part.vector, expected) < 1e-9
    assert part.hinge_sum == pytest.approx(hinge_sum)
    assert part.active == active
    assert part.triplets == sum(triplet_count(*batch.shape[:2]) for batch in batches)


def test_updates_are_averaged_by_triplets_and_turned_into_a_descent_direction() -> None:
    batches = unequal_providers()
    parts = [local_update(backbone(), [batch] * 2, MARGIN, 0.2) for batch in batches]
    weights = np.array([2 * triplet_count(*batch.shape[:2]) for batch in batches])
    average = sum(weight * part.vector for weight, part in zip(weights, parts, strict=True))
    combined = combine_updates(parts)
    np.testing.assert_allclose(-combined.vector, average / weights.sum(), rtol=1e-9, atol=1e-12)
    model = backbone()
    set_gradients(model, torch.from_numpy(combined.vector))
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    moved = (flatten_parameters(model) - flatten_parameters(backbone())).numpy()
    np.testing.assert_allclose(moved, average / weights.sum(), rtol=1e-9, atol=1e-12)


def test_without_an_active_hinge_there_is_no_step() -> None:
    nothing = HingeSum(np.zeros(3, np.float32), hinge_sum=0.0, active=0, triplets=12)
    for combine in (combine_gradients, combine_updates):
        combined = combine([nothing, nothing])
        assert combined.vector.tolist() == [0.0, 0.0, 0.0]
        assert (combined.loss, combined.active_share) == (0.0, 0.0)


def test_sums_run_in_float64_and_leave_the_parts_alone() -> None:
    """Float32 parts that only float64 can add: 2^24 + 1."""
    parts = [
        HingeSum(np.array([value], np.float32), hinge_sum=1.0, active=1, triplets=1)
        for value in (2.0**24, 1.0)
    ]
    for part in parts:
        part.vector.flags.writeable = False  # as they come over the wire
    assert combine_gradients(parts).vector.tolist() == [(2**24 + 1) / 2]
    assert combine_updates(parts).vector.tolist() == [-(2**24 + 1) / 2]
    assert combine_gradients(parts).vector.dtype == np.float64


def test_descending_the_federated_gradient_lowers_the_loss() -> None:
    model = backbone()
    losses = []
    for _ in range(20):
        combined = combine_gradients(
            [hinge_gradient(model, batch, MARGIN) for batch in unequal_providers()]
        )
        losses.append(combined.loss * combined.active_share)  # the mean over all triplets
        set_parameters(model, flatten_parameters(model) - 0.3 * torch.from_numpy(combined.vector))
    assert losses[-1] < 0.7 * losses[0]


def test_each_pseudo_class_is_one_view_of_different_rows() -> None:
    images = torch.from_numpy(Sprites(Shape.ELLIPSE, 12).images(np.arange(12)))
    grouped = make_classes(images, 3, torch.Generator().manual_seed(1))
    assert grouped.shape == (3, 4, 1, 64, 64)
    assert torch.equal(grouped[0], images[:4])  # the first view changes nothing
    areas = grouped.sum(dim=(2, 3, 4)).mean(dim=1)
    zooms = draw_views(3, torch.Generator().manual_seed(1))[:, 1]
    torch.testing.assert_close(areas / areas[0], (zooms**2).float(), rtol=0.1, atol=0)


def test_flat_vectors_are_the_parameters_in_order() -> None:
    model, other = backbone(), copy.deepcopy(backbone())
    vector = torch.arange(float(flatten_parameters(model).numel()), dtype=torch.float64)
    set_parameters(model, vector)
    assert torch.equal(flatten_parameters(model), vector)
    set_gradients(other, vector)
    gradients = [parameter.grad for parameter in other.parameters()]
    assert torch.equal(torch.cat([g.flatten() for g in gradients if g is not None]), vector)


@pytest.mark.parametrize("write", [set_parameters, set_gradients])
@pytest.mark.parametrize("off_by", [-1, 1])
def test_a_vector_of_another_length_is_not_written(write: object, off_by: int) -> None:
    model = backbone()
    vector = torch.zeros(flatten_parameters(model).numel() + off_by)
    with pytest.raises((RuntimeError, ValueError)):
        write(model, vector)  # type: ignore[operator]
