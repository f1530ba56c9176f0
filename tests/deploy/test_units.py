"""Units are understood by systemd, whole, and shut in."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.units import COORDINATOR, PROVIDER, SYSTEMD, unit_settings

UNITS = (*PROVIDER, *COORDINATOR)
MOST_EXPOSED = 2.2
"""Of 10, as `systemd-analyze security` counts."""

analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze"
)


def run(folder: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["systemd-analyze", *words],
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """All units, with programs that are there: what is not installed cannot be verified."""
    shutil.copytree(SYSTEMD / "synlearn-.service.d", tmp_path / "synlearn-.service.d")
    for unit in UNITS:
        lines = (SYSTEMD / f"{unit}.service").read_text().splitlines(keepends=True)
        text = "".join(
            f"ExecStart=/bin/true {line.partition(' ')[2]}"
            if line.startswith("ExecStart=")
            else line
            for line in lines
        )
        (tmp_path / f"{unit}.service").write_text(text)
    return tmp_path


@analyze
def test_systemd_understands_every_line(installed: Path) -> None:
    done = run(installed, "verify", "--man=no", *(f"{installed}/{unit}.service" for unit in UNITS))
    assert (done.returncode, done.stderr) == (0, "")


@analyze
def test_systemd_finds_a_misspelt_line(installed: Path) -> None:
    path = installed / "synlearn-node.service"
    path.write_text(path.read_text().replace("ReadOnlyPaths", "ReadOnlyPath"))
    assert "ReadOnlyPath" in run(installed, "verify", "--man=no", str(path)).stderr


@analyze
@pytest.mark.parametrize("unit", UNITS)
def test_little_is_exposed(unit: str, installed: Path) -> None:
    threshold = str(round(MOST_EXPOSED * 10))
    done = run(
        installed,
        "security",
        "--offline=true",
        f"--threshold={threshold}",
        f"{installed}/{unit}.service",
    )
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.parametrize("unit", UNITS)
def test_no_unit_is_root_and_all_are_bounded(unit: str) -> None:
    settings = unit_settings(unit)
    assert settings["User"] != ["root"]
    assert settings["NoNewPrivileges"] == ["yes"]
    assert settings["ProtectSystem"] == ["strict"]
    assert {"MemoryMax", "TasksMax", "LimitNOFILE", "SystemCallFilter"} <= settings.keys()


def test_roles_are_users_of_their_own() -> None:
    for side in (PROVIDER, COORDINATOR):
        users = [unit_settings(unit)["User"][0] for unit in side]
        assert len(set(users)) == len(users)


def test_what_runs_bundles_reaches_nothing_but_this_host() -> None:
    for unit in ("synlearn-clientapp", "synlearn-superexec"):
        settings = unit_settings(unit)
        assert settings["IPAddressDeny"] == ["any"]
        assert settings["IPAddressAllow"] == ["localhost"]
        assert "/etc/synlearn" in settings["InaccessiblePaths"][0]
