import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.errors import Code, Refused
from protocols.secagg.manifest import SignedManifest
from protocols.secagg.roster import SignedRoster
from protocols.secagg.signed import Signed
from tests.damage import damaged
from tests.identities import identity_of

KINDS = [SignedRoster, SignedManifest]


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=40))
def test_a_signed_body_survives_the_wire(kind: type[Signed], body: bytes) -> None:
    signed = kind.by(identity_of("a"), body)
    assert kind.decode(signed.encode()) == signed
    assert signed.holds_for(identity_of("a").public)
    assert not signed.holds_for(identity_of("b").public)
    assert not kind(body + b"\0", signed.signature).holds_for(identity_of("a").public)


@pytest.mark.parametrize(
    ("kind", "other", "code"),
    [
        (SignedRoster, SignedManifest, Code.ROSTER_NOT_TRUSTED),
        (SignedManifest, SignedRoster, Code.MANIFEST_NOT_TRUSTED),
    ],
)
def test_one_kind_is_none_of_another(kind: type[Signed], other: type[Signed], code: Code) -> None:
    signed = other.by(identity_of("a"), b"body")
    assert not kind(signed.body, signed.signature).holds_for(identity_of("a").public)
    with pytest.raises(Refused) as refused:
        kind.decode(signed.encode())
    assert refused.value.code is code


def test_damage_is_refused_or_does_not_verify() -> None:
    signed = SignedRoster.by(identity_of("a"), b"body" * 20)
    for data in damaged(signed.encode(), 200):
        try:
            found = SignedRoster.decode(data)
        except Refused:
            continue
        assert found == signed or not found.holds_for(identity_of("a").public)
