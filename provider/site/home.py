"""The folder of a node: what lies where, and who may look at it."""

import stat
from dataclasses import dataclass
from pathlib import Path

from synlearn.errors import InputError

PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Home:
    """Paths within the folder that `synlearn-provider init` makes.

    Attributes:
        folder: Readable by its owner alone.
    """

    folder: Path

    @property
    def config(self) -> Path:
        """Who this node is, where its data lies, whom it dials."""
        return self.folder / "node.toml"

    @property
    def policy(self) -> Path:
        """What it answers; the owner may edit it while the node runs."""
        return self.folder / "policy.toml"

    @property
    def federation(self) -> Path:
        """What `enrol` took in: whom to believe, whom to dial."""
        return self.folder / "federation.toml"

    @property
    def ca(self) -> Path:
        """Certificate of the federation's TLS authority."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The node's own, for mutual TLS."""
        return self.folder / "tls.pem"

    @property
    def tls_key(self) -> Path:
        """Its private key, made here."""
        return self.folder / "tls.key"

    @property
    def key(self) -> Path:
        """The identity's private key."""
        return self.folder / "identity.pem"

    @property
    def ledger(self) -> Path:
        """Everything that must not be forgotten."""
        return self.folder / "ledger.db"

    @property
    def head(self) -> Path:
        """Where the chain of the ledger ends; shows when its end was cut off."""
        return self.folder / "ledger.head"

    @property
    def snapshots(self) -> Path:
        """What the data were when a job began."""
        return self.folder / "snapshots"

    @property
    def features(self) -> Path:
        """What models said about a snapshot; may be deleted."""
        return self.folder / "features"

    @property
    def lock(self) -> Path:
        """Held by the one process that answers."""
        return self.folder / "node.lock"

    @property
    def status(self) -> Path:
        """What that process says of itself, every few seconds."""
        return self.folder / "status.json"

    @property
    def door(self) -> Path:
        """Where invitations are handed in: the only place that others may reach."""
        return self.folder / "door" / "invitations.sock"

    def make(self) -> None:
        """Make the folder.

        Raises:
            InputError: There is a node already, or the folder cannot be made.
        """
        if self.config.exists() or self.key.exists():
            raise InputError(
                f"{self.folder} holds a node already; give another --home, or edit its node.toml."
            )
        try:
            self.folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            self.folder.chmod(PRIVATE)
        except OSError as error:
            raise InputError(f"{self.folder} cannot be made ({error.strerror}).") from error

    def check(self) -> None:
        """Check that there is a node.

        Raises:
            InputError: There is none.
        """
        if not self.config.is_file():
            raise InputError(
                f"{self.folder} holds no node; make one with: synlearn-provider init "
                f"--home {self.folder}"
            )


def open_to_others(path: Path) -> bool:
    """Whether anybody but the owner may read or write a file or folder."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))
