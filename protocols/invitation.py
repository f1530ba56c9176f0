"""An invitation: what a coordinator hands to a provider's owner before a job.

It opens nothing by itself. A node checks it against what it believes, its owner looks at the plan,
and only then the node dials the coordinator, at an address that its own configuration names.
"""

from dataclasses import dataclass, field
from typing import Self

from protocols.errors import Code, FrameError, Refused
from protocols.framing import MAX_TOKEN
from protocols.ids import JobId, ProviderId, job_id, provider_id
from protocols.job_plan import SignedPlan
from protocols.mquery import MAX_ROSTERS
from protocols.secagg.fields import Fields, octets, pieces
from protocols.secagg.manifest import SignedManifest
from protocols.secagg.roster import SignedRoster
from protocols.values import encode_values

MAX_BYTES = 2**24
"""Of a whole invitation."""
MAX_ADDRESS = 300

_KIND = "invitation/v1"


@dataclass(frozen=True, slots=True)
class Invitation:
    """To one provider, for one job.

    Attributes:
        provider: Who is invited.
        job: To what.
        address: Where the coordinator says that it listens, host:port.
        token: Admits the provider, at most `MAX_TOKEN` bytes.
        rosters: Links of the chain, up to the roster of the manifest.
        manifest: What the coordinator may ask.
        plan: What for, and how much.
    """

    provider: ProviderId
    job: JobId
    address: str
    token: bytes = field(repr=False)  # in no log
    rosters: tuple[SignedRoster, ...]
    manifest: SignedManifest
    plan: SignedPlan

    def __post_init__(self) -> None:
        if not 0 < len(self.token) <= MAX_TOKEN:
            raise ValueError(f"a token has 1 to {MAX_TOKEN} bytes, not {len(self.token)}")
        if not 0 < len(self.address) <= MAX_ADDRESS or not self.address.isprintable():
            raise ValueError(f"an address has 1 to {MAX_ADDRESS} printable characters")

    def encode(self) -> bytes:
        """The invitation's bytes."""
        return encode_values(
            _KIND,
            {
                "provider": str(self.provider),
                "job": str(self.job),
                "address": self.address,
                "token": octets(self.token),
                "manifest": octets(self.manifest.encode()),
                "plan": octets(self.plan.encode()),
                **pieces("rosters", "roster_sizes", (link.encode() for link in self.rosters)),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Parse what `encode` wrote; no signature is checked yet.

        Raises:
            Refused: BAD_PARAMETERS, and nothing else, whatever the bytes.
        """
        if len(body) > MAX_BYTES:
            raise _unreadable(f"it has {len(body)} bytes, of at most {MAX_BYTES}")
        try:
            fields = Fields(body, _KIND)
            return cls(
                provider=provider_id(fields.text("provider")),
                job=job_id(fields.text("job")),
                address=fields.text("address"),
                token=fields.octets("token"),
                rosters=tuple(
                    map(SignedRoster.decode, fields.pieces("rosters", "roster_sizes", MAX_ROSTERS))
                ),
                manifest=SignedManifest.decode(fields.octets("manifest")),
                plan=SignedPlan.decode(fields.octets("plan")),
            )
        except (ValueError, FrameError) as error:
            raise _unreadable(str(error)) from error


def _unreadable(why: str) -> Refused:
    return Refused(Code.BAD_PARAMETERS, local=f"the invitation cannot be used: {why}")
