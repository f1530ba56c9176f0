"""Exact samples of the discrete Gaussian: integers alone decide, and a given stream of bytes.

The discrete Gaussian of parameter sigma^2 gives the integer x a probability proportional to
exp(-x^2 / (2 sigma^2)). Samples are drawn as by Canonne, Kamath and Steinke (NeurIPS 2020,
algorithms 1 to 3): a discrete Laplace variable, accepted with a probability exp(-gamma) whose gamma
is rational; and an event of probability exp(-gamma) is made of events of rational probabilities,
which are made of uniform integers. So no rounding of a floating-point number leaks the value that
the noise hides (Mironov, CCS 2012), and every machine draws the same.

OpenDP's library samples exactly too, but from the operating system's randomness only: a run could
not be repeated, so it could not be a test vector.

Arrays make it quick: many candidates pass each test together, in 64-bit words. Two choices keep
every product below 2^64 and are therefore part of the algorithm: the Laplace variable's scale is a
power of two next to sigma, and sigma^2 is rounded up to a multiple that suits it, by less than one
part in 2^18. A candidate beyond 127 scales is dropped, which changes the distribution by less than
2^-180, and that is below what the keystream itself can promise.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Self, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from protocols.secagg.keys import ByteStream

Words: TypeAlias = npt.NDArray[np.uint64]
Booleans: TypeAlias = npt.NDArray[np.bool_]

SMALLEST_VARIANCE = Fraction(1, 4)
"""Below it the published bounds on sums of discrete Gaussians do not hold."""
LARGEST_VARIANCE = Fraction(4**24)
"""Above it the products of this module would not fit in 64 bits."""
_SCALE_BITS = 20
"""Fine units that a scale has at least; they keep the rounding of small variances small."""
_MOST_SCALES = 128
_BATCH = 1 << 15
"""Candidates tested together; they stay in a core's own cache."""


@dataclass(frozen=True, slots=True)
class DiscreteGaussianSampler:
    """The discrete Gaussian of parameter ``mean * 2**(scale_bits - fine_bits)``; use `at_least`.

    Attributes:
        scale_bits: Bits k of the Laplace variable's scale, t = 2^k in the paper.
        fine_bits: Bits f of a unit's refinement; what follows is in units of 2^-f.
        mean: sigma^2 / t: the candidate that is accepted for certain.
    """

    scale_bits: int
    fine_bits: int
    mean: int

    @classmethod
    def at_least(cls, variance: Fraction) -> Self:
        """The sampler whose parameter is `variance`, rounded up by less than one part in 2^18.

        Raises:
            ValueError: `variance` lies outside SMALLEST_VARIANCE..LARGEST_VARIANCE.
        """
        if not SMALLEST_VARIANCE <= variance <= LARGEST_VARIANCE:
            raise ValueError("the variance has to lie within 2**-2..2**48")
        # The scale within a factor of sqrt(2) of sigma accepts the most candidates.
        scale_bits = next(bits for bits in range(25) if 2 * 4**bits >= variance)
        fine_bits = max(0, _SCALE_BITS - scale_bits)
        mean = math.ceil(variance * Fraction(2) ** (fine_bits - scale_bits))
        return cls(scale_bits=scale_bits, fine_bits=fine_bits, mean=mean)

    @property
    def variance(self) -> Fraction:
        """The parameter sigma^2; the true variance is no larger, and from 1 on hardly smaller."""
        return self.mean * Fraction(2) ** (self.scale_bits - self.fine_bits)

    def sample(self, count: int, random: "ByteStream") -> npt.NDArray[np.int64]:
        """Independent samples, shape (count,), of size below 2^31."""
        samples = np.empty(count, np.int64)
        filled = 0
        while filled < count:
            # Two candidates in five are accepted; a few more are asked for than are missing.
            wanted = min(_BATCH, 3 * (count - filled) + 16)
            accepted = self._accepted(wanted, random)[: count - filled]
            samples[filled : filled + len(accepted)] = accepted
            filled += len(accepted)
        return samples

    def _accepted(self, candidates: int, random: "ByteStream") -> npt.NDArray[np.int64]:
        """Those of so many candidates that pass every test."""
        words = _words(candidates, random)
        negative = (words >> np.uint64(63)).astype(np.bool_)
        remainder = words & np.uint64(2**self.scale_bits - 1)
        # Discrete Laplace: remainder + t * (a geometric number), with a sign, and one zero only.
        passed = _happens_exp(remainder, 2**self.scale_bits, random)
        remainder, negative = remainder[passed], negative[passed]
        scales = _geometric(len(remainder), random)
        size = remainder + (scales << np.uint64(self.scale_bits))
        kept = ~(negative & (size == 0)) & (scales < _MOST_SCALES)
        size, negative = size[kept], negative[kept]
        # Accepted with probability exp(-(|x| - sigma^2 / t)^2 / (2 sigma^2)).
        away = (size << np.uint64(self.fine_bits)).astype(np.int64) - self.mean
        divisor = self.mean << (1 + self.scale_bits + self.fine_bits)
        passed = _happens_exp((away * away).astype(np.uint64), divisor, random)
        samples: npt.NDArray[np.int64] = size[passed].astype(np.int64)
        np.negative(samples, out=samples, where=negative[passed])
        return samples


