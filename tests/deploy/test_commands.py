"""Units and containers start Flower and the proxy with the very options that the tests use."""

from pathlib import Path

import pytest

from tests import flower_commands as started
from tests.deploy.units import DEPLOY, SYSTEMD, compose, unit_command, unit_settings

IN_UNITS = {
    "synlearn-superlink": started.superlink_command(
        ca=Path("/etc/synlearn/flower-ca.crt"),
        certificate=Path("%d/superlink.crt"),
        key=Path("%d/superlink.key"),
        port=8000,
        secret=Path("%d/superexec.secret"),
        database=Path("/var/lib/synlearn-superlink/state.db"),
    ),
    "synlearn-superexec": started.superexec_command(
        address="127.0.0.1:8000",
        ca=Path("%d/flower-ca.crt"),
        secret=Path("%d/superexec.secret"),
    ),
    "synlearn-supernode": started.supernode_command(
        ca=Path("/etc/synlearn/flower-ca.crt"),
        superlink="${SYNLEARN_SUPERLINK}",
        key=Path("%d/supernode.key"),
        port=9094,
        secret=Path("%d/clientapp.secret"),
        door=Path("/run/synlearn-door/invitations.sock"),
    ),
    "synlearn-clientapp": started.clientapp_command(port=9094, secret=Path("%d/clientapp.secret")),
    "synlearn-proxy": started.proxy_command(Path("/etc/synlearn/haproxy.cfg")),
}
SECRETS = Path("/run/secrets")
IN_CONTAINERS = {
    "superlink": started.superlink_command(
        ca=SECRETS / "flower-ca",
        certificate=SECRETS / "superlink-certificate",
        key=SECRETS / "superlink-key",
        port=8000,
        secret=SECRETS / "superexec-superlink",
        database=Path("/var/lib/synlearn-superlink/state.db"),
    ),
    "superexec": started.superexec_command(
        address="superlink:8000", ca=SECRETS / "flower-ca", secret=SECRETS / "superexec-bridge"
    ),
    "supernode": started.supernode_command(
        ca=SECRETS / "flower-ca",
        superlink="${SYNLEARN_SUPERLINK:-flower.example.org:443}",
        key=SECRETS / "supernode-key",
        port=9094,
        secret=SECRETS / "clientapp-supernode",
        door=Path("/run/synlearn-door/invitations.sock"),
    ),
    "clientapp": started.clientapp_command(port=9094, secret=SECRETS / "clientapp-bridge"),
}


def dockerfile(service: str) -> str:
    """The last stage that the service's image is built from."""
    build: dict[str, str] = compose()["services"][service]["build"]
    text = (DEPLOY.parent / build["dockerfile"]).read_text()
    stages = text.split("\nFROM ")
    target = build.get("target")
    return stages[-1] if target is None else next(s for s in stages if f" AS {target}\n" in s)


@pytest.mark.parametrize("unit", IN_UNITS)
def test_a_unit_starts_what_the_tests_start(unit: str) -> None:
    assert unit_command(unit) == IN_UNITS[unit]


@pytest.mark.parametrize("service", IN_CONTAINERS)
def test_a_container_starts_what_the_tests_start(service: str) -> None:
    # In a container of its own a server is reached from others of its network, on all addresses.
    words = [
        each.replace("127.0.0.1:9094", "supernode:9094") if service == "clientapp" else each
        for each in IN_CONTAINERS[service]
    ]
    if "--host" in words:
        words[words.index("--host") + 1] = "0.0.0.0"  # noqa: S104 - in a network of its own
    assert f'ENTRYPOINT ["{words[0]}"]' in dockerfile(service)
    assert compose()["services"][service]["command"] == words[1:]


def test_the_proxys_container_starts_what_the_tests_start() -> None:
    program, *words = started.proxy_command(Path("/etc/synlearn/haproxy.cfg"))
    text = dockerfile("proxy")
    assert f'ENTRYPOINT ["{program}"]' in text
    assert f"CMD {words}".replace("'", '"') in text


@pytest.mark.parametrize("unit", ["synlearn-superlink", "synlearn-superexec", "synlearn-supernode"])
def test_flower_is_kept_quiet(unit: str) -> None:
    assert "/etc/synlearn/flower.env" in unit_settings(unit)["EnvironmentFile"]
    lines = (SYSTEMD / "examples" / "flower.env").read_text().splitlines()
    told = dict(line.split("=") for line in lines if not line.startswith("#"))
    assert told == started.QUIET
    for name in ("superlink", "supernode"):
        text = (DEPLOY / "docker" / f"{name}.Dockerfile").read_text()
        assert all(f"{key}={value}" in text for key, value in started.QUIET.items())


def test_node_and_coordinator_start_as_in_units() -> None:
    for service, unit in (("node", "synlearn-node"), ("coordinator", "synlearn-coordinator")):
        program, *words = unit_command(unit)
        text = " ".join(dockerfile(service).replace("\\\n", " ").split())
        assert f'ENTRYPOINT ["{program}"]' in text
        assert "CMD " + str(words).replace("'", '"') in text
