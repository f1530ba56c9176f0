import numpy as np
import numpy.typing as npt
import pytest

from synlearn.errors import ScoreInputError
from synlearn.evaluation.tsne import tsne

Float64 = npt.NDArray[np.float64]

POINTS = np.random.default_rng(0).normal(size=(40, 5))


def squares(points: Float64) -> Float64:
    found: Float64 = np.square(points[:, None] - points).sum(axis=2)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_groups_far_apart_stay_apart(seed: int) -> None:
    group = np.repeat(np.arange(3), 20)
    points = np.random.default_rng(seed).normal(size=(60, 8)) + 12 * np.eye(3, 8)[group]
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
