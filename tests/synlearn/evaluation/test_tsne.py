import numpy as np
import numpy.typing as npt
import pytest

from synlearn.errors import ScoreInputError
from synlearn.evaluation.tsne import affinities, divergence, gradient, tsne

Float64 = npt.NDArray[np.float64]

POINTS = np.random.default_rng(0).normal(size=(40, 5))


def squares(points: Float64) -> Float64:
    found: Float64 = np.square(points[:, None] - points).sum(axis=2)
    return found


def test_every_point_has_the_wanted_perplexity() -> None:
    # A ring: all points alike, so that the joint probabilities are the conditional ones / n.
    angle = 2 * np.pi * np.arange(30) / 30
    p = affinities(squares(np.stack([np.cos(angle), np.sin(angle)], axis=1)), 7.0)
    conditional = p * 30
    entropy = -(conditional * np.log(conditional.clip(min=1e-300))).sum(axis=1)
    np.testing.assert_allclose(np.exp(entropy), 7.0, rtol=1e-6)


def test_affinities_are_a_symmetric_distribution_without_self_pairs() -> None:
    p = affinities(squares(POINTS), 10.0)
    np.testing.assert_allclose(p, p.T)
    assert p.sum() == pytest.approx(1)
    assert not np.diag(p).any()


def test_affinities_survive_far_points() -> None:
    assert np.isfinite(affinities(squares(1e4 * POINTS), 5.0)).all()


def test_the_gradient_is_that_of_the_divergence() -> None:
    p = affinities(squares(POINTS), 10.0)
    places = np.random.default_rng(1).normal(size=(40, 2))
    slope, step = gradient(p, places), 1e-6
    for point, axis in ((0, 0), (7, 1), (39, 0)):
        moved = np.zeros_like(places)
        moved[point, axis] = step
        change = divergence(p, places + moved) - divergence(p, places - moved)
        assert slope[point, axis] == pytest.approx(change / (2 * step), rel=1e-5)


def test_groups_far_apart_stay_apart() -> None:
    group = np.repeat(np.arange(3), 20)
    points = np.random.default_rng(2).normal(size=(60, 8)) + 12 * np.eye(3, 8)[group]
    places = tsne(squares(points), perplexity=10)
    distance = squares(places)
    np.fill_diagonal(distance, np.inf)
    assert (group[distance.argmin(axis=1)] == group).all()
    np.testing.assert_array_equal(places, tsne(squares(points), perplexity=10))


@pytest.mark.parametrize(
    ("square", "perplexity", "what"),
    [
        (np.zeros((3, 4)), 2.0, "square matrix"),
        (np.full((9, 9), np.nan), 2.0, "finite"),
        (squares(POINTS), 39.0, "perplexity is 39 for 40"),
    ],
)
def test_bad_input_is_told(square: Float64, perplexity: float, what: str) -> None:
    with pytest.raises(ScoreInputError, match=what):
        tsne(square, perplexity=perplexity)
