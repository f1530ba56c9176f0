from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.invitation import MAX_BYTES, Invitation
from tests.provider.site.invitations import invitation


def test_an_invitation_is_read_as_it_was_written() -> None:
    sent = invitation()
    assert Invitation.decode(sent.encode()) == sent


@given(st.binary(max_size=300))
def test_whatever_else_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        Invitation.decode(data)
    assert caught.value.code is Code.BAD_PARAMETERS


@given(st.data())
def test_a_damaged_one_is_another_or_refused(data: st.DataObject) -> None:
    whole = bytearray(invitation().encode())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with suppress(Refused):
        assert Invitation.decode(bytes(whole)) != invitation()


def test_a_flood_is_refused_unread() -> None:
    with pytest.raises(Refused, match="at most"):
        Invitation.decode(bytes(MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("token", b""),
        ("token", bytes(10**6)),
        ("address", ""),
        ("address", "a\nb"),
        ("address", "a" * 400),
    ],
)
def test_fields_have_their_limits(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name if name == "token" else "address"):
        invitation(**{name: value})
