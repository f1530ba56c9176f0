import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.endorsement import Endorsement, SignedEndorsement, sign_endorsement
from protocols.errors import Code, Refused
from protocols.ids import Digest, digest_of
from tests.identities import identity_of

SIGNER = identity_of("a signer")
A, B = digest_of(b"a"), digest_of(b"b")
WORD = Endorsement(SIGNER.public, frozenset({A, B}), expires=10**9, note="read, and run on dummies")


def test_it_comes_back_as_it_went() -> None:
    assert Endorsement.decode(WORD.encode()) == WORD
    signed = sign_endorsement(WORD, SIGNER)
    assert SignedEndorsement.decode(signed.encode()) == signed
    assert signed.holds_for(SIGNER.public)


def test_nobody_signs_for_another() -> None:
    with pytest.raises(ValueError, match="another signer"):
        sign_endorsement(WORD, identity_of("somebody else"))


@pytest.mark.parametrize(
    "arguments",
    [
        (b"short", {A}),
        (SIGNER.public, set()),
        (SIGNER.public, {"abc"}),
        (SIGNER.public, {A}, -1),
        (SIGNER.public, {A}, 0, "two\nlines"),
        (SIGNER.public, {A}, 0, "x" * 1001),
    ],
)
def test_none_exists_in_a_wrong_state(arguments: tuple[object, ...]) -> None:
    signer, files, *rest = arguments
    with pytest.raises(ValueError, match=r"."):
        Endorsement(signer, frozenset(files), *rest)  # type: ignore[arg-type, call-overload]


@given(st.binary(max_size=200))
def test_any_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        Endorsement.decode(data)
    with pytest.raises(Refused) as caught:
        SignedEndorsement.decode(data)
    assert caught.value.code is Code.NOT_ALLOWED


def test_one_meaning_has_one_encoding() -> None:
    assert Endorsement(SIGNER.public, frozenset([B, A])).encode() == (
        Endorsement(SIGNER.public, frozenset([A, B])).encode()
    )
    assert Digest(A) in WORD.files
