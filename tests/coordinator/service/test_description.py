"""The OpenAPI description holds: Schemathesis asks whatever it allows, and what it does not."""

import subprocess
import sys
from pathlib import Path

import httpx

from tests.service_house import Service

CONFIG = Path(__file__).parent / "schemathesis.toml"
EXAMPLES = 5
"""Requests of each kind for each operation; raise it to search for longer."""


def test_whatever_is_asked_is_answered_as_it_says(served: Service, tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "schemathesis")
    command = [program, "--config-file", str(CONFIG), "run"]
    options = ["--max-examples", str(EXAMPLES), "--seed", "1", "--request-timeout", "120"]
    asked = subprocess.run(  # noqa: S603 - our own command
        [*command, f"{served.http}/openapi.json", *options, "--no-color"],
        cwd=tmp_path,  # it keeps what it found there
        capture_output=True,
        text=True,
        check=False,
    )
    assert asked.returncode == 0, asked.stdout[-5000:] + asked.stderr[-2000:]
    assert "12 selected / 12 total" in asked.stdout
    assert httpx.get(f"{served.http}/readyz", timeout=60).status_code == 200


def test_it_describes_every_address(served: Service) -> None:
    described = httpx.get(f"{served.http}/openapi.json", timeout=60).json()
    assert set(described["paths"]) == {
        "/healthz",
        "/readyz",
        "/v1/about",
        "/v1/exports",
        "/v1/explanations",
        "/v1/maps",
        "/v1/models",
        "/v1/models/{model}",
        "/v1/models/{model}/file",
        "/v1/mre/{name}",
        "/v1/pictures",
        "/v1/rankings",
    }
    for methods in described["paths"].values():
        assert all(operation["description"] for operation in methods.values())
