"""The house keeps its own rules: who imports whom, what is pinned, what no file may name."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HOUSE = Path(__file__).parent.parent
PROJECT = tomllib.loads((HOUSE / "pyproject.toml").read_text())["project"]
EXTRAS = [text for name in ("dev", "fuzz") for text in PROJECT["optional-dependencies"][name]]
ROOMS = (
    "synlearn",
    "protocols",
    "coordinator",
    "provider",
    "deploy",
    "benchmarks",
    "docs",
    "examples",
    "tests",
    ".ci",
)

MACHINE_PATH = re.compile(r"(?<![\w.:/~-])/(?:home|root|Users|work|opt|mnt|srv|tmp)/\w")
INTERNAL_HOST = re.compile(
    r"\b[\w-]+\.(?:corp|internal|intranet|lan)\b(?!\()"
    r"|\b(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}\b"
)
HOSTS = (HOUSE / "deploy", HOUSE / "tests" / "deploy")
"""These set up a host of their own, and say where things lie on it."""
PUBLIC_NAMES = ("google.protobuf.internal",)
"""What looks like an internal host and is a module."""


def texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the repository, whether git knows it already or not."""
    files = [path for path in HOUSE.iterdir() if path.is_file()]
    for room in ROOMS:
        files += [path for path in (HOUSE / room).rglob("*") if path.is_file()]
    for path in files:
        if "__pycache__" in path.parts:
            continue
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # an image or an archive


def named(pattern: re.Pattern[str], text: str) -> list[str]:
    """The lines of a text that match, with what merely looks like it left out."""
    for name in PUBLIC_NAMES:
        text = text.replace(name, "")
    return [line.strip() for line in text.splitlines() if pattern.search(line)]


def test_imports_keep_their_contracts() -> None:
    check = "from importlinter.cli import lint_imports as l; raise SystemExit(l(no_cache=True))"
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", check], cwd=HOUSE, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("pattern", [MACHINE_PATH, INTERNAL_HOST], ids=["path", "host"])
def test_no_file_names_a_machine(pattern: re.Pattern[str]) -> None:
    found = {
        str(path.relative_to(HOUSE)): lines
        for path, text in texts()
        if not (pattern is MACHINE_PATH and set(HOSTS) & set(path.parents))
        and (lines := named(pattern, text))
    }
    assert not found


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATH, "data = '" + "/home" + "/ada/images'"),
        (MACHINE_PATH, "see " + "/work" + "/main"),
        (INTERNAL_HOST, "https://pypi" + ".corp/simple"),
        (INTERNAL_HOST, "coordinator at 192" + ".168.0.7:9000"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    assert named(pattern, line)


@pytest.mark.parametrize(
    "line", ["https://example.org/home/x", "~/work/zoo", "127.0.0.1:0", "threading.local()"]
)
def test_the_patterns_let_pass_what_is_public(line: str) -> None:
    assert not named(MACHINE_PATH, line)
    assert not named(INTERNAL_HOST, line)


def test_constraints_pin_what_the_project_asks_for() -> None:
    pins = dict(
        line.split("==")
        for line in (HOUSE / "constraints.txt").read_text().splitlines()
        if not line.startswith("#")
    )
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    for text in PROJECT["dependencies"] + EXTRAS:
        requirement = Requirement(text)
        version = pins.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} has no pin in constraints.txt"
        assert requirement.specifier.contains(version), f"{version} does not satisfy {requirement}"


@pytest.mark.parametrize("script", ["run", ".ci/run"])
def test_scripts_can_be_executed(script: str) -> None:
    assert os.access(HOUSE / script, os.X_OK)
