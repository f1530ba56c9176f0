"""Which model files are vouched for, in one job: by signers of the policy, never by who asks."""

from collections.abc import Iterable

from protocols.endorsement import Endorsement, SignedEndorsement
from protocols.ids import Digest


def endorsed_files(
    signed: Iterable[SignedEndorsement],
    *,
    signers: frozenset[bytes],
    coordinator: bytes,
    now: float,
) -> frozenset[Digest]:
    """Digests of the files for which some endorsement holds.

    One that cannot be read, was not signed by whom it names, has expired, or comes from anybody but
    a signer of the policy counts for nothing. Nor does the coordinator's own, even if the policy
    lists its key: who asks cannot vouch for what it asks with.

    Args:
        signed: As they arrived.
        signers: Public keys that the policy lists.
        coordinator: Public key of the job's coordinator.
        now: Unix seconds.
    """
    files: frozenset[Digest] = frozenset()
    for each in signed:
        try:
            endorsement = Endorsement.decode(each.body)
        except ValueError:
            continue
        if (
            endorsement.signer in signers
            and endorsement.signer != coordinator
            and (endorsement.expires == 0 or now < endorsement.expires)
            and each.holds_for(endorsement.signer)
        ):
            files |= endorsement.files
    return files


class JobEndorsements:
    """The endorsements that came with one job; their signatures are checked once for a policy.

    Args:
        signed: As they arrived.
        coordinator: Public key of the job's coordinator.
    """

    def __init__(self, signed: Iterable[SignedEndorsement], coordinator: bytes) -> None:
        self._signed = tuple(signed)
        self._coordinator = coordinator
        self._kept: tuple[frozenset[bytes], float, float, frozenset[Digest]] | None = None

    def files(self, signers: frozenset[bytes], now: float) -> frozenset[Digest]:
        """Digests vouched for under a policy that lists these signers; see `endorsed_files`."""
        if self._kept is not None:
            known, since, until, files = self._kept
            if known == signers and since <= now < until:
                return files
        files = endorsed_files(
            self._signed, signers=signers, coordinator=self._coordinator, now=now
        )
        self._kept = signers, now, min(self._expiries(now), default=float("inf")), files
        return files

    def _expiries(self, now: float) -> Iterable[float]:
        for each in self._signed:
            try:
                expires = Endorsement.decode(each.body).expires
            except ValueError:
                continue
            if expires > now:
                yield expires
