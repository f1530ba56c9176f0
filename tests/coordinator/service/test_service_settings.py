"""What a service may not be started with."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.service.settings import ServiceSettings
from synlearn.errors import InputError
from synlearn.settings import read_settings

WHOLE = 'mre = "m"\nzoo = "z"\n'


def read(folder: Path, text: str) -> ServiceSettings:
    (folder / "service.toml").write_text(text)
    return read_settings(ServiceSettings, folder / "service.toml").checked()


def test_this_machine_alone_needs_neither_key_nor_certificate(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.http.is_loopback
    assert found.grpc.is_loopback


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs an MRE model and a zoo"),
        (WHOLE + '[http]\nlisten = "0.0.0.0:1"', "there are no API keys"),
        (WHOLE + '[grpc]\nlisten = "[::]:1"', "there are no API keys"),
        (WHOLE + 'keys = "k"\n[http]\nlisten = "0.0.0.0:1"', "there is no TLS"),
        (WHOLE + '[tls]\ncertificate = "c"', "belong together"),
        (WHOLE + '[http]\nlisten = "nowhere"', "is no address"),
        (WHOLE + '[http]\nlisten = ""\n[grpc]\nlisten = ""', "neither"),
        (WHOLE + "[limits]\nper_second = 0.0", "at least"),
        (WHOLE + "[limit]\nburst = 1.0", "did you mean 'limits'"),
    ],
)
def test_what_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read(tmp_path, text)


def test_the_command_says_what_is_wrong(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["serve", "--mre", str(tmp_path), "--zoo", str(tmp_path)])
    assert found.exit_code == 2
    assert "Traceback" not in found.output
