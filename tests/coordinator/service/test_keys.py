"""API keys: shown once, kept as digests, taken back while the service runs."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.service.keys import LONGEST, PREFIX, KeyRing, add_key, read_keys, remove_key
from synlearn.errors import InputError

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_key_is_kept_as_its_digest_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key, other = add_key(path, "ada", NOW), add_key(path, "bob", NOW)
    assert key != other
    assert len(key) > 40
    assert key not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    ring = KeyRing(path, Clock())
    assert (ring.name_of(key), ring.name_of(other)) == ("ada", "bob")
    for wrong in ("", PREFIX, key[:-1], key + "a", key.swapcase(), "x" * 10_000, key + "\ud800"):
        assert ring.name_of(wrong) is None
    assert ring.name_of(PREFIX + "a" * LONGEST) is None


def test_a_ring_follows_its_file_and_keeps_what_it_had(tmp_path: Path) -> None:
    path, clock = tmp_path / "keys.json", Clock()
    key = add_key(path, "ada", NOW)
    ring = KeyRing(path, clock)
    later = add_key(path, "bob", NOW)
    assert ring.name_of(later) is None  # it has not looked yet
    clock.now += 2
    assert ring.name_of(later) == "bob"
    remove_key(path, "ada")
    clock.now += 2
    assert ring.name_of(key) is None
    path.write_text("damaged")
    clock.now += 2
    assert ring.name_of(later) == "bob"
    path.unlink()
    clock.now += 2
    assert ring.name_of(later) == "bob"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 100_000,
        "[]",
        '{"format": "synlearn-keys/9", "keys": []}',
        '{"format": "synlearn-keys/1", "keys": [{"name": "a"}]}',
        '{"format": "synlearn-keys/1", "keys": [{"name": "a", "sha256": "x", "created": ""}]}',
    ],
)
def test_what_is_no_file_of_keys_is_said(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"keys\.json is"):
        read_keys(path)


def test_the_commands(tmp_path: Path) -> None:
    path, run = tmp_path / "keys.json", CliRunner()

    def keys(*words: str) -> tuple[int, str]:
        found = run.invoke(app, ["keys", *words, "--keys", str(path)])
        return found.exit_code, found.output

    code, said = keys("add", "ada")
    assert code == 0
    key = said.split()[-1]
    assert KeyRing(path, Clock()).name_of(key) == "ada"
    assert keys("add", "ada")[0] == 2
    assert keys("add", "no name")[0] == 2
    code, said = keys("list")
    assert "ada" in said
    assert key not in said
    assert keys("remove", "ada")[0] == 0
    assert keys("remove", "ada")[0] == 2
    assert not read_keys(path)
