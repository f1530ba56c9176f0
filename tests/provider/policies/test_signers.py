import pytest

from protocols.endorsement import Endorsement, SignedEndorsement, sign_endorsement
from protocols.ids import digest_of
from protocols.secagg.keys import Identity
from provider.policies.signers import JobEndorsements, endorsed_files
from tests.identities import COORDINATOR, identity_of

SIGNER, OTHER = identity_of("a signer"), identity_of("another signer")
A, B = digest_of(b"a"), digest_of(b"b")
KNOWN = frozenset({SIGNER.public})


def word(signer: Identity, *files: str, expires: int = 0) -> SignedEndorsement:
    return sign_endorsement(
        Endorsement(signer.public, frozenset(map(digest_of, map(str.encode, files))), expires),
        signer,
    )


def accepted(
    *signed: SignedEndorsement, signers: frozenset[bytes] = KNOWN, now: float = 0.0
) -> set[str]:
    return set(endorsed_files(signed, signers=signers, coordinator=COORDINATOR.public, now=now))


def test_a_known_signers_word_counts() -> None:
    assert accepted(word(SIGNER, "a"), word(SIGNER, "b")) == {A, B}
    assert accepted(word(SIGNER, "a"), word(OTHER, "b")) == {A}
    assert accepted(word(SIGNER, "a"), signers=frozenset()) == set()


def test_the_coordinators_own_word_never_counts() -> None:
    signers = frozenset({SIGNER.public, COORDINATOR.public})
    assert accepted(word(COORDINATOR, "a"), signers=signers) == set()


@pytest.mark.parametrize(("now", "files"), [(99.0, {A}), (100.0, set())])
def test_a_word_expires(now: float, files: set[str]) -> None:
    assert accepted(word(SIGNER, "a", expires=100), now=now) == files


def test_words_that_were_not_signed_by_whom_they_name() -> None:
    good = word(SIGNER, "a")
    forged = SignedEndorsement.by(OTHER, good.body)
    longer = SignedEndorsement(word(SIGNER, "a", "b").body, good.signature)
    unreadable = SignedEndorsement.by(SIGNER, b"nonsense")
    assert accepted(forged, longer, unreadable) == set()
    assert accepted(forged, longer, unreadable, good) == {A}


def test_signatures_are_checked_once_for_a_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    job = JobEndorsements([word(SIGNER, "a", expires=100), word(OTHER, "b")], COORDINATOR.public)
    assert job.files(KNOWN, 0.0) == {A}
    checked: list[bytes] = []

    def holds_for(_: SignedEndorsement, public: bytes) -> bool:
        checked.append(public)
        return True

    monkeypatch.setattr(SignedEndorsement, "holds_for", holds_for)
    assert job.files(KNOWN, 99.0) == {A}
    assert checked == []
    assert job.files(frozenset({OTHER.public}), 99.0) == {B}
    assert checked == [OTHER.public]
    assert job.files(KNOWN, 100.0) == frozenset()
