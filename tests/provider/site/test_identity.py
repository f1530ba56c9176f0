from pathlib import Path

import pytest

from protocols.secagg.keys import verified
from provider.site.home import Home
from provider.site.identity import fingerprint, load_key, make_key
from synlearn.errors import InputError


def test_a_key_is_read_as_it_was_made(tmp_path: Path) -> None:
    made = make_key(tmp_path / "identity.pem")
    read = load_key(tmp_path / "identity.pem")
    assert read.identity.public == made.identity.public
    assert read.row_secret == made.row_secret
    assert verified(made.identity.public, b"synlearn/test", read.identity.sign(b"synlearn/test"))


def test_the_secret_of_rows_is_neither_the_key_nor_anothers(tmp_path: Path) -> None:
    one, other = make_key(tmp_path / "1.pem"), make_key(tmp_path / "2.pem")
    assert one.row_secret != other.row_secret
    assert one.row_secret.hex() not in one.pem().hex()


def test_an_identity_is_never_overwritten(tmp_path: Path) -> None:
    make_key(tmp_path / "identity.pem")
    before = (tmp_path / "identity.pem").read_bytes()
    with pytest.raises(InputError, match="never overwritten"):
        make_key(tmp_path / "identity.pem")
    assert (tmp_path / "identity.pem").read_bytes() == before


def test_a_key_is_closed_to_others_and_refused_when_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "identity.pem"
    make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(InputError, match="chmod 600"):
        load_key(path)


@pytest.mark.parametrize("content", [b"", b"-----BEGIN PRIVATE KEY-----\nAAAA\n", b"\0" * 32])
def test_a_damaged_key_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "identity.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(InputError, match="no private key"):
        load_key(path)


def test_a_missing_key_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="restore the identity"):
        load_key(tmp_path / "identity.pem")


def test_fingerprints_differ_and_can_be_read_out() -> None:
    assert fingerprint(b"a" * 32) != fingerprint(b"b" * 32)
    assert len(fingerprint(b"a" * 32).split()) == 16


def test_a_home_is_the_owners_alone_and_made_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "node")
    home.make()
    assert home.folder.stat().st_mode & 0o777 == 0o700
    with pytest.raises(InputError, match="synlearn-provider init"):
        home.check()
    home.config.touch()
    home.check()
    with pytest.raises(InputError, match="holds a node already"):
        home.make()
