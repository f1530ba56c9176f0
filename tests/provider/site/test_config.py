from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.site.config import SiteConfig, read_config
from synlearn.errors import InputError
from tests.identities import AUTHORITY

WHOLE = f"""
provider = "hospital-a"

[data]
kind = "images"
path = "images"
height = 64
width = 64

[labels]
"Katze" = "animal/cat"
"Hund" = ""

[federation]
authority = "{AUTHORITY.public.hex()}"
coordinators = ["example.org:9092", "[::1]:9092"]
ca = "ca.pem"
certificate = "/etc/node.pem"
key = "node.key"

[door]
users = [998]
"""


def read(tmp_path: Path, text: str) -> SiteConfig:
    path = tmp_path / "node.toml"
    path.write_text(text)
    return read_config(path)


def test_a_whole_file_is_read_and_its_paths_are_absolute(tmp_path: Path) -> None:
    config = read(tmp_path, WHOLE)
    assert config.node.name == "hospital-a"
    assert config.labels.names == {"Katze": "animal/cat", "Hund": ""}
    assert config.node.data.path == tmp_path / "images"
    assert config.node.federation.ca == tmp_path / "ca.pem"
    assert config.node.federation.certificate == Path("/etc/node.pem")
    assert config.node.door.users == (998,)


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        ('"hospital-a"', '"hospital a"', "provider name"),
        ("[data]", "[date]", r"section \[data\] is missing"),
        ('"images"\n', '"database"\n', "must be one of images, arrays"),
        ("height = 64", "height = 0", "at least 1"),
        ("height", "heigth", "did you mean 'height'"),
        ('"Hund" = ""', '"Hund" = 3', "must be a text"),
        ("example.org:9092", "https://example.org", "write host:port"),
        ("example.org:9092", "example.org:99999", "write host:port"),
        (AUTHORITY.public.hex(), AUTHORITY.public.hex()[:-1], "no Ed25519 public key"),
        (AUTHORITY.public.hex(), "00" * 32, "no Ed25519 public key"),
        ('key = "node.key"', "", "come together"),
        ("[door]", "[door", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence) as caught:
        read(tmp_path, WHOLE.replace(before, after, 1))
    assert "node.toml" in str(caught.value)


@given(st.text(max_size=200))
def test_any_text_is_a_configuration_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("config") / "node.toml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError):
        read_config(path)
