import numpy as np
import pytest
from scipy.special import expit, logit

from synlearn.errors import InputError
from synlearn.fusion.true_accuracy import (
    Correction,
    accuracy_logits,
    fit_correction,
    synthetic_logits,
)

LEVELS = (1, 3, 10)


def test_levels_are_met_and_lines_are_drawn_between_and_beyond() -> None:
    v_star = expit(np.log(LEVELS))[:, None]
    for k in (1, 2, 3, 5, 10, 20):
        np.testing.assert_allclose(synthetic_logits(v_star, LEVELS, k), [np.log(k)])
    assert synthetic_logits(v_star[:1], (4,), 20).tolist() == logit(v_star[0]).tolist()
    assert np.isfinite(synthetic_logits(np.array([[0.0], [1.0]]), (1, 3), 2)).all()


def test_the_correction_is_found_from_noisy_counts() -> None:
    random = np.random.default_rng(0)
    true = Correction(-0.2, 0.9, 0.1)
    synthetic, k = random.normal(0.5, 0.8, 40_000), random.choice([1, 4, 9, 19], 40_000)
    right = random.binomial(5 * k, expit(true.logits(synthetic, k))) / (5 * k)
    found = fit_correction(synthetic, k, right)
    assert found.intercept == pytest.approx(-0.2, abs=0.02)
    assert found.slope == pytest.approx(0.9, abs=0.03)
    assert found.growth == pytest.approx(0.1, abs=0.01)


def test_accuracies_are_those_of_real_rows() -> None:
    """Synthetic rows flatter; held-out counts at K are of heads on K - 1."""
    random = np.random.default_rng(1)
    base = random.normal(0.3, 0.6, (40, 30))
    real = {k: base + 0.5 * np.log(k) for k in (1, 2, 3, 4, 5, 10)}
    v_star = np.stack([expit(real[k] + 0.25) for k in LEVELS])
    held_out = {k: random.binomial(300, expit(base + 0.5 * np.log(k - 1))) / 300 for k in (2, 5)}
    held_out[5][3] = np.nan  # no target dataset of this task
    logits, correction = accuracy_logits(v_star, LEVELS, {1: np.zeros((40, 30)), **held_out})
    assert correction.intercept == pytest.approx(-0.25, abs=0.03)
    for k in (1, 2, 5):
        np.testing.assert_allclose(logits[k], real[k], atol=0.12)
        assert (logits[k] - real[k]).mean() == pytest.approx(0, abs=0.02)


def test_a_single_number_of_examples_has_no_growth() -> None:
    found = fit_correction(np.array([0.0, 1.0]), np.array([3, 3]), np.array([0.4, 0.6]))
    assert found.growth == 0


def test_without_held_out_rows_nothing_is_known() -> None:
    with pytest.raises(InputError, match="no accuracy on real rows"):
        accuracy_logits(np.full((3, 2, 4), 0.5), LEVELS, {1: np.zeros((2, 4))})
