import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.sizes import array_like, encoded_size, octets_like
from protocols.values import Value, encode_values

DTYPES = ("float32", "float64", "int32", "int64", "uint8", "bool")
arrays = st.builds(
    array_like,
    st.sampled_from(DTYPES),
    st.lists(st.sampled_from([0, 1, 2, 5, 127, 128, 300]), max_size=3)
    .map(tuple)
    .filter(lambda shape: np.prod(shape) < 10**6),
)
values = st.one_of(
    arrays,
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.lists(st.text(), max_size=5).map(tuple),
)


@given(st.text(max_size=200), st.dictionaries(st.text(), values, max_size=5))
def test_a_size_is_that_of_the_bytes(function: str, named: dict[str, Value]) -> None:
    assert encoded_size(function, named) == len(encode_values(function, named))


def test_the_size_of_what_would_not_fit_in_memory_is_known() -> None:
    array = array_like("int64", (10_000, 100_000))
    assert 8 * array.size < encoded_size("", {"rows": array}) < 8 * array.size + 40
    assert array.base is not None
    assert array.base.nbytes == 8


def test_octets_stand_for_bytes() -> None:
    assert encoded_size("", {"a": octets_like(7)}) == len(
        encode_values("", {"a": np.frombuffer(b"1234567", np.uint8)})
    )


def test_what_cannot_be_sent_has_no_size() -> None:
    with pytest.raises(ValueError, match="complex128"):
        encoded_size("", {"a": np.zeros(2, complex)})
