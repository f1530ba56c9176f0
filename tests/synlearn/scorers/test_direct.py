import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.scorers.leep import leep
from synlearn.scorers.logme import logme
from synlearn.scorers.ridge_loo import ridge_loo

RANDOM = np.random.default_rng(0)
LABELS = np.repeat([7, 3, 9], 4)
FEATURES = [RANDOM.normal(size=(12, width)).astype(np.float16) for width in (8, 20, 8, 5)]
PROBABILITIES = [RANDOM.dirichlet(np.ones(c), 12).astype(np.float16) for c in (3, 6, 4, 2)]
OUTPUTS = ModelOutputs.of(FEATURES, PROBABILITIES)


def test_models_of_several_widths_keep_their_places() -> None:
    found = direct_scores(OUTPUTS, LABELS)
    assert list(found) == list(Direct)
    for place, (features, given) in enumerate(zip(FEATURES, PROBABILITIES, strict=True)):
        wide, p = features.astype(float), given.astype(float)
        p /= p.sum(axis=1, keepdims=True)
        assert found[Direct.LOGME][place] == pytest.approx(logme(wide, LABELS))
        squared = ridge_loo(wide, LABELS, measure="squared_error")
        assert found[Direct.RIDGE][place] == pytest.approx(squared)
        assert found[Direct.LEEP][place] == pytest.approx(leep(p, LABELS))


def test_some_rows_and_some_scores() -> None:
    rows = np.array([0, 4, 8, 1, 5, 9])
    found = direct_scores(OUTPUTS.rows(rows), LABELS[rows], [Direct.NCE, Direct.KNN])
    assert list(found) == [Direct.NCE, Direct.KNN]
    assert found[Direct.KNN].shape == (4,)


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ScoreInputError, match="sum to 1"):
        direct_scores(ModelOutputs.of(FEATURES, [p * 2 for p in PROBABILITIES]), LABELS)


def test_features_that_are_not_finite_are_refused() -> None:
    broken = [FEATURES[0].copy(), *FEATURES[1:]]
    broken[0][3, 2] = np.inf
    with pytest.raises(ScoreInputError, match="infinity"):
        direct_scores(ModelOutputs.of(broken, PROBABILITIES), LABELS)


def test_outputs_for_different_rows_are_refused() -> None:
    with pytest.raises(ScoreInputError, match="same rows"):
        ModelOutputs.of([FEATURES[0][:3], *FEATURES[1:]], PROBABILITIES)
