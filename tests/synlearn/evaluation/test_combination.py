"""Combined scores against golden vectors and by properties."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.evaluation.combination import combined, min_max, with_depth, z_score
from synlearn.evaluation.rank_correlation import pearson
from tests.synlearn.scorers.golden import details

Floats = NDArray[np.float64]


def golden(key: str) -> Floats:
    return details("combination")[key].astype(np.float64)


def test_golden_ncti() -> None:
    seli, ncc, vc = golden("ncti.components").T
    assert combined([ncc, seli, vc], [1, 1, -1]) == pytest.approx(golden("ncti.score"), abs=1e-12)


def test_golden_etran() -> None:
    energy, lda, regression = (golden(f"etran.{part}") for part in ("energy", "lda", "regression"))
    assert combined([energy, lda], [0.15, 0.85]) == pytest.approx(
        golden("etran.score_repo"), abs=1e-12
    )
    everything = [energy, lda, regression]
    assert combined(everything) == pytest.approx(golden("etran.sum_minmax_3"), abs=1e-12)
    assert combined(everything, scaling="none") == pytest.approx(
        golden("etran.sum_raw_3"), abs=1e-12
    )


def test_golden_depth() -> None:
    scores, layers = golden("plasticity.scores"), golden("plasticity.layers")
    truth, adjusted = golden("plasticity.truth"), golden("plasticity.adjusted")
    known = truth > 0
    for column in range(3):
        got = with_depth(scores[:, column], layers)
        assert got == pytest.approx(adjusted[:, column], abs=1e-12)
        assert 100 * pearson(got[known], truth[known]) == pytest.approx(
            golden("plasticity.pearson_x100")[column], abs=1e-9
        )


@pytest.mark.parametrize("scale", [min_max, z_score])
def test_what_does_not_matter(scale: object) -> None:
    scores = np.random.default_rng(0).normal(size=9)
    order = np.random.default_rng(1).permutation(9)
    one = scale(scores)  # type: ignore[operator]
    assert scale(3 * scores - 7) == pytest.approx(one)  # type: ignore[operator]
    assert scale(scores * 1e308 / 4) == pytest.approx(one)  # type: ignore[operator]
    assert scale(scores[order]) == pytest.approx(one[order])  # type: ignore[operator]


def test_z_scores_are_standard() -> None:
    z = z_score([1.0, 5.0, 2.0, 2.5])
    assert z.mean() == pytest.approx(0)
    assert z.std(ddof=1) == pytest.approx(1)
    assert combined([[1.0, 5.0, 2.0, 2.5]], scaling="z_score") == pytest.approx(z)


@pytest.mark.parametrize(
    ("scores", "options", "message"),
    [
        ([], {}, "at least one score"),
        ([[1, 2]], {"weights": [1, 2]}, "2 weights for 1 scores"),
        ([[1, 2]], {"weights": [np.nan]}, "finite weight"),
        ([[1, 2], [1, 2, 3]], {}, "for 2, 3 models"),
        ([[1, np.inf]], {}, "finite"),
        ([[[1, 2]]], {}, "shape"),
        ([[0.1 + 0.2, 0.3]], {}, "same for all models"),
        ([[5]], {"scaling": "z_score"}, "same for all models"),
        ([[1, 2]], {"scaling": "rank"}, "scaling is 'rank'"),
    ],
)
def test_bad_input_is_said(scores: object, options: dict[str, object], message: str) -> None:
    with pytest.raises(ScoreInputError, match=message):
        combined(scores, **options)  # type: ignore[arg-type]


def test_bad_depths_are_said() -> None:
    with pytest.raises(ScoreInputError, match="3 layers"):
        with_depth([1, 2], [18, 50, 101])
    with pytest.raises(ScoreInputError, match="scale 0"):
        with_depth([1, 2], [18, 50], scale=0)