def _words(count: int, random: "ByteStream") -> Words:
    """Uniform 64-bit words, the same on every machine."""
    return np.frombuffer(random.take(8 * count), "<u8").astype(np.uint64, copy=False)


def _happens(numerators: Words, divisor: int, random: "ByteStream") -> Booleans:
    """Independent events of probability numerator / divisor; numerators do not exceed `divisor`.

    The words below ``divisor * block`` are cut into `divisor` blocks of equal length; an event
    happens when its word lies in one of the first `numerator` of them.
    """
    block = (2**64 - 1) // divisor
    words = _words(len(numerators), random)
    happened: Booleans = words < numerators * np.uint64(block)
    beyond = np.flatnonzero(words >= np.uint64(divisor * block))
    if beyond.size:
        happened[beyond] = _happens(numerators[beyond], divisor, random)
    return happened


def _happens_exp(numerators: Words, divisor: int, random: "ByteStream") -> Booleans:
    """Independent events of probability exp(-numerator / divisor), of any size."""
    whole, rest = np.divmod(numerators, np.uint64(divisor))
    happened = _odd_tries(rest, divisor, random)
    # exp(-3.2) = exp(-0.2) exp(-1)^3; after a few factors nearly all have failed.
    waiting = np.flatnonzero(happened & (whole > 0))
    while waiting.size:
        passed = _happens_exp_of_one(len(waiting), random)
        happened[waiting[~passed]] = False
        waiting = waiting[passed]
        whole[waiting] -= np.uint64(1)
        waiting = waiting[whole[waiting] > 0]
    return happened


def _odd_tries(
    numerators: Words, divisor: int, random: "ByteStream", *, first: int = 1
) -> Booleans:
    """As `_happens_exp`, for gamma = numerator / divisor of at most 1.

    Let events of probability gamma, gamma / 2, gamma / 3, ... be tried until one fails: the number
    of tries is odd with probability 1 - gamma + gamma^2 / 2! - ..., which is exp(-gamma). Tries
    before the `first` are taken to have happened.
    """
    odd = np.full(len(numerators), first % 2 == 1)
    waiting = np.arange(len(numerators))
    tries = first
    while waiting.size:
        # Within a batch, 40 tries would need an event of probability below 2^-140.
        waiting = waiting[_happens(numerators[waiting], divisor * tries, random)]
        odd[waiting] ^= True
        tries += 1
    return odd


def _happens_exp_of_one(count: int, random: "ByteStream") -> Booleans:
    """Independent events of probability exp(-1); here the first try always happens."""
    return _odd_tries(np.ones(count, np.uint64), 1, random, first=2)


def _geometric(count: int, random: "ByteStream") -> Words:
    """How many events of probability exp(-1) happen before one does not, for each of `count`."""
    happened = np.zeros(count, np.uint64)
    waiting = np.arange(count)
    while waiting.size:
        waiting = waiting[_happens_exp_of_one(len(waiting), random)]
        happened[waiting] += np.uint64(1)
    return happened
