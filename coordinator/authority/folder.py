"""The folder of a federation, and what may lie where.

authority/identity.pem, authority/tls.key   make members; off line, for the authority alone
ca.pem                                      everybody's
rosters/000001.roster ...                   the chain, signed
certificates/NAME.pem                       the last one issued to each member
supernodes/NAME.pub                         public keys of members' Flower SuperNodes
coordinator/identity.pem, tls.pem, tls.key  the coordinator's own
coordinator/shown.json                      since when nodes know of which identity
federation.toml                             name, hosts, port
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_ssh_public_key,
)

from coordinator.authority.certificates import KeyPair
from protocols.certificates import Term, term
from protocols.errors import Refused
from protocols.ids import ProviderId
from protocols.secagg.keys import Identity
from protocols.secagg.roster import Roster, SignedRoster, accept_chain
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings
from synlearn.settings import read_settings, setting


@dataclass(frozen=True)
class FlowerSettings:
    """[flower]: the SuperLink that carries invitations; without it they are files.

    Attributes:
        superlink: Address of its Control API, host:port, on the operator's side of the proxy.
        root_certificates: PEM file with the authority of its certificate; the federation's own
            where none is named.
        users: Numbers of other users that may call as the bridge: the one of the SuperExec.
    """

    superlink: str = setting("")
    root_certificates: Path | None = setting(None)
    users: tuple[int, ...] = setting(())


@dataclass(frozen=True)
class FederationFile:
    """`federation.toml`.

    Attributes:
        name: Of the federation.
        hosts: Names and addresses under which nodes dial the coordinator.
        port: Of the session port.
        listen: Address on which it listens.
        masked: Functions whose answers travel in masked sums; all others travel plain.
        sockets: Folder of the coordinator's sockets; None for one in the federation's folder.
        flower: How invitations travel.
        metrics: Where Prometheus may ask how the coordinator is doing.
    """

    name: str = setting()
    hosts: tuple[str, ...] = setting()
    port: int = setting(low=1, high=65535)
    listen: str = setting("0.0.0.0")  # noqa: S104 - sites dial in from elsewhere
    masked: tuple[str, ...] = setting(("class_feature_sums",))
    sockets: Path | None = setting(None)
    flower: FlowerSettings = field(default_factory=FlowerSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    @property
    def addresses(self) -> tuple[str, ...]:
        """host:port, as nodes have them in their configuration."""
        return tuple(
            f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}" for host in self.hosts
        )


@dataclass(frozen=True, slots=True)
class FederationFolder:
    """Reads and writes the files; every secret is its owner's alone."""

    root: Path

    @property
    def config(self) -> FederationFile:
        """`federation.toml`; raises InputError."""
        return read_settings(FederationFile, self.root / "federation.toml")

    @property
    def sockets(self) -> Path:
        """Folder of the coordinator's sockets."""
        own = self.config.sockets
        return self.root / "sockets" if own is None else self.root / own

    @property
    def control(self) -> Path:
        """Where operators' commands reach the coordinator; its own user's alone."""
        return self.sockets / "control"

    @property
    def bridge(self) -> Path:
        """Where Flower's ServerApp asks whom to invite."""
        return self.sockets / "bridge"

    def supernode_keys(self) -> dict[bytes, ProviderId]:
        """Whose SuperNode has which public key, SubjectPublicKeyInfo in DER.

        Raises:
            InputError: A file holds no key.
        """
        paths = sorted((self.root / "supernodes").glob("*.pub"))
        return {_supernode_key(path): ProviderId(path.stem) for path in paths}

    def keep_supernode(self, name: ProviderId, key: bytes) -> None:
        """Keep the public key of a member's SuperNode; an empty one removes it."""
        path = self.root / "supernodes" / f"{name}.pub"
        if not key:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        public = load_der_public_key(key)
        write_atomically(path, public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH) + b"\n")

    def certificates(self) -> dict[ProviderId, Term]:
        """When the last certificate issued to each member is in force.

        Raises:
            InputError: A file is damaged.
        """
        found = {}
        for path in sorted((self.root / "certificates").glob("*.pem")):
            try:
                found[ProviderId(path.stem)] = term(_read(path))
            except ValueError as error:
                raise InputError(f"{path} cannot be used: {error}.") from error
        return found

    def keep_certificate(self, name: ProviderId, certificate: bytes) -> None:
        """Keep what was issued to a member, PEM; an empty one removes it."""
        path = self.root / "certificates" / f"{name}.pem"
        if certificate:
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, certificate)
        else:
            path.unlink(missing_ok=True)

    @property
    def authority(self) -> Identity:
        """The key that signs rosters; raises InputError where it is not here."""
        return read_identity(self.root / "authority" / "identity.pem")

    @property
    def tls_authority(self) -> KeyPair:
        """What signs certificates; raises InputError where it is not here."""
        return KeyPair(self.ca, _read(self.root / "authority" / "tls.key"))

    @property
    def ca(self) -> bytes:
        """The TLS authority's certificate, PEM."""
        return _read(self.root / "ca.pem")

    @property
    def public(self) -> bytes:
        """The authority's public key, 32 bytes."""
        return bytes.fromhex(_read(self.root / "authority.pub").decode("ascii", "replace").strip())

    @property
    def coordinator(self) -> Identity:
        """The key that signs manifests and plans."""
        return read_identity(self.root / "coordinator" / "identity.pem")

    @property
    def server(self) -> KeyPair:
        """The session port's certificate and key."""
        return KeyPair(
            _read(self.root / "coordinator" / "tls.pem"),
            _read(self.root / "coordinator" / "tls.key"),
        )

    @property
    def rosters(self) -> Path:
        """Where the chain lies, one file a link."""
        return self.root / "rosters"

    def links(self) -> tuple[SignedRoster, ...]:
        """The chain from its first link.

        Raises:
            InputError: A link is damaged.
        """
        paths = sorted(self.rosters.glob("*.roster"))
        try:
            return tuple(SignedRoster.decode(path.read_bytes()) for path in paths)
        except Refused as refused:
            raise InputError(f"{self.rosters}: {refused.local}.") from refused

    def roster(self) -> Roster | None:
        """The last version; None before anybody was admitted.

        Raises:
            InputError: The chain does not hold.
        """
        links = self.links()
        if not links:
            return None
        try:
            return accept_chain(links, authority=self.public, current=None)[-1]
        except Refused as refused:
            raise InputError(f"{self.rosters}: {refused.local}.") from refused

    def add_link(self, roster: Roster, signed: SignedRoster) -> None:
        """Append a version to the chain."""
        self.rosters.mkdir(exist_ok=True)
        write_atomically(self.rosters / f"{roster.version:06d}.roster", signed.encode())


def write_secret(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read; raises InputError where it exists."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise InputError(f"{path} is there already; keys are never overwritten.") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def new_identity() -> bytes:
    """A fresh Ed25519 key, PEM, not encrypted."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def read_identity(path: Path) -> Identity:
    """The key in a PEM file; raises InputError."""
    data = _read(path)
    try:
        key = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds no private key.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} holds another kind of key than Ed25519.")
    return Identity(key)


def _supernode_key(path: Path) -> bytes:
    try:
        key = load_ssh_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputError(f"{path} holds no public key.") from error
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
