from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.secagg import shamir
from protocols.secagg.keys import ByteStream
from protocols.secagg.shamir import PRIME, SHARE_BYTES, ShareError, reconstruct, split

SECRET = bytes(range(32))
SECRET_INT = int.from_bytes(SECRET)
SECRETS = st.binary(min_size=32, max_size=32)


def stream(seed: int = 0) -> ByteStream:
    return ByteStream(seed.to_bytes(32), "test/shamir")


def is_prime(number: int) -> bool:
    """Miller and Rabin's test to 64 bases: wrong about a composite with probability 4**-64."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 66):
        value = pow(base, odd, number)
        if value in (1, number - 1):
            continue
        for _ in range(twos - 1):
            value = value * value % number
            if value == number - 1:
                break
        else:
            return False
    return True


def has_small_factor(number: int) -> bool:
    return any(number % factor == 0 for factor in range(2, 10_000))


def solved(points: Sequence[int], values: Sequence[int]) -> list[int]:
    """The polynomial's coefficients, lowest first, by Gauss and Jordan's elimination mod PRIME."""
    size = len(points)
    rows = [
        [pow(x, power, PRIME) for power in range(size)] + [y]
        for x, y in zip(points, values, strict=True)
    ]
    for column in range(size):
        pivot = next(row for row in range(column, size) if rows[row][column])
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = pow(rows[column][column], PRIME - 2, PRIME)
        rows[column] = [entry * scale % PRIME for entry in rows[column]]
        for row in range(size):
            if row != column:
                factor = rows[row][column]
                rows[row] = [
                    (mine - factor * theirs) % PRIME
                    for mine, theirs in zip(rows[row], rows[column], strict=True)
                ]
    return [row[-1] for row in rows]


def test_the_prime_is_the_smallest_above_two_to_the_256() -> None:
    assert is_prime(PRIME)
    between = range(2**256 + 1, PRIME, 2)
    assert not any(is_prime(number) for number in between if not has_small_factor(number))
    assert (PRIME - 1).bit_length() == 257
    assert 8 * SHARE_BYTES >= 257


def test_the_primality_test_knows_carmichael_numbers_and_known_primes() -> None:
    assert not any(is_prime(number) for number in (561 * 1729, 3215031751 * 67, 2**255 - 21))
    assert all(is_prime(number) for number in (2**61 - 1, 2**127 - 1, 2**255 - 19))


@settings(max_examples=60, deadline=None)
@given(data=st.data(), secret=SECRETS, count=st.integers(2, 12), seed=st.integers(0, 2**64))
def test_any_threshold_of_the_shares_give_the_secret(
    data: st.DataObject, secret: bytes, count: int, seed: int
) -> None:
    points = data.draw(
        st.lists(st.integers(1, 10_000), min_size=count, max_size=count, unique=True)
    )
    threshold = data.draw(st.integers(2, count))
    shares = dict(zip(points, split(secret, threshold, points, stream(seed)), strict=True))
    held = data.draw(st.permutations(points))[: data.draw(st.integers(threshold, count))]
    assert reconstruct({point: shares[point] for point in held}, threshold) == secret


def test_every_subset_of_the_right_size_gives_the_secret() -> None:
    points = [1, 2, 5, 7, 31, 32]
    shares = dict(zip(points, split(SECRET, 3, points, stream()), strict=True))
    for subset in combinations(points, 3):
        assert reconstruct({point: shares[point] for point in subset}, 3) == SECRET


@settings(max_examples=30, deadline=None)
@given(secret=SECRETS, threshold=st.integers(2, 9), seed=st.integers(0, 2**64))
def test_shares_are_values_of_a_polynomial_of_the_right_degree_found_by_elimination(
    secret: bytes, threshold: int, seed: int
) -> None:
    points = list(range(1, threshold + 3))
    values = [int.from_bytes(share) for share in split(secret, threshold, points, stream(seed))]
    coefficients = solved(points, values)
    assert coefficients[0] == int.from_bytes(secret)
    assert coefficients[threshold:] == [0, 0]
    assert all(coefficients[1:threshold])


@settings(max_examples=30, deadline=None)
@given(secret=SECRETS, other=SECRETS, threshold=st.integers(2, 9), seed=st.integers(0, 2**64))
def test_one_share_too_few_fits_every_other_secret_as_well(
    secret: bytes, other: bytes, threshold: int, seed: int
) -> None:
    points = list(range(1, 12))
    shares = split(secret, threshold, points, stream(seed))
    held = dict(zip(points[: threshold - 1], shares, strict=False))
    # The one polynomial of the right degree through the shares held, and `other` at zero.
    coefficients = solved(
        [0, *held], [int.from_bytes(other), *(int.from_bytes(share) for share in held.values())]
    )
    assert len(coefficients) == threshold
    missing = sum(coefficient * 11**power for power, coefficient in enumerate(coefficients))
    completed = held | {11: (missing % PRIME).to_bytes(SHARE_BYTES)}
    assert reconstruct(completed, threshold) == other


def test_shares_below_the_threshold_are_uniform() -> None:
    # The top four bits of a fixed secret's first share, over many streams: chi-square, 15 degrees.
    counts = [0] * 16
    for seed in range(1600):
        share = split(bytes(32), 2, [1, 2], stream(seed))[0]
        counts[int.from_bytes(share) >> 252 & 15] += 1
    assert sum((count - 100) ** 2 / 100 for count in counts) < 45  # p = 7e-5; the seeds are fixed


@pytest.mark.parametrize("points", [(1, 2), (3, 1, 2), (1, 2, 3, 4, 5, 6, 7), (2, 5, 11, 9_999)])
def test_weights_are_lagranges_in_exact_fractions(points: tuple[int, ...]) -> None:
    for x, weight in zip(points, shamir._weights(points), strict=True):
        exact = Fraction(1)
        for y in points:
            if y != x:
                exact *= Fraction(y, y - x)
        assert weight * exact.denominator % PRIME == exact.numerator % PRIME


class Scripted(ByteStream):
    """A stream that gives what it was told to."""

    def __init__(self, *parts: bytes) -> None:
        self._rest = b"".join(parts)

    def take(self, count: int) -> bytes:
        taken, self._rest = self._rest[:count], self._rest[count:]
        assert len(taken) == count
        return taken


def test_draws_that_would_favour_small_coefficients_are_thrown_away() -> None:
    limit = 2**264 // PRIME * PRIME
    draws = [limit, 2**264 - 1, limit - 1, 3 * PRIME + 5]
    shares = split(SECRET, 3, [1, 2, 3], Scripted(*(draw.to_bytes(33) for draw in draws)))
    expected = [SECRET_INT - x * x + 5 * x for x in (1, 2, 3)]
    assert [int.from_bytes(share) for share in shares] == [value % PRIME for value in expected]


def test_splits_differ_by_stream_and_repeat_with_it() -> None:
    points = [1, 2, 3]
    one = stream()
    first, second = (split(SECRET, 2, points, one) for _ in range(2))
    assert first != second
    assert split(SECRET, 2, points, stream()) == first
    assert split(SECRET, 2, points, stream(1)) != first


@pytest.mark.parametrize("secret", [bytes(32), bytes([255]) * 32])
def test_the_extreme_secrets_survive(secret: bytes) -> None:
    shares = split(secret, 2, [1, 2], stream())
    assert reconstruct({1: shares[0], 2: shares[1]}, 2) == secret


@pytest.mark.parametrize(
    ("secret", "threshold", "points", "sentence"),
    [
        (bytes(31), 2, [1, 2], "32 bytes, not 31"),
        (bytes(33), 2, [1, 2], "32 bytes, not 33"),
        (bytes(32), 1, [1, 2], "every share the secret"),
        (bytes(32), 0, [1, 2], "every share the secret"),
        (bytes(32), 3, [1, 2], "never reach a threshold of 3"),
        (bytes(32), 2, [1, 2, 1], "same point"),
        (bytes(32), 2, [0, 1, 2], "not 0"),
        (bytes(32), 2, [1, -1], "not -1"),
        (bytes(32), 2, [1, PRIME + 1], "1..PRIME-1"),
    ],
)
def test_what_cannot_be_split_is_named(
    secret: bytes, threshold: int, points: list[int], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        split(secret, threshold, points, stream())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({1: bytes(32)}, "point 1 has 32 bytes, not 33"),
        ({2: bytes(34)}, "point 2 has 34 bytes, not 33"),
        ({2: b""}, "point 2 has 0 bytes"),
        ({1: PRIME.to_bytes(33)}, "point 1 is outside the field"),
        ({1: b"\xff" * 33}, "point 1 is outside the field"),
        ({0: bytes(33)}, "not 0"),
        ({-3: bytes(33)}, "not -3"),
    ],
)
def test_what_is_no_share_is_refused(changes: dict[int, bytes], sentence: str) -> None:
    shares = dict(zip([1, 2, 3], split(SECRET, 2, [1, 2, 3], stream()), strict=True))
    with pytest.raises(ShareError, match=sentence):
        reconstruct(shares | changes, 2)


def test_too_few_shares_give_nothing() -> None:
    shares = split(SECRET, 3, [1, 2, 3], stream())
    with pytest.raises(ShareError, match="2 shares came, and 3 are needed"):
        reconstruct({1: shares[0], 2: shares[1]}, 3)
    with pytest.raises(ShareError, match="2 or more"):
        reconstruct({1: shares[0]}, 1)


def test_shares_of_no_secret_are_refused() -> None:
    # The line through these two is 2**256 at zero: in the field, and no string of 32 bytes.
    shares = {x: ((2**256 + x) % PRIME).to_bytes(SHARE_BYTES) for x in (1, 2)}
    with pytest.raises(ShareError, match="no secret of 32 bytes"):
        reconstruct(shares, 2)


def test_attack_tampered_share_never_gives_the_secret() -> None:
    shares = dict(zip([1, 2, 3], split(SECRET, 3, [1, 2, 3], stream()), strict=True))
    for point, share in shares.items():
        wrong = (int.from_bytes(share) + 1) % PRIME
        try:
            assert reconstruct(shares | {point: wrong.to_bytes(SHARE_BYTES)}, 3) != SECRET
        except ShareError:
            continue
