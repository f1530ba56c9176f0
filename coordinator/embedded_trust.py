"""Authority, roster, keys and manifest of an embedded federation, made when it starts.

A deployed federation has its authority offline, and each key where its owner is. Here all of them
are born in one process and forgotten with it: an embedded federation has nothing to hide, but its
nodes run the same code.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from coordinator.joining import JobTrust
from protocols.ids import Digest, JobId, ProviderId
from protocols.masked import MASKED
from protocols.queries import QUERIES, SUM_QUERIES
from protocols.secagg.keys import KEY_BYTES, Identity
from protocols.secagg.manifest import JobManifest
from protocols.secagg.member import Member
from protocols.secagg.roster import Roster, SignedRoster, sign_roster

MASKED_ONLY = frozenset(SUM_QUERIES)
"""Functions that exist as sums alone."""


@dataclass(frozen=True, slots=True)
class EmbeddedTrust:
    """What the coordinator and its nodes are given.

    Attributes:
        job: The coordinator's part.
        authority: Public key that the nodes pin.
        roster: Signed by it; the nodes have it from the start.
        identities: Private key of each node, 32 bytes.
    """

    job: JobTrust
    authority: bytes
    roster: SignedRoster
    identities: Mapping[ProviderId, bytes]


def embedded_trust(
    job: JobId,
    providers: Collection[ProviderId],
    *,
    fresh: Callable[[int], bytes],
    masked: Collection[str] = MASKED_ONLY,
    models: Collection[Digest] = (),
) -> EmbeddedTrust:
    """Make all of it for one job.

    Args:
        job: The job.
        providers: Its participants.
        fresh: Gives so many random bytes, as `secrets.token_bytes`.
        masked: Functions whose answers travel under masks; all others travel plain.
        models: Files that the job's questions name, besides backbones in training.
    """
    authority, coordinator = (Identity.from_bytes(fresh(KEY_BYTES)) for _ in range(2))
    identities = {provider: fresh(KEY_BYTES) for provider in sorted(providers)}
    functions = frozenset(QUERIES) | frozenset(MASKED)
    members = [
        Member(
            provider,
            Identity.from_bytes(private).public,
            plain=functions - frozenset(masked) - MASKED_ONLY,
            masked=frozenset(masked) | MASKED_ONLY,
        )
        for provider, private in identities.items()
    ]
    roster = Roster.first(members, [coordinator.public])
    manifest = JobManifest(
        job=job,
        coordinator=coordinator.public,
        roster=roster.digest,
        participants=tuple(identities),
        functions=functions,
        models=frozenset(models),
        makes_models=True,
    )
    return EmbeddedTrust(
        JobTrust(coordinator, roster, (), manifest),
        authority.public,
        sign_roster(roster, authority),
        identities,
    )
