"""Fixed point in Z_2^32 or Z_2^64: sums of masked vectors are exact, or refused beforehand.

A value is rounded to the nearest multiple of `step` and written as that many units, in two's
complement. The ring is wide enough for the sum of all parties at their bound and for the tail of
their noise, so it never wraps around: the decoded sum is within ``parties * step / 2`` of the true
one, and equal to it where all values are multiples of `step`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Self, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from protocols.secagg.noise import DiscreteGaussian, NoiseError
from protocols.values import Value

if TYPE_CHECKING:
    from protocols.secagg.keys import ByteStream

Units: TypeAlias = npt.NDArray[np.uint32] | npt.NDArray[np.uint64]
"""Integers modulo 2^32 or 2^64, shape (n,): a vector in units of `step`, masked or not."""

WIDTHS = (32, 64)
DEFAULT_PRECISION = 20
"""Bits below the bound that are kept when no step is asked for."""
STEP_EXPONENTS = range(-960, 961)
"""Powers of two that a step may be: the step, its inverse and all sums are then normal float64."""
_CHUNK = 32 * 1024
"""Entries worked on at a time; their intermediate results stay in a core's own cache."""
_NOISE_PREFIX = "noise_"


class EncodingError(ValueError):
    """An encoding that cannot carry its sum, or values that it was not made for."""


class ValueOutOfBound(EncodingError):  # noqa: N818 - says what happened, as Refused does
    """A value beyond the stated bound, NaN or infinite; it is refused, never clipped.

    Attributes:
        index: Where the first one stands.
        value: What it is.
        bound: What it should not exceed in size.
    """

    def __init__(self, index: int, value: float, bound: float) -> None:
        super().__init__(
            f"entry {index} is {value}, outside the stated bound of {bound}: "
            "state a larger bound in the question, or scale the values"
        )
        self.index = index
        self.value = value
        self.bound = bound


