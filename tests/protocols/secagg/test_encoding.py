import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from protocols.secagg.encoding import Encoding, EncodingError, ValueOutOfBound
from protocols.secagg.keys import ByteStream
from protocols.secagg.noise import DiscreteGaussian
from protocols.values import Value, decode_values, encode_values

EDGE = 32 * 1024
"""Entries of one chunk; tests put mistakes on both sides of such an edge."""


def exact_units(value: float, step: float) -> int:
    """Round to the nearest multiple, ties to even, in exact arithmetic."""
    return round(Fraction(value) / Fraction(step))


def signed(units: npt.NDArray[Any]) -> list[int]:
    half = 2 ** (8 * units.itemsize - 1)
    return [int(unit) - 2 * half * (int(unit) >= half) for unit in units]


@st.composite
def encodings(draw: st.DrawFn) -> tuple[Encoding, int]:
    """Encodings from coarse to fine and from tiny to huge, and the parties they hold."""
    parties = draw(st.integers(1, 1000))
    exponent = draw(st.integers(-900, 900))
    bound = math.ldexp(draw(st.floats(0.5, 1, exclude_max=True)), exponent)
    step = math.ldexp(1.0, exponent - draw(st.integers(1, 52)))
    return Encoding.choose(bound, parties, step=step), parties


@given(st.data(), encodings(), st.sampled_from([np.float32, np.float64]))
def test_each_value_becomes_the_nearest_multiple_of_the_step(
    data: st.DataObject, drawn: tuple[Encoding, int], kind: type[np.floating[Any]]
) -> None:
    encoding, _ = drawn
    limit = float(np.nextafter(kind(min(encoding.bound, float(np.finfo(kind).max))), kind(0)))
    elements = st.floats(-limit, limit, width=32 if kind is np.float32 else 64)
    values = data.draw(npst.arrays(kind, st.integers(0, 20), elements=elements))
    units = encoding.encode(values)
    assert units.dtype == encoding.dtype
    assert units.flags.c_contiguous
    assert units.flags.writeable
    assert signed(units) == [exact_units(float(value), encoding.step) for value in values]


@given(st.data(), encodings())
def test_a_sum_is_off_by_at_most_half_a_step_for_each_party(
    data: st.DataObject, drawn: tuple[Encoding, int]
) -> None:
    encoding, parties = drawn
    vectors = data.draw(
        npst.arrays(
            np.float64,
            (min(parties, 5), 4),
            elements=st.floats(-encoding.bound, encoding.bound),
        )
    )
    total = np.zeros(4, encoding.dtype)
    for vector in vectors:
        total += encoding.encode(vector)
    for entry, column in zip(encoding.decode(total), vectors.T, strict=True):
        true = sum(Fraction(value) for value in column)
        # Beyond 2^53 steps the answer is the nearest float64.
        nearest = Fraction(float(np.spacing(abs(entry)))) if entry else Fraction(0)
        allowed = len(column) * Fraction(encoding.step) / 2 + nearest
        assert abs(Fraction(float(entry)) - true) <= allowed


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize(("bits", "parties", "width"), [(20, 2047, 32), (20, 2048, 64)])
def test_all_parties_at_their_bound_do_not_wrap_around(
    sign: int, bits: int, parties: int, width: int
) -> None:
    encoding = Encoding.choose(1.0, parties, step=2.0**-bits)
    assert encoding.width == width
    total = np.zeros(1, encoding.dtype)
    with np.errstate(over="ignore"):
        total += encoding.encode(np.array([float(sign)])) * encoding.dtype.type(parties)
    assert encoding.decode(total)[0] == sign * parties


@given(st.lists(st.lists(st.integers(-1000, 1000), min_size=3, max_size=3), min_size=1))
def test_multiples_of_the_step_add_up_exactly(rows: list[list[int]]) -> None:
    encoding = Encoding.choose(125.0, max(len(rows), 1), step=0.125)
    vectors = np.array(rows) * 0.125
    total = np.zeros(3, encoding.dtype)
    for vector in vectors:
        total += encoding.encode(vector)
    assert np.array_equal(encoding.decode(total), vectors.sum(axis=0))


def test_many_chunks_are_encoded_like_one() -> None:
    values = np.random.default_rng(0).uniform(-3, 3, 2 * EDGE + 77)
    for kind in (np.float32, np.float64):
        encoding = Encoding.choose(3.0, 9)
        expected = np.rint(values.astype(kind).astype(np.float64) / encoding.step)
        units = encoding.encode(values.astype(kind))
        assert np.array_equal(units.view(np.int32), expected)
        strided = np.repeat(values.astype(kind), 2)[::2]
        assert np.array_equal(encoding.encode(strided), units)


