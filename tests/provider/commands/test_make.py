import os
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from provider.cli import app
from provider.site.config import read_config
from provider.site.home import Home
from tests.integration.sites import write_pictures


def init(tmp_path: Path, *words: str, home: str = "node", typed: str = "") -> Result:
    return CliRunner().invoke(
        app, ["init", "--home", str(tmp_path / home), *words], input=typed, env={"COLUMNS": "200"}
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_pictures(tmp_path / "data", {"ant": 3, "bee": 2}, 0)
    return tmp_path / "data"


def words(data: Path, *more: str) -> list[str]:
    return ["--provider", "alice", "--data", str(data), *more]


def test_a_node_is_made_and_tells_its_identity(tmp_path: Path, data: Path) -> None:
    result = init(tmp_path, *words(data, "--label", "ant=insect/ant", "--label", "bee="))
    assert result.exit_code == 0, result.output
    home = Home(tmp_path / "node")
    assert read_config(home.config).labels.names == {"ant": "insect/ant", "bee": ""}
    assert 'profile = "guarded"' in home.policy.read_text()
    assert "Fingerprint" in result.output
    assert home.key.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in home.folder.iterdir()) == [
        "identity.pem",
        "node.toml",
        "policy.toml",
    ]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("--label", "cow=cow"), "should be YOURS=THEIRS; your classes are ant, bee"),
        (("--label", "ant"), "should be YOURS=THEIRS"),
        ((), "federation's name of your class ant is missing"),
        (("--same-labels", "--image", "3x32"), "write it as 3x32x32"),
        (("--same-labels", "--image", "2x32x32"), "must be 1 (grey) or 3"),
        (("--same-labels", "--kind", "videos"), "must be one of images"),
        (("--same-labels", "--profile", "lax"), "must be one of guarded, open"),
        (("--same-labels", "--coordinator", "nowhere"), "write host:port"),
        (("--same-labels", "--authority", "abc"), "no Ed25519 public key"),
        (("--same-labels", "--key", "k.pem"), "come together"),
    ],
)
def test_a_mistake_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, data: Path, more: tuple[str, ...], sentence: str
) -> None:
    result = init(tmp_path, *words(data, *more))
    assert result.exit_code == 2, result.output
    assert sentence in result.output
    assert "Traceback" not in result.output
    assert not (tmp_path / "node").exists() or not list((tmp_path / "node").iterdir())


def test_data_that_is_not_there(tmp_path: Path) -> None:
    result = init(tmp_path, *words(tmp_path / "nowhere", "--same-labels"))
    assert result.exit_code == 2
    assert "is not there" in result.output


def test_a_name_that_is_none(tmp_path: Path, data: Path) -> None:
    result = init(tmp_path, "--provider", "a b", "--data", str(data), "--same-labels")
    assert result.exit_code == 2
    assert "provider name has" in result.output


def test_a_node_is_never_overwritten(tmp_path: Path, data: Path) -> None:
    assert init(tmp_path, *words(data, "--same-labels")).exit_code == 0
    before = (tmp_path / "node" / "identity.pem").read_bytes()
    result = init(tmp_path, *words(data, "--same-labels"))
    assert result.exit_code == 2
    assert "holds a node already" in result.output
    assert (tmp_path / "node" / "identity.pem").read_bytes() == before


@pytest.mark.skipif(os.getuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_cannot_be_made(tmp_path: Path, data: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    result = init(tmp_path, *words(data, "--same-labels"), home="locked/node")
    assert result.exit_code == 2
    assert "cannot be made" in result.output
