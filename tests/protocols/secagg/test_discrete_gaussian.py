"""The sampler against the exact distribution; all seeds are fixed, so nothing here is flaky."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from protocols.secagg import discrete_gaussian
from protocols.secagg.discrete_gaussian import (
    LARGEST_VARIANCE,
    SMALLEST_VARIANCE,
    DiscreteGaussianSampler,
)
from protocols.secagg.keys import ByteStream

COUNT = 400_000


def stream(label: str = "test") -> ByteStream:
    return ByteStream(bytes(range(32)), label)


def probabilities(variance: float, reach: int) -> npt.NDArray[np.float64]:
    """The definition, for -reach..reach."""
    integers = np.arange(-reach, reach + 1, dtype=np.float64)
    weights = np.exp(-(integers**2) / (2 * variance))
    normalised: npt.NDArray[np.float64] = weights / weights.sum()
    return normalised


def chi_square(counts: npt.NDArray[Any], expected: npt.NDArray[np.float64]) -> float:
    """p-value, after the cells that expect fewer than 10 were put together."""
    rare = expected < 10
    counts = np.append(counts[~rare], counts[rare].sum())
    expected = np.append(expected[~rare], expected[rare].sum())
    return float(stats.chisquare(counts, expected * counts.sum() / expected.sum()).pvalue)


@pytest.mark.parametrize("sigma", [0.5, 1.0, 3.7, 100.0])
def test_samples_follow_the_definition(sigma: float) -> None:
    sampler = DiscreteGaussianSampler.at_least(Fraction(sigma) ** 2)
    samples = sampler.sample(COUNT, stream())
    reach = math.ceil(12 * sigma)
    assert np.abs(samples).max() <= reach
    counts = np.bincount(samples + reach, minlength=2 * reach + 1)
    expected = COUNT * probabilities(float(sampler.variance), reach)
    assert chi_square(counts, expected) > 1e-3
    # Moments, each within four of its own standard errors.
    moments = probabilities(sigma**2, reach) @ np.vander(np.arange(-reach, reach + 1.0), 5)
    variance, fourth = moments[2], moments[0]
    assert abs(samples.mean()) < 4 * math.sqrt(variance / COUNT)
    assert abs(samples.var() - variance) < 4 * math.sqrt((fourth - variance**2) / COUNT)
    beyond = np.abs(samples) > 3 * sigma
    share = probabilities(sigma**2, reach)[np.abs(np.arange(-reach, reach + 1)) > 3 * sigma].sum()
    assert abs(beyond.mean() - share) < 4 * math.sqrt(share / COUNT)


@pytest.mark.parametrize("sigma", [2.0**12, 2.0**20 + 0.3, 2.0**24])
def test_wide_samples_follow_the_normal_distribution(sigma: float) -> None:
    """From sigma = 4096 on no test of this size can tell the two apart."""
    sampler = DiscreteGaussianSampler.at_least(Fraction(sigma) ** 2)
    samples = sampler.sample(COUNT // 4, stream())
    assert stats.kstest(samples / sigma, "norm").pvalue > 1e-3
    assert len(np.unique(samples & 7)) == 8  # down to the last bits
    assert stats.chisquare(np.bincount(samples & 7)).pvalue > 1e-3


@given(st.fractions(SMALLEST_VARIANCE, LARGEST_VARIANCE))
def test_the_variance_is_rounded_up_and_hardly(variance: Fraction) -> None:
    sampler = DiscreteGaussianSampler.at_least(variance)
    assert variance <= sampler.variance <= variance * (1 + Fraction(1, 2**18))
    # What keeps every product of the module in 64 bits, with room for 1,000 tries.
    divisor = sampler.mean << (1 + sampler.scale_bits + sampler.fine_bits)
    assert divisor * 1000 < 2**64
    assert (128 << (sampler.scale_bits + sampler.fine_bits)) ** 2 < 2**63
    assert sampler.mean < 128 << (sampler.scale_bits + sampler.fine_bits)


@pytest.mark.parametrize("variance", [Fraction(0), Fraction(-1), Fraction(24, 100), 4**24 + 1])
def test_other_variances_are_refused(variance: Fraction) -> None:
    with pytest.raises(ValueError, match=r"2\*\*-2..2\*\*48"):
        DiscreteGaussianSampler.at_least(variance)


def test_the_stream_alone_decides() -> None:
    sampler = DiscreteGaussianSampler.at_least(Fraction(9))
    samples = sampler.sample(1000, stream())
    assert np.array_equal(sampler.sample(1000, stream()), samples)
    assert not np.array_equal(sampler.sample(1000, stream("other")), samples)
    assert sampler.sample(0, stream()).shape == (0,)


@pytest.mark.parametrize("gamma", [Fraction(0), Fraction(1, 3), Fraction(1), Fraction(37, 10)])
def test_an_event_happens_with_probability_exp_minus_gamma(gamma: Fraction) -> None:
    numerators = np.full(COUNT, gamma.numerator, np.uint64)
    happened = discrete_gaussian._happens_exp(numerators, gamma.denominator, stream())
    p = math.exp(-gamma)
    assert abs(happened.mean() - p) <= 4 * math.sqrt(p * (1 - p) / COUNT)


@pytest.mark.parametrize("divisor", [1, 3, 2**40 + 1, 3 * 2**62, 2**64 - 1])
def test_a_rational_event_happens_with_its_probability(divisor: int) -> None:
    """With 3 * 2^62, one word in four lies beyond the last block and has to be drawn again."""
    numerator = divisor // 3
    numerators = np.full(COUNT, numerator, np.uint64)
    happened = discrete_gaussian._happens(numerators, divisor, stream())
    p = numerator / divisor
    assert abs(happened.mean() - p) <= 4 * math.sqrt(p * (1 - p) / COUNT)


def test_the_blocks_of_words_are_of_equal_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2^64 words, exactly `block` belong to each numerator: the words at the edges tell."""
    divisor = 10**6 + 3
    block = (2**64 - 1) // divisor
    edges = np.array([0, 5 * block - 1, 5 * block, divisor * block - 1], np.uint64)
    monkeypatch.setattr(discrete_gaussian, "_words", lambda count, random: edges)
    happened = discrete_gaussian._happens(np.full(4, 5, np.uint64), divisor, stream())
    assert happened.tolist() == [True, True, False, False]
