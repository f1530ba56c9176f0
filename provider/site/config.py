"""`node.toml`: who a node is, where its data lies, and whom it dials."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from protocols.ids import ProviderId, provider_id
from protocols.secagg.keys import is_identity
from provider.data.labels import LabelMap
from provider.data.settings import DataSettings, SnapshotRules
from synlearn.errors import InputError
from synlearn.metrics_settings import MetricsSettings
from synlearn.settings import from_table, read_table, setting

ENROLLED = "federation.toml"
"""Written by `enrol`: the keys of [federation]."""
_ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+):([0-9]{1,5})")


@dataclass(frozen=True)
class FederationSettings:
    """[federation]: whom the node believes, and whom it dials.

    Attributes:
        authority: Public key of the federation's authority, 64 hexadecimal digits.
        coordinators: Addresses, host:port; no other is ever dialled.
        ca: PEM file with the authority of the coordinators' certificates.
        certificate: PEM file with the node's own certificate, for mutual TLS.
        key: PEM file with its private key.
        plaintext: Dial without TLS; for tests on loopback alone.
    """

    authority: str = setting("")
    coordinators: tuple[str, ...] = setting(())
    ca: Path | None = setting(None)
    certificate: Path | None = setting(None)
    key: Path | None = setting(None)
    plaintext: bool = setting(False)

    def __post_init__(self) -> None:
        for address in self.coordinators:
            check_address(address)
        if self.authority and not _is_key(self.authority):
            raise InputError(
                "authority is no Ed25519 public key; copy the 64 hexadecimal digits that the "
                "federation's authority published."
            )
        if (self.certificate is None) != (self.key is None):
            raise InputError("certificate and key come together; give both or none.")


@dataclass(frozen=True)
class DoorSettings:
    """[door]: who may hand in invitations, besides the node's own user.

    Attributes:
        users: Numbers of other users, such as the one that the SuperNode runs under.
        per_minute: Most invitations looked at.
        path: Of the socket; None for one in the node's own folder, which no other user reaches.
    """

    users: tuple[int, ...] = setting(())
    path: Path | None = setting(None)
    per_minute: int = setting(20, low=1, high=10_000)


@dataclass(frozen=True)
class LedgerSettings:
    """[ledger]: how the record is kept.

    Attributes:
        durable: Whether an answer leaves only once its record would survive a power cut.
    """

    durable: bool = setting(True)


@dataclass(frozen=True)
class NodeConfig:
    """A `node.toml`, apart from its labels."""

    provider: str = setting()
    data: DataSettings = setting()
    snapshot: SnapshotRules = field(default_factory=SnapshotRules)
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    federation: FederationSettings = field(default_factory=FederationSettings)
    door: DoorSettings = field(default_factory=DoorSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)

    def __post_init__(self) -> None:
        try:
            provider_id(self.provider)
        except ValueError as error:
            raise InputError(f"provider: {error}.") from error

    @property
    def name(self) -> ProviderId:
        """The provider's name."""
        return ProviderId(self.provider)


@dataclass(frozen=True)
class SiteConfig:
    """A whole `node.toml`, paths made absolute."""

    node: NodeConfig
    labels: LabelMap


def read_config(path: Path) -> SiteConfig:
    """Read a `node.toml`; relative paths in it are meant relative to the file.

    Raises:
        InputError: With the file, the key and what it should be.
    """
    table = read_table(path)
    naming = {name: table.pop(name) for name in list(table) if name in {"labels", "unmapped"}}
    labels = LabelMap.from_table(naming, str(path))
    if "data" not in table:
        raise InputError(f"{path}: the section [data] is missing; say where the data lies.")
    enrolled = path.with_name(ENROLLED)
    if enrolled.is_file():  # what stands in node.toml itself goes first
        given = {name: value for name, value in table.get("federation", {}).items() if value}
        table["federation"] = read_table(enrolled) | given
    node = from_table(NodeConfig, table, str(path))
    base = path.parent.resolve()
    federation = node.federation
    files = {
        name: base / value
        for name in ("ca", "certificate", "key")
        if (value := getattr(federation, name)) is not None
    }
    data = replace(node.data, path=base / node.data.path)
    door = node.door if node.door.path is None else replace(node.door, path=base / node.door.path)
    if data.images_root:
        data = replace(data, images_root=str(base / data.images_root))
    own = replace(federation, **files)
    return SiteConfig(replace(node, data=data, door=door, federation=own), labels)


def check_address(address: str) -> None:
    """Check that this is host:port.

    Raises:
        InputError: It is not.
    """
    match = _ADDRESS.fullmatch(address)
    if not match or not 0 < int(match[2]) < 65536:
        raise InputError(
            f"{address[:80]!r} is no address; write host:port, as in example.org:9092."
        )


def check_address_known(address: str, federation: FederationSettings) -> None:
    """Check that the owner allows this address to be dialled, now.

    Raises:
        InputError: It is not among the coordinators; it may have been when the owner joined.
    """
    if address not in federation.coordinators:
        raise InputError(
            f"{address} is not among the coordinators of node.toml, so it is not dialled; add it, "
            "or leave the job."
        )


def _is_key(text: str) -> bool:
    try:
        return len(text) == 64 and is_identity(bytes.fromhex(text))
    except ValueError:
        return False
