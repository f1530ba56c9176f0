"""A site's certificate, as its files have it at the moment of dialling."""

from pathlib import Path

import pytest

from provider.site.config import FederationSettings
from provider.site.federation import client_tls
from provider.site.tls_files import TlsFiles, TlsPaths
from synlearn.errors import InputError
from tests.certificates import Authority, Identity


class Files:
    """A site's files in a folder."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority()
        self.paths = TlsPaths(folder / "ca.pem", folder / "tls.pem", folder / "tls.key")
        self.paths.ca.write_bytes(self.authority.certificate)
        self.write(self.authority.issue("alice"))

    def write(self, own: Identity) -> Identity:
        assert self.paths.certificate is not None
        assert self.paths.key is not None
        self.paths.key.write_bytes(own.key)
        self.paths.certificate.write_bytes(own.certificate)
        return own


@pytest.fixture
def here(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_renewed_certificate_is_dialled_with(here: Files) -> None:
    source = TlsFiles(here.paths)
    first = source.current()
    assert source.current() == first
    own = here.write(here.authority.issue("alice"))
    assert source.current().certificate == own.certificate != first.certificate
    assert source.current().key == own.key


def test_half_a_renewal_is_not(here: Files, caplog: pytest.LogCaptureFixture) -> None:
    source, new = TlsFiles(here.paths), here.authority.issue("alice")
    first = source.current()
    assert here.paths.certificate is not None
    here.paths.certificate.write_bytes(new.certificate)
    assert source.current() == first
    assert "the key is not that of the certificate" in caplog.text
    assert "goes on with the certificate that it had" in caplog.text
    assert here.paths.key is not None
    here.paths.key.write_bytes(new.key)
    assert source.current().certificate == new.certificate


@pytest.mark.parametrize("name", ["ca", "certificate", "key"])
@pytest.mark.parametrize("content", [None, b"half of a"], ids=["gone", "damaged"])
def test_a_broken_file_stops_the_start_and_nothing_later(
    here: Files, name: str, content: bytes | None
) -> None:
    source = TlsFiles(here.paths)
    first = source.current()
    path: Path = getattr(here.paths, name)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert source.current() == first
    with pytest.raises(InputError, match=path.name):
        TlsFiles(here.paths)


def test_a_site_without_a_certificate_of_its_own(here: Files) -> None:
    source = client_tls(FederationSettings(ca=here.paths.ca))
    assert source is not None
    assert source.current().certificate is None