def test_values_below_the_smallest_normal_number_count_as_what_they_are() -> None:
    tiny = np.array([5e-324, -2.2e-308, 0.0, -0.0])
    encoding = Encoding.choose(1.0, 2)
    assert signed(encoding.encode(tiny)) == [0, 0, 0, 0]
    small = Encoding.choose(2.0**-940, 2, step=2.0**-960)
    assert signed(small.encode(np.array([2.0**-950, 3 * 2.0**-961, 5e-324]))) == [1024, 2, 0]


def test_integers_and_booleans_are_taken() -> None:
    encoding = Encoding.choose(200.0, 3, step=1.0)
    assert signed(encoding.encode(np.array([-200, 7], np.int64))) == [-200, 7]
    assert signed(encoding.encode(np.array([200], np.uint8))) == [200]
    assert signed(encoding.encode(np.array([True, False]))) == [1, 0]
    assert signed(encoding.encode(np.array([1.5], np.float16))) == [2]


@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1.0000001, -1e30])
@pytest.mark.parametrize("index", [0, EDGE - 1, EDGE, EDGE + 5])
def test_a_value_out_of_bound_is_named_and_never_clipped(
    width: int, kind: type[np.floating[Any]], bad: float, index: int
) -> None:
    encoding = Encoding(bound=1.0, step=2.0**-20, width=width)
    values = np.ones(EDGE + 7, kind)
    values[index] = bad
    values[-1] = math.nan  # a later mistake does not hide the first
    with pytest.raises(ValueOutOfBound, match=f"^entry {index} is ") as caught:
        encoding.encode(values)
    assert caught.value.index == index
    assert caught.value.bound == 1.0
    assert caught.value.value == pytest.approx(bad, nan_ok=True)


def test_the_bound_is_compared_exactly() -> None:
    encoding = Encoding.choose(0.1, 3)
    encoding.encode(np.array([0.1, -0.1]))
    with pytest.raises(ValueOutOfBound):
        encoding.encode(np.array([math.nextafter(0.1, 1)]))
    with pytest.raises(ValueOutOfBound):  # float32's 0.1 is larger than float64's
        encoding.encode(np.array([0.1], np.float32))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((2, 2)), "one axis"),
        (np.zeros(()), "one axis"),
        (np.zeros(2, np.complex128), "real numbers"),
        (np.zeros(2, np.longdouble), "real numbers"),
        (np.array(["1"]), "real numbers"),
    ],
)
def test_another_kind_of_array_is_refused(values: npt.NDArray[Any], said: str) -> None:
    with pytest.raises(EncodingError, match=said):
        Encoding.choose(1.0, 2).encode(values)


def test_a_sum_of_another_width_is_refused() -> None:
    encoding = Encoding.choose(1.0, 2)
    with pytest.raises(EncodingError, match="is uint32, not uint64"):
        encoding.decode(np.zeros(3, np.uint64))


@pytest.mark.parametrize(
    ("bound", "parties", "step", "said"),
    [
        (0.0, 3, None, "bound has to be finite and above 0"),
        (-1.0, 3, None, "bound has to be finite and above 0"),
        (math.nan, 3, 1.0, "bound has to be finite and above 0"),
        (math.inf, 3, None, "bound has to be finite and above 0"),
        (1.0, 0, None, "at least one party"),
        (1.0, 3, 2.0, "above the bound"),
        (1.0, 3, 0.3, "power of two"),
        (1.0, 3, 0.0, "power of two"),
        (1.0, 3, -0.5, "power of two"),
        (1.0, 3, math.nan, "power of two"),
        (1.0, 3, math.inf, "power of two"),
        (1e-300, 3, 5e-324, "power of two from 2\\*\\*-960"),
        (5e-324, 3, None, "power of two from 2\\*\\*-960"),
        (1.0, 3, 2.0**-63, "coarser step"),
        (1.0, 4, 2.0**-61, "needs 65 bits, and the width is 64: use a coarser step or fewer"),
    ],
)
def test_what_cannot_be_carried_is_refused_beforehand(
    bound: float, parties: int, step: float | None, said: str
) -> None:
    with pytest.raises(EncodingError, match=said):
        Encoding.choose(bound, parties, step=step)


@given(st.floats(1e-200, 1e200))
def test_the_default_step_keeps_twenty_bits(bound: float) -> None:
    encoding = Encoding.choose(bound, 20)
    assert encoding.width == 32
    assert 2.0**-20 <= encoding.step / bound < 2.0**-19


@pytest.mark.parametrize("width", [16, 31, 33, 128, 0, -32])
def test_other_widths_are_refused(width: int) -> None:
    with pytest.raises(EncodingError, match="32 or 64"):
        Encoding(bound=1.0, step=0.5, width=width)


