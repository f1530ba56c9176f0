from typing import Any

import pytest

from protocols.ids import provider_id
from protocols.secagg.member import MAX_LABELS, Member, Transport
from tests.identities import identity_of, member_of


def test_how_an_answer_travels() -> None:
    member = member_of("a")
    assert member.transport("describe") is Transport.PLAIN
    assert member.transport("class_feature_sums") is Transport.MASKED
    assert member.transport("squared_error") is None


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("provider", "../etc", "provider name"),
        ("identity", bytes(31), "usable"),
        ("identity", bytes(32), "usable"),
        ("classes", frozenset({""}), "the classes of a have"),
        ("classes", frozenset({"a\nb"}), "printable"),
        ("classes", frozenset({" cat"}), "no space"),
        ("classes", frozenset({"x" * 201}), "1 to 200"),
        ("classes", frozenset(map(str, range(MAX_LABELS + 1))), "at most 4096"),
        ("plain", frozenset({"\ud800"}), "plain functions"),
        ("masked", frozenset({"describe"}), "as plain and as masked"),
    ],
)
def test_a_malformed_entry_is_named(field: str, value: object, message: str) -> None:
    fields: dict[str, Any] = {
        "provider": provider_id("a"),
        "identity": identity_of("a").public,
        "plain": frozenset({"describe"}),
    }
    with pytest.raises(ValueError, match=message):
        Member(**{**fields, field: value})
