"""Images and the compose file: linted, and as shut in as the units are."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.units import DEPLOY, compose

DOCKERFILES = sorted((DEPLOY / "docker").glob("*.Dockerfile"))
SERVICES = compose()["services"]
BUNDLES = ("clientapp", "superexec")
"""What runs whatever a Flower message asks for."""


def tool(name: str) -> str:
    """Where a linter of the development extra is; the test is skipped where it is not."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"needs {name}")
    return found


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: str(path.stem))
def test_a_dockerfile_passes_the_linter(path: Path) -> None:
    done = subprocess.run(
        [tool("hadolint"), str(path)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_shell_scripts_pass_the_linter() -> None:
    house = DEPLOY.parent
    scripts = [house / "run", DEPLOY / "flower-certificates"]
    done = subprocess.run(
        [tool("shellcheck"), *map(str, scripts)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_is_shut_in(service: str) -> None:
    told = SERVICES[service]
    assert told["read_only"]
    assert told["cap_drop"] == ["ALL"]
    assert told["security_opt"] == ["no-new-privileges:true"]
    assert {"mem_limit", "pids_limit"} <= told.keys()
    assert "privileged" not in told
    path = DEPLOY.parent / told["build"]["dockerfile"]
    user = re.findall(r"^USER (\d+)", path.read_text(), re.MULTILINE)
    assert user
    assert "0" not in user


def test_what_runs_bundles_has_no_way_out_and_no_file_of_others() -> None:
    networks = compose()["networks"]
    for service in BUNDLES:
        assert all(networks[name]["internal"] for name in SERVICES[service]["networks"])
        others = {
            volume.split(":")[0]
            for name, told in SERVICES.items()
            if name not in BUNDLES
            for volume in told.get("volumes", ())
        }
        own = {volume.split(":")[0] for volume in SERVICES[service]["volumes"]}
        assert own & others <= {"door", "call"}  # the sockets at which they knock
        keys = {"supernode-key", "superlink-key", "proxy"}
        assert not keys & set(SERVICES[service]["secrets"])


def test_the_data_are_shown_read_only() -> None:
    (data,) = (each for each in SERVICES["node"]["volumes"] if "/srv/synlearn" in each)
    assert data.endswith(":ro")


def test_only_the_session_and_the_proxy_are_reached_from_outside() -> None:
    assert {name for name, told in SERVICES.items() if "ports" in told} == {"coordinator", "proxy"}
    assert SERVICES["superlink"]["networks"] != ["out"]


def test_every_secret_and_volume_that_is_named_is_there() -> None:
    whole = compose()
    for told in SERVICES.values():
        assert set(told.get("secrets", ())) <= whole["secrets"].keys()
        named = {volume.split(":")[0] for volume in told.get("volumes", ())}
        assert {each for each in named if not each.startswith("$")} <= whole["volumes"].keys()
