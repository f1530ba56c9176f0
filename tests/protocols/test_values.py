import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols import messages_pb2 as pb
from protocols.errors import Code, FrameError
from protocols.values import MAX_DIMENSIONS, MAX_VALUES, Value, decode_values, encode_values

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ARRAYS = st.sampled_from(DTYPES).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0))
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    TEXT,
    st.lists(TEXT, max_size=4).map(tuple),
    ARRAYS,
)
BODIES = st.dictionaries(TEXT, VALUES, max_size=6)


def same(one: Value, other: Value) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return (one.dtype, one.shape, one.tobytes()) == (other.dtype, other.shape, other.tobytes())
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    return type(one) is type(other) and bool(one == other)


def outcome(body: bytes) -> Code | None:
    """The code of the FrameError; anything else that is raised fails the test."""
    try:
        decode_values(body)
    except FrameError as error:
        return error.code
    return None


@given(TEXT, BODIES)
def test_a_body_survives_the_wire(function: str, values: dict[str, Value]) -> None:
    name, back = decode_values(encode_values(function, values))
    assert name == function
    assert back.keys() == values.keys()
    assert all(same(back[key], values[key]) for key in values)


@given(BODIES)
def test_equal_values_give_equal_bytes_in_whatever_order(values: dict[str, Value]) -> None:
    backwards = dict(reversed(values.items()))
    assert encode_values("f", values) == encode_values("f", backwards)


@given(st.binary(max_size=200))
def test_garbage_is_a_frame_error_and_nothing_else(garbage: bytes) -> None:
    assert outcome(garbage) in {None, Code.MALFORMED}


@given(BODIES, st.data())
def test_a_damaged_body_is_a_frame_error_or_other_values(
    values: dict[str, Value], data: st.DataObject
) -> None:
    body = bytearray(encode_values("f", values))
    body[data.draw(st.integers(0, len(body) - 1))] ^= data.draw(st.integers(1, 255))
    assert outcome(bytes(body)) in {None, Code.MALFORMED}


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">f8").reshape(2, 3),
        np.arange(24, dtype="int32").reshape(2, 3, 4).transpose(2, 0, 1),
        np.arange(10, dtype="float32")[::3],
        np.zeros((3, 0), "int64"),
        np.array(True),
    ],
)
def test_memory_layout_and_byte_order_do_not_show(array: np.ndarray[Any, Any]) -> None:
    back = decode_values(encode_values("", {"x": array}))[1]["x"]
    assert isinstance(back, np.ndarray)
    assert back.dtype == array.dtype.newbyteorder("<")
    np.testing.assert_array_equal(back, array)
    assert not back.flags.writeable


def test_the_bytes_of_an_array_are_little_endian_rows() -> None:
    body = pb.Body.FromString(encode_values("", {"x": np.array([[1, 2], [3, 4]], ">i4")}))
    assert body.values[0].array.data == bytes.fromhex("01000000020000000300000004000000")
    assert list(body.values[0].array.shape) == [2, 2]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (2**63, "64 bits"),
        (np.zeros(3, "complex64"), "complex64"),
        (np.array(["a"]), "<U1"),
        (np.array([object()]), "object"),
        (np.zeros((1,) * (MAX_DIMENSIONS + 1)), "axes"),
        (["a"], "list"),
        ((1, 2), "tuple"),
        (None, "NoneType"),
        (b"raw", "bytes"),
    ],
)
def test_what_cannot_be_sent_is_named(value: Value, sentence: str) -> None:
    with pytest.raises(ValueError, match="'culprit'") as caught:
        encode_values("f", {"culprit": value})
    assert sentence in str(caught.value)


def test_too_many_values() -> None:
    with pytest.raises(ValueError, match=str(MAX_VALUES)):
        encode_values("f", {str(number): 1 for number in range(MAX_VALUES + 1)})


def array(dtype: str = "f4", shape: tuple[int, ...] = (2,), data: bytes = bytes(8)) -> pb.Named:
    return pb.Named(name="x", array=pb.Array(dtype=dtype, shape=shape, data=data))


@pytest.mark.parametrize(
    "values",
    [
        [array(dtype="f2")],
        [array(dtype="O")],
        [array(shape=(3,))],
        [array(shape=(2**31, 2**31, 2**2), data=b"")],  # 2**66 bytes: no wrapping around
        [array(shape=(2**32 - 1,))],
        [array(shape=(1,) * 9, data=bytes(4))],
        [array(dtype="bool", data=b"\x00\x02")],
        [pb.Named(name="x")],
        [array(), array()],
        [pb.Named(name="b", text=""), pb.Named(name="a", text="")],
        [pb.Named(name=f"{number:05}", boolean=True) for number in range(MAX_VALUES + 1)],
    ],
)
def test_bodies_that_nobody_honest_sends(values: list[pb.Named]) -> None:
    with pytest.raises(FrameError) as caught:
        decode_values(pb.Body(values=values).SerializeToString())
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body + b"\x7a\x01x",  # a field that no version has
        lambda body: body + body[:6],  # the function again
        lambda body: b"\x0a\x84\x00" + body[2:],  # a length in two bytes where one does
    ],
    ids=["unknown field", "a field twice", "a long number"],
)
def test_a_body_has_one_encoding(spoil: Callable[[bytes], bytes]) -> None:
    body = encode_values("func", {"a": 1})
    with pytest.raises(FrameError, match="canonical"):
        decode_values(spoil(body))
