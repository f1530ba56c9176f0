"""The units and the compose file of `deploy/`, read."""

import shlex
from pathlib import Path
from typing import Any

import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
SYSTEMD = DEPLOY / "systemd"
PROVIDER = ("synlearn-node", "synlearn-supernode", "synlearn-clientapp")
COORDINATOR = (
    "synlearn-superlink",
    "synlearn-superexec",
    "synlearn-coordinator",
    "synlearn-proxy",
)


def unit_command(unit: str) -> list[str]:
    """What a unit starts, word by word, its program without the folder."""
    text = (SYSTEMD / f"{unit}.service").read_text().replace("\\\n", " ")
    (line,) = (line for line in text.splitlines() if line.startswith("ExecStart="))
    program, *words = shlex.split(line.removeprefix("ExecStart="))
    return [Path(program).name, *words]


def unit_settings(unit: str) -> dict[str, list[str]]:
    """Its settings, with those of the drop-in that all units share, each with its values in order."""
    found: dict[str, list[str]] = {}
    for path in (SYSTEMD / f"{unit}.service", SYSTEMD / "synlearn-.service.d" / "10-sandbox.conf"):
        for line in path.read_text().replace("\\\n", " ").splitlines():
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                found.setdefault(name, []).append(value)
    return found


def compose() -> dict[str, Any]:
    """The compose file."""
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return found
