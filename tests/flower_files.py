"""What Flower's processes read: certificates, keys, secrets, and their environment."""

import os
import secrets
import shutil
import socket
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from coordinator.authority.certificates import KeyPair, issue_server
from tests.flower_commands import QUIET

BIN = Path(sys.executable).parent
_PATH = os.pathsep.join([str(BIN), os.environ.get("PATH", os.defpath), "/usr/sbin"])
HAPROXY = shutil.which("haproxy", path=_PATH)
"""None where it is not installed (Debian, Ubuntu: apt-get install haproxy)."""
HOST = "localhost"
"""The name in all certificates here."""


def flower_environment(home: Path) -> dict[str, str]:
    """All that a Flower process sees: nothing of the tests' own environment but where code lies."""
    home.mkdir(parents=True, exist_ok=True)
    code = {name: os.environ[name] for name in ("PYTHONPATH",) if name in os.environ}
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    own = {"PATH": _PATH, "HOME": str(home), "LANG": "C.UTF-8", "FLWR_HOME": str(home)}
    return own | QUIET | code | threads


def new_flower_key(path: Path) -> tuple[Path, bytes]:
    """Make the key of a SuperNode; its path, and its public half as Flower registers it."""
    key = ec.generate_private_key(ec.SECP384R1())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key()
    _write(
        path.with_name(f"{path.name}.pub"),
        public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
    )
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return _write(path, private), pem


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def write_connections(home: Path, addresses: Mapping[str, str], ca: Path) -> None:
    home.mkdir()
    sections = [
        f'[superlink.{name}]\naddress = "{address}"\nroot-certificates = "{ca}"\n'
        for name, address in addresses.items()
    ]
    first = next(iter(addresses))
    text = f'[superlink]\ndefault = "{first}"\n\n' + "\n".join(sections)
    (home / "config.toml").write_text(text)


def write_secret(path: Path) -> Path:
    return _write(path, secrets.token_bytes(32))


def _write(path: Path, data: bytes) -> Path:
    path.touch(0o600)
    path.write_bytes(data)
    return path


def write_certificate(folder: Path, authority: KeyPair) -> None:
    """Make `tls.crt`, `tls.key`, and `tls.pem`, which is both, as haproxy reads them."""
    folder.mkdir()
    pair = issue_server(authority, (HOST, "127.0.0.1"), datetime.now(UTC))
    _write(folder / "tls.crt", pair.certificate)
    _write(folder / "tls.key", pair.key)
    _write(folder / "tls.pem", pair.certificate + pair.key)


def proxy_environment(folder: Path, port: int, superlink: int) -> dict[str, str]:
    """What `deploy/proxy/haproxy.cfg` reads from the environment.

    Args:
        folder: Of the site; holds `ca.crt` and `proxy/tls.pem`.
        port: The public one.
        superlink: The SuperLink's port.
    """
    return flower_environment(folder / "proxy") | {
        "SYNLEARN_PROXY_BIND": f"127.0.0.1:{port}",
        "SYNLEARN_PROXY_CERTIFICATE": str(folder / "proxy" / "tls.pem"),
        "SYNLEARN_PROXY_CA": str(folder / "ca.crt"),
        "SYNLEARN_SUPERLINK": f"127.0.0.1:{superlink}",
    }
