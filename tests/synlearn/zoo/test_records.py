import json
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from synlearn.zoo.records import RecordError, parse_record


@dataclass(frozen=True)
class Inner:
    sizes: tuple[int, ...]
    pair: tuple[int, str]


@dataclass(frozen=True)
class Outer:
    name: str
    share: float
    on: bool
    inner: Inner
    more: Mapping[str, int | tuple[int, ...]]
    note: str | None


WHOLE = {
    "name": "a",
    "share": 1,
    "on": True,
    "inner": {"sizes": [1, 2], "pair": [1, "x"]},
    "more": {"x": 1, "y": [2, 3]},
    "note": None,
}


def test_a_whole_record() -> None:
    assert parse_record(Outer, json.dumps(WHOLE).encode()) == Outer(
        name="a",
        share=1.0,
        on=True,
        inner=Inner((1, 2), (1, "x")),
        more={"x": 1, "y": (2, 3)},
        note=None,
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"name": 3}, "name has a value of the wrong type"),
        ({"on": 1}, "on has a value of the wrong type"),
        ({"share": True}, "share has a value of the wrong type"),
        ({"share": "1"}, "share has a value of the wrong type"),
        ({"inner": [1]}, "inner is not an object"),
        ({"inner": {"sizes": [1, 2.5], "pair": [1, "x"]}}, r"inner.sizes\[1\] has a value"),
        ({"inner": {"sizes": 1, "pair": [1, "x"]}}, "inner.sizes is not a list"),
        ({"inner": {"sizes": [], "pair": [1]}}, "inner.pair has 1 items, not 2"),
        ({"inner": {"sizes": []}}, "field inner.pair is missing"),
        ({"more": {"x": "1"}}, "more.x has a value of the wrong type"),
        ({"more": None}, "more is not an object"),
        ({"note": 0}, "note has a value of the wrong type"),
        ({"colour": 0}, "field colour is unknown"),
    ],
)
def test_whatever_differs_is_named(changed: dict[str, object], message: str) -> None:
    with pytest.raises(RecordError, match=message):
        parse_record(Outer, json.dumps({**WHOLE, **changed}).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json(data: bytes) -> None:
    with pytest.raises(RecordError, match="not JSON"):
        parse_record(Outer, data)


@pytest.mark.parametrize("data", [b"[]", b"null", b"3"])
def test_json_that_is_no_object(data: bytes) -> None:
    with pytest.raises(RecordError, match="it is not an object"):
        parse_record(Outer, data)


@pytest.mark.parametrize(
    "text",
    [
        '{"share": ' + "1" * 5000 + "}",
        '{"share": NaN}',
        '{"share": 1e999}',
        '{"name": "\\ud800"}',
        '{"\\ud800": 1}',
        "[" * 20_000,
    ],
    ids=["digits", "not a number", "infinite", "half a character", "in a name", "depth"],
)
def test_what_could_not_be_written_again_is_no_record(text: str) -> None:
    with pytest.raises(RecordError, match="is not JSON"):
        parse_record(Outer, text.encode())


def test_a_number_beyond_all_reals() -> None:
    with pytest.raises(RecordError, match="share is too large"):
        parse_record(Outer, json.dumps({**WHOLE, "share": 10**400}).encode())