def test_a_narrow_width_in_a_question_is_refused_by_the_node() -> None:
    lying = Encoding(bound=1.0, step=2.0**-20, width=32)
    lying.check(2047)
    with pytest.raises(EncodingError, match="use a width of 64, a coarser step or fewer parties"):
        lying.check(2048)


def test_the_width_includes_the_tail_of_the_noise() -> None:
    quiet = Encoding.choose(1.0, 20)
    noise = DiscreteGaussian(sigma=300.0, threshold=14, colluders=4)
    loud = Encoding.choose(1.0, 20, step=quiet.step * 2**4, noise=noise)
    assert loud.largest_sum(20) == 20 * 2**16 + noise.tail(loud.step, 20)
    assert loud.width == 32
    assert Encoding.choose(1.0, 20, step=2.0**-16, noise=noise).width == 32
    with pytest.raises(EncodingError, match="use a width of 64"):
        Encoding(bound=1.0, step=2.0**-17, width=32, noise=noise).check(1000)


def test_the_default_step_is_no_finer_than_the_noise_can_be_drawn_in() -> None:
    noise = DiscreteGaussian(sigma=1000.0, threshold=5, colluders=1)
    assert Encoding.choose(1.0, 5, noise=noise).step == noise.finest_step > 2.0**-20
    small = DiscreteGaussian(sigma=1.0, threshold=5, colluders=1)
    assert Encoding.choose(1.0, 5, noise=small).step == 2.0**-20


def test_noise_that_does_not_suit_the_question_is_refused() -> None:
    noise = DiscreteGaussian(sigma=1.0, threshold=5, colluders=1)
    with pytest.raises(EncodingError, match="counts on 5 survivors, and there are 4"):
        Encoding.choose(1.0, 4, noise=noise)
    with pytest.raises(EncodingError, match="use a finer step"):
        Encoding.choose(2.0, 5, step=2.0, noise=noise)
    with pytest.raises(EncodingError, match="use a coarser step"):
        Encoding.choose(1.0, 5, step=2.0**-30, noise=noise)


@pytest.mark.parametrize(("step", "width"), [(2.0**-10, 32), (2.0**-10, 64)])
def test_noise_is_added_modulo_the_ring(step: float, width: int) -> None:
    noise = DiscreteGaussian(sigma=3.0, threshold=1, colluders=0)
    encoding = Encoding(bound=1.0, step=step, width=width, noise=noise)
    units = encoding.encode(np.full(20_000, -1.0))
    plain = units.copy()
    encoding.add_noise(units, ByteStream(bytes(32), "noise"))
    drawn = noise.share(step).sample(20_000, ByteStream(bytes(32), "noise"))
    assert signed(units) == [int(a) + int(b) for a, b in zip(signed(plain), drawn, strict=True)]
    assert encoding.decode(units).std() == pytest.approx(3.0, rel=0.03)
    assert encoding.decode(units).mean() == pytest.approx(-1.0, abs=0.1)


def test_noise_is_added_only_where_the_question_has_some() -> None:
    encoding = Encoding.choose(1.0, 3)
    with pytest.raises(EncodingError, match="no noise"):
        encoding.add_noise(encoding.encode(np.zeros(3)), ByteStream(bytes(32), "noise"))
    noisy = Encoding.choose(1.0, 3, noise=DiscreteGaussian(1.0, threshold=3, colluders=0))
    with pytest.raises(EncodingError, match="not uint64"):
        noisy.add_noise(np.zeros(3, np.uint64), ByteStream(bytes(32), "noise"))


@pytest.mark.parametrize("noise", [None, DiscreteGaussian(2.5, threshold=7, colluders=2)])
def test_an_encoding_survives_the_journey_in_a_question(noise: DiscreteGaussian | None) -> None:
    encoding = Encoding.choose(10.0, 10, noise=noise)
    _, values = decode_values(encode_values("question", encoding.to_values()))
    assert Encoding.from_values(values) == encoding


@pytest.mark.parametrize(
    "change",
    [
        {"bound": None},
        {"step": 1},
        {"width": 32.0},
        {"width": True},
        {"bound": 0.0},
        {"width": 33},
        {"more": 1},
        {"noise_sigma": None},
        {"noise_sigma": -1.0},
        {"noise_threshold": 2},
        {"noise_colluders": 2.0},
        {"noise_more": 1},
    ],
)
def test_an_encoding_of_a_question_is_not_trusted(change: dict[str, Value | None]) -> None:
    noise = DiscreteGaussian(2.5, threshold=7, colluders=2)
    values: dict[str, Value | None] = {**Encoding.choose(10.0, 10, noise=noise).to_values()}
    values |= change
    left = {name: value for name, value in values.items() if value is not None}
    with pytest.raises(EncodingError):
        Encoding.from_values(left)
