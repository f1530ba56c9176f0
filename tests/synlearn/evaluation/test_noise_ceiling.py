"""The ceiling formula against a simulation in which the noiseless truth is known."""

import numpy as np
import pytest

from synlearn.errors import ScoreInputError
from synlearn.evaluation import kendall_tau, noise_ceiling, random_halves, split_half_tau


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_a_perfect_scorer_reaches_the_ceiling(noise: float) -> None:
    """Bivariate normal: true values plus independent noise in each of 16 draws."""
    rng = np.random.default_rng(3)
    tasks, draws, models = 120, 16, 200
    halves, reached = [], []
    for _ in range(tasks):
        true = rng.normal(size=models)
        seen = true + noise * np.sqrt(draws) * rng.normal(size=(draws, models))
        halves.append(split_half_tau(*random_halves(seen, rng)))
        reached.append(kendall_tau(true, seen.mean(axis=0)))
    # Standard error of a mean tau here: below 0.04 / sqrt(120).
    assert noise_ceiling(float(np.mean(halves))).tau == pytest.approx(np.mean(reached), abs=0.012)


@pytest.mark.parametrize("noise", [0.3, 1.0, 3.0])
def test_reliability_is_the_share_of_true_variance(noise: float) -> None:
    """For jointly normal halves tau_half = 2/pi asin(1 / (1 + 2 noise^2)), in closed form."""
    tau_half = 2 / np.pi * np.arcsin(1 / (1 + 2 * noise**2))
    assert noise_ceiling(tau_half).reliability == pytest.approx(1 / (1 + noise**2), rel=1e-12)


def test_ends_of_the_scale() -> None:
    assert noise_ceiling(1.0).tau == pytest.approx(1.0)
    assert noise_ceiling(0.0).tau == 0.0
    assert noise_ceiling(-0.2).tau == 0.0  # halves that disagree: a truth of pure noise
    assert 0.5 < noise_ceiling(0.5).tau < 1.0


@pytest.mark.parametrize("tau_half", [1.1, -1.1, float("nan")])
def test_impossible_tau(tau_half: float) -> None:
    with pytest.raises(ScoreInputError, match="lies between"):
        noise_ceiling(tau_half)


def test_halves_are_disjoint_and_equal() -> None:
    draws = np.arange(7 * 3, dtype=float).reshape(7, 3)
    a, b = random_halves(draws, np.random.default_rng(0))
    assert a.shape == b.shape == (3, 3)
    assert not set(a[:, 0]) & set(b[:, 0])


def test_vectors_or_draws() -> None:
    draws = np.random.default_rng(0).normal(size=(8, 12))
    assert split_half_tau(draws[::2], draws[1::2]) == kendall_tau(
        draws[::2].mean(axis=0), draws[1::2].mean(axis=0)
    )
    assert split_half_tau(draws[0], draws[1]) == kendall_tau(draws[0], draws[1])


def test_bad_halves() -> None:
    with pytest.raises(ScoreInputError, match="equally many draws"):
        split_half_tau(np.ones((2, 3)), np.ones((3, 3)))
    with pytest.raises(ScoreInputError, match="neither empty"):
        split_half_tau(np.ones((0, 3)), np.ones((0, 3)))
    with pytest.raises(ScoreInputError, match="at least two draws"):
        random_halves(np.ones((1, 3)), np.random.default_rng(0))
    with pytest.raises(ScoreInputError, match="NaN"):
        split_half_tau([1, np.nan], [1, 2])
