"""What a site knows of its federation, on disk, in the same journal as the ledger."""

from protocols.ids import JobId, ProviderId, digest_of
from protocols.secagg.manifest import SignedManifest
from protocols.secagg.roster import Roster
from protocols.secagg.standing import Standing
from provider.journal import Journal
from provider.trust import Known


class SqliteTrust:
    """What is known under one authority's key within a journal.

    Every change waits for the disk: a roster that a power cut took back could be replaced by an
    older one.
    """

    def __init__(self, journal: Journal, authority: bytes) -> None:
        self._journal = journal
        self._authority = authority

    def known(self) -> Known | None:
        """What was kept last; None at first."""
        found = self._journal.file.run(
            "SELECT roster, standing FROM trust WHERE provider = ? AND authority = ?",
            (self._journal.provider, self._authority),
        )
        if not found:
            return None
        roster, standing = found[0]
        return Known(Roster.decode(_bytes(roster)), Standing.decode(_bytes(standing)))

    def keep(self, known: Known) -> None:
        """Keep this from now on."""
        stored = {"roster": known.roster.encode(), "standing": known.standing.encode()}
        digests: dict[str, object] = {name: digest_of(data) for name, data in stored.items()}
        with self._journal.page("trust", durable=True) as page:
            page.record("trusted", digests | {"authority": self._authority.hex()}, stored)

    def manifest(self, provider: ProviderId, job: JobId) -> SignedManifest | None:
        """The manifest kept for a job; None if there is none."""
        found = self._journal.file.run(
            "SELECT manifest FROM manifests WHERE provider = ? AND party = ? AND job = ?",
            (self._journal.provider, provider, job),
        )
        return SignedManifest.decode(_bytes(found[0][0])) if found else None

    def keep_manifest(self, provider: ProviderId, job: JobId, manifest: SignedManifest) -> None:
        """Keep a job's manifest from now on."""
        data = manifest.encode()
        with self._journal.page("manifest", durable=True) as page:
            page.record(
                "manifest",
                {"provider": provider, "job": job, "digest": digest_of(data)},
                {"manifest": data},
            )


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)  # noqa: S101 - a BLOB of ours
    return value
