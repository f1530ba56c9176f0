"""How Flower's processes and the proxy are started: the one place where their options stand.

Tests that need Flower start it so, and the units and the compose file of `deploy/` are compared
with it (`tests/deploy/test_commands.py`): a change here is a change there.
"""

from pathlib import Path

PROXY_CONFIG = Path(__file__).parents[1] / "deploy" / "proxy" / "haproxy.cfg"
QUIET = {
    "FLWR_TELEMETRY_ENABLED": "0",
    "FLWR_DISABLE_UPDATE_CHECK": "1",
    "FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION": "1",
}
"""Keeps Flower from calling home and from installing packages. Beside it each process has an
FLWR_HOME of its own."""


def superlink_command(
    *, ca: Path, certificate: Path, key: Path, port: int, secret: Path, database: Path
) -> list[str]:
    """One port for providers (through the proxy), operators and ServerApps (on loopback)."""
    return [
        "flower-superlink",
        *("--ssl-ca-certfile", str(ca)),
        *("--ssl-certfile", str(certificate)),
        *("--ssl-keyfile", str(key)),
        "--enable-supernode-auth",
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--isolation", "process"),
        *("--superexec-auth-secret-file", str(secret)),
        *("--database", str(database)),
        "--disable-runtime-dependency-installation",
    ]


def superexec_command(*, address: str, ca: Path, secret: Path) -> list[str]:
    """Runs ServerApps: the keyless bridges of the coordinator."""
    return [
        "flower-superexec",
        *("--runtime-api-address", address),
        *("--root-certificates", str(ca)),
        *("--superexec-auth-secret-file", str(secret)),
    ]


def supernode_command(
    *, ca: Path, superlink: str, key: Path, port: int, secret: Path, door: Path
) -> list[str]:
    """A provider's membership in Flower; what it is sent, it does not run itself."""
    return [
        "flower-supernode",
        *("--root-certificates", str(ca)),
        *("--superlink", superlink),
        *("--auth-supernode-private-key", str(key)),
        *("--host", "127.0.0.1"),
        *("--port", str(port)),
        *("--isolation", "process"),
        *("--superexec-auth-secret-file", str(secret)),
        *("--node-config", f'door="{door}"'),
    ]


def clientapp_command(*, port: int, secret: Path) -> list[str]:
    """Runs a provider's ClientApps: the bridge, or whatever bundle was sent in its place."""
    return [
        "flower-superexec",
        *("--runtime-api-address", f"127.0.0.1:{port}"),
        "--insecure",  # loopback; tasks are acquired with the secret
        *("--superexec-auth-secret-file", str(secret)),
    ]


def proxy_command(config: Path = PROXY_CONFIG) -> list[str]:
    """The public port."""
    return ["haproxy", "-Ws", "-f", str(config)]
