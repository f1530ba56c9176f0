"""What is tried from within a unit's sandbox, in the place of its command (`tests/deploy/boot.py`)."""

import os
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

FORBIDDEN = (
    "/var/lib/synlearn-node/identity.pem",
    "/var/lib/synlearn-node/ledger.db",
    "/var/lib/synlearn-node/node.toml",
    "/var/lib/synlearn-node",
    "/var/lib/synlearn-supernode",
    "/var/lib/synlearn-superlink/state.db",
    "/var/lib/synlearn-coordinator/federation/coordinator/identity.pem",
    "/var/lib/synlearn-coordinator/runs",
    "/etc/synlearn/supernode.key",
    "/etc/synlearn/superlink.key",
    "/etc/synlearn/proxy.pem",
    "/etc/shadow",
)
SOCKETS = {
    "door": "/run/synlearn-door/invitations.sock",
    "bridge": "/run/synlearn-call/bridge",
    "control": "/run/synlearn-call/control",
}


def isolation() -> int:
    """Every layer of isolation of a model worker holds."""
    from provider.sandbox.process import isolation_report  # noqa: PLC0415

    states = isolation_report()
    for state in states:
        print(state.layer.value, state.active, state.why_not)
    return 0 if all(state.active for state in states) else 1


def hostile() -> int:
    """A bundle reads nothing of provider and coordinator, calls nobody, and sees no other process."""
    failures = [path for path in FORBIDDEN if works(partial(read, Path(path)))]
    print("read:", failures)
    print("who:", os.getuid(), os.getgroups())
    for name, path in SOCKETS.items():
        print(name, works(partial(connect, path)))
    others = [
        entry for entry in os.listdir("/proc") if entry.isdigit() and entry != str(os.getpid())
    ]
    print("others:", others)
    print("dial out:", works(lambda: dial(("192.0.2.1", 80))))
    print(
        "written:",
        works(lambda: Path("/opt/x").write_text("x")),
        works(lambda: Path("/etc/x").write_text("x")),
    )
    return 1 if failures or others else 0


def works(attempt: Callable[[], object]) -> str:
    """Empty where it was refused."""
    try:
        attempt()
    except OSError as error:
        print("   ", error)
        return ""
    return "works"


def read(path: Path) -> object:
    return list(path.iterdir()) if path.is_dir() else path.read_bytes()


def connect(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(path)


def dial(address: tuple[str, int]) -> None:
    with socket.create_connection(address, timeout=3):
        pass


if __name__ == "__main__":
    sys.exit({"isolation": isolation, "hostile": hostile}[sys.argv[1]]())
