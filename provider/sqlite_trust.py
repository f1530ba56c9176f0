"""What a site knows of its federation, on disk, in the same file as the ledger."""

from protocols.ids import JobId, ProviderId
from protocols.secagg.manifest import SignedManifest
from protocols.secagg.roster import Roster
from protocols.secagg.standing import Standing
from provider.sqlite_ledger import LedgerFile
from provider.trust import Known


class SqliteTrust:
    """What is known under one authority's key within a `LedgerFile`.

    Every change waits for the disk: a roster that a power cut took back could be replaced by an
    older one.
    """

    def __init__(self, file: LedgerFile, authority: bytes) -> None:
        self._file = file
        self._authority = authority

    def known(self) -> Known | None:
        """What was kept last; None at first."""
        found = self._file.run(
            "SELECT roster, standing FROM trust WHERE authority = ?", (self._authority,)
        )
        if not found:
            return None
        roster, standing = found[0]
        return Known(Roster.decode(_bytes(roster)), Standing.decode(_bytes(standing)))

    def keep(self, known: Known) -> None:
        """Keep this from now on."""
        with self._file.transaction(durable=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO trust (authority, roster, standing) VALUES (?, ?, ?)",
                (self._authority, known.roster.encode(), known.standing.encode()),
            )

    def manifest(self, provider: ProviderId, job: JobId) -> SignedManifest | None:
        """The manifest kept for a job; None if there is none."""
        found = self._file.run(
            "SELECT manifest FROM manifests WHERE provider = ? AND job = ?", (provider, job)
        )
        return SignedManifest.decode(_bytes(found[0][0])) if found else None

    def keep_manifest(self, provider: ProviderId, job: JobId, manifest: SignedManifest) -> None:
        """Keep a job's manifest from now on."""
        with self._file.transaction(durable=True) as connection:
            connection.execute(
                "INSERT OR REPLACE INTO manifests (provider, job, manifest) VALUES (?, ?, ?)",
                (provider, job, manifest.encode()),
            )


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)  # noqa: S101 - a BLOB of ours
    return value
