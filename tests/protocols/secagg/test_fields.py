from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.secagg.fields import Fields, groups, integers, octets, rows
from protocols.values import Value, encode_values

TEXTS = st.lists(st.text(st.characters(codec="utf-8"), max_size=5), max_size=4)


def fields_of(**values: Value) -> Fields:
    return Fields(encode_values("kind", values), "kind")


@given(
    st.binary(max_size=9),
    st.lists(st.binary(min_size=3, max_size=3), max_size=4),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=4),
    st.lists(TEXTS, max_size=4),
)
def test_what_is_written_is_read(
    data: bytes, table: list[bytes], numbers: list[int], lists: list[list[str]]
) -> None:
    fields = fields_of(
        data=octets(data),
        table=rows(table, 3),
        numbers=integers(numbers),
        text="t",
        flag=True,
        integer=-7,
        **groups("lists", lists),
    )
    assert fields.octets("data") == data
    assert fields.rows("table", 3) == tuple(table)
    assert fields.integers("numbers") == tuple(numbers)
    assert fields.groups("lists", len(lists)) == tuple(map(tuple, lists))
    assert (fields.text("text"), fields.flag("flag"), fields.integer("integer")) == ("t", True, -7)


@pytest.mark.parametrize(
    "read",
    [
        lambda fields: fields.text("x"),
        lambda fields: fields.texts("x"),
        lambda fields: fields.integer("x"),
        lambda fields: fields.flag("x"),
        lambda fields: fields.octets("x"),
        lambda fields: fields.rows("x", 3),
        lambda fields: fields.integers("x"),
    ],
)
@pytest.mark.parametrize(
    "value", [1, True, 1.5, "text", ("a",), np.zeros(3), np.zeros((2, 3, 1), np.uint8), None]
)
def test_a_value_of_another_kind_is_named(read: Callable[[Fields], object], value: Value) -> None:
    fields = fields_of() if value is None else fields_of(x=value)
    try:
        found = read(fields)
    except ValueError as error:
        assert "'x'" in str(error)  # noqa: PT017 - some readers take some of these values
    else:
        assert found == value
        assert type(found) is type(value)


def test_bytes_that_are_no_body_of_the_kind() -> None:
    with pytest.raises(ValueError, match="body"):
        Fields(b"\xff", "kind")
    with pytest.raises(ValueError, match="should be a kind"):
        Fields(encode_values("other", {}), "kind")


def test_rows_and_lists_that_do_not_divide() -> None:
    with pytest.raises(ValueError, match="rows of 4 bytes, not of 3"):
        fields_of(x=rows([b"four"], 4)).rows("x", 3)
    for sizes, count in (([1, 1], 1), ([2], 1), ([-1, 2], 2), ([0], 1)):
        with pytest.raises(ValueError, match="does not divide"):
            fields_of(x=("a",), **{"x.sizes": integers(sizes)}).groups("x", count)
