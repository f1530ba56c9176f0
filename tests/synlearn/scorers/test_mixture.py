"""The mixture: posteriors against SciPy's densities, the fit against what the rows came from."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import multivariate_normal

from synlearn.scorers.inputs import Float64
from synlearn.scorers.mixture import Mixture, fit_mixture


def two_groups(n: int = 600) -> Float64:
    rng = np.random.default_rng(0)
    near = rng.normal(size=(n // 3, 2)) @ [[1.0, 0.5], [0.0, 1.0]]
    far = rng.normal(size=(n - n // 3, 2)) * 0.5 + [6.0, -4.0]
    return np.vstack((near, far))


def test_posteriors_and_likelihood_are_those_of_the_densities() -> None:
    x = two_groups(60)
    mixture, fitted = fit_mixture(x, 3, np.random.default_rng(1))
    weighted = np.stack(
        [
            np.exp(weight) * multivariate_normal(mean, factor @ factor.T).pdf(x)
            for weight, mean, factor in zip(
                mixture.log_weights, mixture.means, mixture.factors, strict=True
            )
        ],
        axis=1,
    )
    posterior, likelihood = mixture.responsibilities(x)
    assert_allclose(posterior, fitted, rtol=0, atol=0)
    assert_allclose(posterior, weighted / weighted.sum(axis=1, keepdims=True), atol=1e-9)
    assert likelihood == pytest.approx(np.log(weighted.sum(axis=1)).mean(), rel=1e-10)


@pytest.mark.parametrize("seed", range(5))
def test_recovers_what_the_rows_were_drawn_from(seed: int) -> None:
    mixture, _ = fit_mixture(two_groups(), 2, np.random.default_rng(seed))
    order = np.argsort(mixture.log_weights)
    assert_allclose(np.exp(mixture.log_weights[order]), [1 / 3, 2 / 3], atol=1e-3)
    assert_allclose(mixture.means[order], [[0, 0], [6, -4]], atol=0.2)
    small = mixture.factors[order[0]] @ mixture.factors[order[0]].T
    assert_allclose(small, [[1.0, 0.5], [0.5, 1.25]], atol=0.25)


def test_a_step_never_lowers_the_likelihood() -> None:
    x = two_groups(90)
    share = np.random.default_rng(2).dirichlet(np.ones(4), size=len(x))
    before = -np.inf
    for _ in range(15):
        share, likelihood = Mixture.given(x, share).responsibilities(x)
        assert likelihood >= before - 1e-5  # the ridge may cost a little
        before = likelihood


def test_the_same_generator_gives_the_same_mixture() -> None:
    x = two_groups(50)
    first, second = (fit_mixture(x, 4, np.random.default_rng(3))[0] for _ in range(2))
    assert_allclose(first.means, second.means, rtol=0, atol=0)