@dataclass(frozen=True, slots=True)
class Encoding:
    """How one question's vectors become integers; part of its transcript.

    Attributes:
        bound: Largest size of one party's value, above 0; compared exactly.
        step: Distance of two neighbouring numbers, a power of two not above `bound`.
        width: Bits of the ring, 32 or 64.
        noise: What each party adds, if the question asks for noise.

    Raises:
        EncodingError: A field outside its range; the sentence says what to change.
    """

    bound: float
    step: float
    width: int
    noise: DiscreteGaussian | None = None

    def __post_init__(self) -> None:
        _check_bound(self.bound)
        if self.width not in WIDTHS:
            raise EncodingError(f"the width has to be 32 or 64, not {self.width}")
        mantissa, exponent = math.frexp(self.step)
        if mantissa != 0.5 or exponent - 1 not in STEP_EXPONENTS:
            raise EncodingError(
                f"the step has to be a power of two from 2**{STEP_EXPONENTS[0]} to "
                f"2**{STEP_EXPONENTS[-1]}, not {self.step}"
            )
        if self.step > self.bound:
            raise EncodingError(
                f"the step {self.step} is above the bound {self.bound}: use a finer step"
            )
        if self._units >= 2 ** (self.width - 1):
            raise EncodingError(
                f"{self.width} bits do not hold a value of {self.bound} in steps of {self.step}: "
                "use a coarser step"
            )
        if self.noise is not None:
            try:
                self.noise.share(self.step)
            except NoiseError as error:
                raise EncodingError(str(error)) from error

    @classmethod
    def choose(
        cls,
        bound: float,
        parties: int,
        *,
        step: float | None = None,
        noise: DiscreteGaussian | None = None,
    ) -> Self:
        """The narrowest encoding that holds the sum of `parties` vectors.

        Args:
            bound: Largest size of one value of one party.
            parties: How many may take part, at least 1.
            step: A power of two; without it ``bound * 2**-20`` rounded up to one, or the finest
                that the noise can be drawn in where that is coarser.
            noise: What each party adds.

        Raises:
            EncodingError: No width holds the sum, or an argument is out of range.
        """
        if step is None:
            step = _default_step(bound, noise)
        wide = cls(bound=bound, step=step, width=64, noise=noise)
        wide.check(parties)
        return replace(wide, width=32) if wide.largest_sum(parties) < 2**31 else wide

    def largest_sum(self, parties: int) -> int:
        """Units that the sum of `parties` vectors does not exceed in size.

        With noise, the probability that any of 2^32 entries exceeds it is below 2^-40.

        Raises:
            EncodingError: `parties` is below 1, or below the survivors that the noise counts on.
        """
        if parties < 1:
            raise EncodingError(f"a sum needs at least one party, not {parties}")
        values = parties * self._units
        if self.noise is None:
            return values
        if self.noise.threshold > parties:
            raise EncodingError(
                f"the noise counts on {self.noise.threshold} survivors, and there are "
                f"{parties} parties: lower its threshold"
            )
        return values + self.noise.tail(self.step, parties)

    def check(self, parties: int) -> None:
        """Return if the sum of `parties` vectors fits; a node asks this of an encoding it was sent.

        Raises:
            EncodingError: The sum could wrap around; the sentence says what to change.
        """
        largest = self.largest_sum(parties)
        if largest < 2 ** (self.width - 1):
            return
        change = "a coarser step or fewer parties"
        if self.width < 64:
            change = f"a width of 64, {change}"
        raise EncodingError(
            f"the sum of {parties} parties with bound {self.bound} and step {self.step} needs "
            f"{largest.bit_length() + 1} bits, and the width is {self.width}: use {change}"
        )

    @property
    def _units(self) -> int:
        """Units that one encoded value does not exceed in size."""
        return math.ceil(Fraction(self.bound) / Fraction(self.step))

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint32 or uint64, in this machine's byte order."""
        return np.dtype(np.uint32 if self.width == 32 else np.uint64)

    def encode(self, values: npt.NDArray[Any]) -> Units:
        """One party's vector in units; a new array, which the caller may change in place.

        Args:
            values: Numbers of shape (n,), of size at most `bound`: float16, float32 or float64,
                integers or booleans (these by way of float64).

        Returns:
            Shape (n,), C-contiguous, of `dtype`: the nearest multiple of `step` (ties to even).

        Raises:
            ValueOutOfBound: Names the first value beyond the bound, NaN or infinite.
            EncodingError: Another shape or kind of array.
        """
        if values.ndim != 1:
            raise EncodingError(f"a vector has one axis, not the shape {values.shape}")
        if values.dtype.kind not in "fiub" or values.dtype.itemsize > 8:
            raise EncodingError(
                f"values have to be real numbers of at most 64 bits, not {values.dtype}"
            )
        working: np.dtype[Any] = np.dtype(np.float64)
        if values.dtype == np.float32 and self._float32_suffices():
            working = np.dtype(np.float32)
        signed = np.empty(len(values), f"i{self.width // 8}")
        scaled = np.empty(min(_CHUNK, len(values)), working)
        per_step = working.type(1 / self.step)
        for start in range(0, len(values), _CHUNK):
            chunk = values[start : start + _CHUNK]
            # A comparison with NaN is false, and NaN anywhere makes both ends NaN.
            if not (float(chunk.min()) >= -self.bound and float(chunk.max()) <= self.bound):
                self._refuse(chunk, start)
            part = scaled[: len(chunk)]
            np.multiply(chunk, per_step, out=part, casting="same_kind")
            np.rint(part, out=part)
            # In range: a value's units are at most ceil(bound / step), which `width` holds.
            signed[start : start + _CHUNK] = part
        units: Units = signed.view(self.dtype)
        return units

    def _float32_suffices(self) -> bool:
        """Whether scaling by 1 / step is exact in float32: no overflow, no inverse out of range."""
        limit = 2.0**120
        return 1 / limit < self.step < limit and self.bound / self.step < limit

    def _refuse(self, chunk: npt.NDArray[Any], start: int) -> None:
        wrong = ~(np.abs(chunk.astype(np.float64)) <= self.bound)
        first = int(np.argmax(wrong))
        raise ValueOutOfBound(start + first, float(chunk[first]), self.bound)

    def add_noise(self, units: Units, random: "ByteStream") -> None:
        """Add this party's share of the noise to its encoded vector, in place.

        Args:
            units: Shape (n,), of `dtype`.
            random: Bytes that nobody else knows, and that are used for nothing else.

        Raises:
            EncodingError: The encoding has no noise, or `units` another dtype.
        """
        if self.noise is None:
            raise EncodingError("the encoding has no noise to add")
        self._check_dtype(units)
        units += self.noise.share(self.step).sample(len(units), random).astype(self.dtype)

    def decode(self, total: Units) -> npt.NDArray[np.float64]:
        """The sum that `total` stands for, once all masks are off.

        Args:
            total: Shape (n,), of `dtype`.

        Returns:
            Shape (n,): ``step`` times the signed sum; exact below 2^53 units, the nearest float64
            beyond.

        Raises:
            EncodingError: Another dtype.
        """
        self._check_dtype(total)
        decoded = total.view(f"i{total.dtype.itemsize}").astype(np.float64)
        decoded *= self.step
        return decoded

    def _check_dtype(self, units: Units) -> None:
        if units.dtype != self.dtype:
            raise EncodingError(f"a vector of this encoding is {self.dtype}, not {units.dtype}")

    def to_values(self) -> dict[str, Value]:
        """This encoding as named values, as a question carries them."""
        values: dict[str, Value] = {"bound": self.bound, "step": self.step, "width": self.width}
        if self.noise is not None:
            noise = self.noise.to_values()
            values |= {_NOISE_PREFIX + name: value for name, value in noise.items()}
        return values

    @classmethod
    def from_values(cls, values: Mapping[str, Value]) -> Self:
        """The encoding that `to_values` wrote.

        Raises:
            EncodingError: A value is missing, unknown, of another type or out of range.
        """
        noise = {
            name.removeprefix(_NOISE_PREFIX): value
            for name, value in values.items()
            if name.startswith(_NOISE_PREFIX)
        }
        rest = {name: value for name, value in values.items() if not name.startswith(_NOISE_PREFIX)}
        types = {"bound": float, "step": float, "width": int}
        if {name: type(value) for name, value in rest.items()} != types:
            raise EncodingError(
                "an encoding has a real bound, a real step and an integer width, not "
                + (", ".join(sorted(rest)) or "nothing")
            )
        try:
            drawn = DiscreteGaussian.from_values(noise) if noise else None
        except NoiseError as error:
            raise EncodingError(str(error)) from error
        return cls(**cast("dict[str, Any]", rest), noise=drawn)


def _default_step(bound: float, noise: DiscreteGaussian | None) -> float:
    _check_bound(bound)
    mantissa, exponent = math.frexp(bound)
    step = math.ldexp(1.0, exponent - (mantissa == 0.5) - DEFAULT_PRECISION)
    return step if noise is None else max(step, noise.finest_step)


def _check_bound(bound: float) -> None:
    if not (math.isfinite(bound) and bound > 0):
        raise EncodingError(f"the bound has to be finite and above 0, not {bound}")
