"""What this node believes, and whom: a pinned authority, its rosters, one manifest for each job."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, digest_of
from protocols.mquery import Join
from protocols.secagg.keys import Identity, verified
from protocols.secagg.manifest import JobManifest, SignedManifest, accept_manifest
from protocols.secagg.member import Transport
from protocols.secagg.roster import Roster, SignedRoster, accept_chain
from protocols.secagg.standing import GRACE, Standing
from provider.agreed import Agreed

if TYPE_CHECKING:
    from protocols.secagg.states import Verify


@dataclass(frozen=True, slots=True)
class Known:
    """What a site knows of its federation.

    Attributes:
        roster: The last one accepted.
        standing: For how long its identities have been in view.
    """

    roster: Roster
    standing: Standing


class TrustStore(Protocol):
    """Where a site keeps what it knows, so that nobody can take it back in time.

    `tests/provider/trust_store_contract.py` is what each has to pass.
    """

    def known(self) -> Known | None:
        """What was kept last; None at first."""
        ...

    def keep(self, known: Known) -> None:
        """Keep this from now on."""
        ...

    def manifest(self, provider: ProviderId, job: JobId) -> SignedManifest | None:
        """The manifest kept for a job; None if there is none."""
        ...

    def keep_manifest(self, provider: ProviderId, job: JobId, manifest: SignedManifest) -> None:
        """Keep a job's manifest from now on."""
        ...


class MemoryTrust:
    """A store that lives as long as its process, for nodes that are given their roster anew."""

    def __init__(self) -> None:
        self._known: Known | None = None
        self._manifests: dict[tuple[ProviderId, JobId], SignedManifest] = {}

    def known(self) -> Known | None:
        """What was kept last; None at first."""
        return self._known

    def keep(self, known: Known) -> None:
        """Keep this from now on."""
        self._known = known

    def manifest(self, provider: ProviderId, job: JobId) -> SignedManifest | None:
        """The manifest kept for a job; None if there is none."""
        return self._manifests.get((provider, job))

    def keep_manifest(self, provider: ProviderId, job: JobId, manifest: SignedManifest) -> None:
        """Keep a job's manifest from now on."""
        self._manifests[provider, job] = manifest


class Federation:
    """A site's view of the federation; the nodes of a process share one.

    Args:
        authority: Pinned public key of the federation's authority.
        store: Where rosters and their standing are kept.
        now: Unix seconds.
        grace: Seconds until a new identity counts towards floors.
        at_least: Least version of a roster that this site takes.
    """

    def __init__(
        self,
        authority: bytes,
        store: TrustStore,
        *,
        now: Callable[[], float],
        grace: int = GRACE,
        at_least: int = 1,
    ) -> None:
        self.store = store
        # Nodes of one process check the same signatures; each has to hold, but only once.
        self.verify: Verify = lru_cache(maxsize=1 << 14)(verified)
        self._authority = authority
        self._now = now
        self._grace = grace
        self._at_least = at_least
        self._known = store.known()

    @property
    def roster(self) -> Roster | None:
        """What this site goes by."""
        return self._known.roster if self._known else None

    def follow(self, chain: Sequence[SignedRoster]) -> Roster:
        """Follow a chain of rosters from what this site goes by, if it leads on.

        Links up to the present one may come along; without links, nothing changes.

        Raises:
            Refused: ROSTER_NOT_TRUSTED.
        """
        known = self._known
        bodies = [digest_of(link.body) for link in chain]
        if known is not None:
            if known.roster.digest in bodies:
                chain = chain[bodies.index(known.roster.digest) + 1 :]
            if not chain:
                return known.roster
        accepted = accept_chain(
            chain,
            authority=self._authority,
            current=known.roster if known else None,
            at_least=self._at_least,
        )
        standing = known.standing if known else Standing()
        for roster in accepted:
            standing = standing.seen(roster, int(self._now()))
        self._known = Known(accepted[-1], standing)
        self.store.keep(self._known)
        return accepted[-1]

    def counted(self) -> frozenset[ProviderId]:
        """Members that count towards floors now."""
        if self._known is None:
            return frozenset()
        roster, standing = self._known.roster, self._known.standing
        return standing.counted(roster, now=int(self._now()), grace=self._grace)


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a node's part in a job rests on.

    Attributes:
        roster: Under which the job runs.
        manifest: What the coordinator may ask in it.
    """

    roster: Roster
    manifest: JobManifest


class Trust:
    """One node's trust in one job.

    Args:
        provider: Who we are.
        job: Which job we were invited to.
        identity: Our lasting signing key.
        federation: The site's view.
        agreed: To what the owner agreed, where there is an owner; None for any manifest of a
            coordinator that the roster admits.
    """

    def __init__(
        self,
        provider: ProviderId,
        job: JobId,
        identity: Identity,
        federation: Federation,
        *,
        agreed: Agreed | None = None,
    ) -> None:
        self.identity = identity
        self.federation = federation
        self._provider = provider
        self._job = job
        self._agreed = agreed
        self._grounds: Grounds | None = None

    def join(self, join: Join) -> None:
        """Accept the rosters and the manifest that a job begins with, or goes on under.

        A job has one manifest under each roster, and a later roster never gives way to an earlier.

        Raises:
            Refused: ROSTER_NOT_TRUSTED, MANIFEST_NOT_TRUSTED.
        """
        roster = self.federation.follow(join.rosters)
        roster.check_self(self._provider, self.identity.public)
        manifest = self._accepted(join.manifest, roster)
        before = self._stored(roster)
        if before is not None and before.manifest != manifest:
            raise Refused(
                Code.MANIFEST_NOT_TRUSTED,
                local=f"job {self._job} came with a second manifest under the same roster",
            )
        self.federation.store.keep_manifest(self._provider, self._job, join.manifest)
        self._grounds = Grounds(roster, manifest)

    def grounds(self) -> Grounds:
        """What the job rests on.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED where none was accepted under the present roster.
        """
        roster = self.federation.roster
        if self._grounds is None and roster is not None:
            self._grounds = self._stored(roster)
        if self._grounds is None or roster is None or self._grounds.roster is not roster:
            raise Refused(
                Code.MANIFEST_NOT_TRUSTED,
                local=f"no manifest of job {self._job} was accepted under the present roster",
            )
        return self._grounds

    def check(self, function: str, files: Sequence[str], transport: Transport) -> None:
        """Check that a question is one of the manifest's, and travels as the roster says.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED, NOT_ALLOWED.
        """
        grounds = self.grounds()
        grounds.manifest.check_question(function, files)
        agreed = grounds.roster.by_name[self._provider].transport(function)
        if agreed is not transport:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"{function} was asked {transport.value}; the roster says "
                f"{agreed.value if agreed else 'not at all'}",
            )

    def _stored(self, roster: Roster) -> Grounds | None:
        """The job's manifest from an earlier process, where it still holds."""
        if self._grounds is not None:
            return self._grounds if self._grounds.roster is roster else None
        signed = self.federation.store.manifest(self._provider, self._job)
        if signed is None:
            return None
        try:
            return Grounds(roster, self._accepted(signed, roster))
        except Refused:  # under an older roster
            return None

    def _accepted(self, signed: SignedManifest, roster: Roster) -> JobManifest:
        manifest = accept_manifest(signed, roster=roster, job=self._job, me=self._provider)
        if self._agreed is not None:
            self._agreed.check(manifest)
        return manifest
