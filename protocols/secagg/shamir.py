"""Shamir's sharing over a prime field: any `threshold` shares give the secret, fewer nothing.

The field has the smallest prime above 2**256 elements, so that every 32-byte string is a secret. A
share is the value at a party's point of a polynomial of degree threshold - 1 that is the secret at
zero and uniform otherwise. Shares carry no proof: whoever reconstructs must compare the result with
something that was committed to before (a hash, a public key).

Source: Shamir, "How to share a secret", Communications of the ACM 22(11), 1979.
"""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate

from protocols.secagg.keys import ByteStream

PRIME = 2**256 + 297
"""The smallest prime above 2**256."""

SECRET_BYTES = 32
SHARE_BYTES = 33

# The largest multiple of PRIME below 2**264. What lies above it would favour small remainders; one
# draw of 33 bytes in 256 does.
_UNBIASED_BELOW = 2 ** (8 * SHARE_BYTES) // PRIME * PRIME


class ShareError(ValueError):
    """Shares from which no secret can be had: too few, malformed, or inconsistent."""


def split(secret: bytes, threshold: int, points: Sequence[int], random: ByteStream) -> list[bytes]:
    """Shares of `secret`, one for each of `points`, in their order.

    secret: 32 bytes. threshold: how many shares give it back, in 2..len(points). points: where the
    polynomial is read, distinct, each in 1..PRIME-1; at zero it is the secret itself. random: gives
    the coefficients; never the same state for two secrets. A share is 33 bytes, big-endian.

    Raises:
        ValueError: An argument is out of its range; the sentence names it.
    """
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"a secret has {SECRET_BYTES} bytes, not {len(secret)}")
    _check_points(points)
    if threshold < 2:
        raise ValueError(f"a threshold of {threshold} would make every share the secret; use 2 up")
    if threshold > len(points):
        raise ValueError(f"{len(points)} shares can never reach a threshold of {threshold}")
    coefficients = [*_elements(threshold - 1, random), int.from_bytes(secret)]
    return [_value_at(point, coefficients).to_bytes(SHARE_BYTES) for point in points]


def reconstruct(shares: Mapping[int, bytes], threshold: int) -> bytes:
    """The 32-byte secret whose shares these are, from the `threshold` smallest points.

    shares: point -> 33 bytes. A wrong share among those used gives a wrong secret, not an error.

    Raises:
        ShareError: Fewer than `threshold` shares; one of a wrong length, outside the field or at an
            impossible point; or the shares are of nothing that `split` was given.
    """
    if len(shares) < threshold:
        raise ShareError(f"{len(shares)} shares came, and {threshold} are needed")
    if threshold < 2:
        raise ShareError(f"a threshold is 2 or more, not {threshold}")
    points = tuple(sorted(shares)[:threshold])
    try:
        _check_points(points)
    except ValueError as error:
        raise ShareError(str(error)) from error
    at_zero = zip(
        _weights(points), map(_read, points, map(shares.__getitem__, points)), strict=True
    )
    secret = sum(weight * value for weight, value in at_zero) % PRIME
    if secret >> (8 * SECRET_BYTES):
        raise ShareError("the shares give no secret of 32 bytes: at least one of them is wrong")
    return secret.to_bytes(SECRET_BYTES)


def _check_points(points: Sequence[int]) -> None:
    if len(set(points)) != len(points):
        raise ValueError("two shares have the same point; each party needs its own")
    for point in points:
        if not 0 < point < PRIME:
            raise ValueError(f"a share's point is in 1..PRIME-1, not {point}")


def _read(point: int, share: bytes) -> int:
    if len(share) != SHARE_BYTES:
        raise ShareError(f"the share at point {point} has {len(share)} bytes, not {SHARE_BYTES}")
    value = int.from_bytes(share)
    if value >= PRIME:
        raise ShareError(f"the share at point {point} is outside the field")
    return value


def _elements(count: int, random: ByteStream) -> list[int]:
    """`count` uniform elements of the field."""
    found: list[int] = []
    while len(found) < count:
        drawn = random.take(SHARE_BYTES * (count - len(found)))
        for start in range(0, len(drawn), SHARE_BYTES):
            value = int.from_bytes(drawn[start : start + SHARE_BYTES])
            if value < _UNBIASED_BELOW:
                found.append(value % PRIME)
    return found


def _value_at(point: int, coefficients: Sequence[int]) -> int:
    """The polynomial's value (Horner's rule); the highest power's coefficient comes first."""
    value = 0
    for coefficient in coefficients:
        value = (value * point + coefficient) % PRIME
    return value


@lru_cache(maxsize=256)
def _weights(points: tuple[int, ...]) -> tuple[int, ...]:
    """Lagrange's coefficients at zero: the secret is the sum of weight times share.

    The weight of x is the product of y / (y - x) over the other points y. Many secrets are shared
    to the same points, so the answers are kept. All the quotients cost one inversion: that of the
    product of all denominators, from which each one's own is peeled off from the last to the first.
    """
    numerator = math.prod(points)
    denominators = [x * math.prod(y - x for y in points if y != x) % PRIME for x in points]
    products = list(accumulate(denominators, lambda left, right: left * right % PRIME, initial=1))
    inverse = pow(products[-1], -1, PRIME)
    weights = [0] * len(points)
    for place in reversed(range(len(points))):
        weights[place] = numerator * inverse * products[place] % PRIME
        inverse = inverse * denominators[place] % PRIME
    return tuple(weights)
