"""The files that a session port answers with, and what becomes of broken ones."""

from pathlib import Path

import pytest

from coordinator.tls import ServerTls, ServerTlsFiles, _Renewal
from synlearn.errors import InputError
from tests.certificates import Authority, Identity


class Files:
    """A coordinator's files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority()
        self.files = ServerTlsFiles(folder / "tls.pem", folder / "tls.key", folder / "ca.pem")
        self.files.client_authority.write_bytes(self.authority.certificate)
        self.own = self.write(self.authority.issue("localhost"))

    def write(self, own: Identity) -> Identity:
        self.files.key.write_bytes(own.key)
        self.files.certificate.write_bytes(own.certificate)
        return own

    def texts(self) -> ServerTls:
        return ServerTls(self.own.certificate, self.own.key, self.authority.certificate)


@pytest.fixture
def here(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_files_that_stay_are_no_renewal(here: Files) -> None:
    assert here.files.read() == here.texts()
    assert _Renewal(here.files, here.texts())() is None


def test_a_new_pair_is_taken_once(here: Files, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    renewal = _Renewal(here.files, here.texts())
    here.write(here.authority.issue("localhost"))
    assert renewal() is not None
    assert renewal() is None
    assert "new connections get the renewed certificate, which ends on" in caplog.text


def test_half_a_renewal_is_not_taken(here: Files, caplog: pytest.LogCaptureFixture) -> None:
    """Never a certificate with another's key; and it is said once, not for each connection."""
    renewal, new = _Renewal(here.files, here.texts()), here.authority.issue("localhost")
    here.files.key.write_bytes(new.key)
    assert renewal() is renewal() is None
    (said,) = [each.getMessage() for each in caplog.records if each.name == "coordinator.tls"]
    assert "the former certificate stays" in said
    assert "the key is not that of the certificate" in said
    here.files.certificate.write_bytes(new.certificate)
    assert renewal() is not None


@pytest.mark.parametrize("name", ["certificate", "key", "client_authority"])
@pytest.mark.parametrize("content", [None, b"", b"half of a"], ids=["gone", "empty", "damaged"])
def test_broken_files_change_nothing_while_it_runs_and_stop_it_at_the_start(
    here: Files, name: str, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    renewal = _Renewal(here.files, here.texts())
    path: Path = getattr(here.files, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert renewal() is None
    assert path.name in caplog.text
    with pytest.raises(InputError, match=path.name):
        here.files.credentials()
