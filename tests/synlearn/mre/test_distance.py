import pytest
import torch
from scipy.spatial.distance import cdist

from synlearn.mre.distance import Distance, distances

GENERATOR = torch.Generator().manual_seed(0)
TASKS = torch.randn(2, 4, 5, generator=GENERATOR, dtype=torch.float64)
MODELS = torch.randn(2, 3, 5, generator=GENERATOR, dtype=torch.float64)


@pytest.mark.parametrize(
    ("kind", "name", "factor"),
    [
        ("cosine", "cosine", 1.0),
        ("squared_l2", "sqeuclidean", 1.0),
        ("half_squared_l2", "sqeuclidean", 0.5),
        ("l2", "euclidean", 1.0),
    ],
)
def test_distances_are_those_of_scipy(kind: Distance, name: str, factor: float) -> None:
    found = distances(TASKS, MODELS, kind)
    for own, tasks, models in zip(found, TASKS, MODELS, strict=True):
        expected = factor * cdist(tasks.numpy(), models.numpy(), name)
        torch.testing.assert_close(own, torch.from_numpy(expected))


def test_the_released_cosine_is_minus_the_cosine_but_for_its_floor() -> None:
    found, cosine = distances(TASKS, MODELS, "negative_cosine"), distances(TASKS, MODELS, "cosine")
    torch.testing.assert_close(found, cosine - 1, atol=1e-4, rtol=0)
    assert (found.abs() < (cosine - 1).abs()).all()


@pytest.mark.parametrize("kind", ["cosine", "negative_cosine"])
def test_an_embedding_of_length_zero_has_a_finite_distance(kind: Distance) -> None:
    assert distances(torch.zeros(1, 5), torch.ones(1, 5), kind).isfinite().all()


@pytest.mark.parametrize("kind", ["half_squared_l2", "squared_l2", "l2"])
def test_a_point_has_no_distance_to_itself(kind: Distance) -> None:
    """Nor one below 0, as rounding would have it."""
    points = torch.randn(50, 1, 64, generator=GENERATOR)
    found = distances(points, points, kind)
    assert (found >= 0).all()
    assert float(found.max()) < (0.02 if kind == "l2" else 1e-4)
