"""The job manifest: what a coordinator may ask in one job, and of whom, under its signature.

Every participant holds the coordinator to the same manifest: its digest stands in each aggregation
question, and so in everything that the parties sign.
"""

from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, digest, digest_of, job_id, provider_id
from protocols.secagg.fields import Fields, octets
from protocols.secagg.keys import Identity, is_identity
from protocols.secagg.member import check_labels
from protocols.secagg.question import MAX_ATTEMPTS, MAX_LENGTH
from protocols.secagg.roster import MAX_MEMBERS, Roster
from protocols.secagg.signed import Signed
from protocols.values import encode_values

MAX_MODELS = 4096

_KIND = "manifest/v1"


@dataclass(frozen=True)
class JobManifest:
    """What a coordinator commits to for one job; equal manifests have equal bytes.

    Attributes:
        job: The job.
        coordinator: Ed25519 public key of the coordinator that signs this.
        roster: Digest of the roster that the job runs under.
        participants: Who is asked, in ascending order.
        functions: Names of the functions that are asked.
        models: Digests of the models and other files that questions name.
        makes_models: Whether questions also name files that come to be during the job (a backbone
            in training), whose digests nobody can list. What else a node asks of such a file is
            for its policy to say.
        max_attempts: Most attempts at one masked question, 1 to 3.
        max_length: Longest vector that is summed, in entries.

    Raises:
        ValueError: A field is out of range or order; the sentence names it.
    """

    job: JobId
    coordinator: bytes
    roster: Digest
    participants: tuple[ProviderId, ...]
    functions: frozenset[str]
    models: frozenset[Digest] = frozenset()
    makes_models: bool = False
    max_attempts: int = MAX_ATTEMPTS
    max_length: int = MAX_LENGTH

    def __post_init__(self) -> None:
        job_id(self.job)
        digest(self.roster)
        if not is_identity(self.coordinator):
            raise ValueError("the coordinator's key is no usable Ed25519 public key")
        if not 1 <= len(self.participants) <= MAX_MEMBERS:
            raise ValueError(
                f"there are {len(self.participants)} participants, of 1 to {MAX_MEMBERS}"
            )
        for name in self.participants:
            provider_id(name)
        if list(self.participants) != sorted(set(self.participants)):
            raise ValueError("the participants must be in ascending order, each of them once")
        check_labels("the functions of a manifest", self.functions)
        if len(self.models) > MAX_MODELS:
            raise ValueError(f"there are {len(self.models)} models, at most {MAX_MODELS} can be")
        for model in self.models:
            digest(model)
        if not 1 <= self.max_attempts <= MAX_ATTEMPTS:
            raise ValueError(f"max_attempts is {self.max_attempts}, not in [1, {MAX_ATTEMPTS}]")
        if not 1 <= self.max_length <= MAX_LENGTH:
            raise ValueError(f"max_length is {self.max_length}, not in [1, {MAX_LENGTH}]")

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the encoded manifest, which every aggregation question names."""
        return digest_of(self.encode())

    def check_within(self, agreed: "JobManifest") -> None:
        """Check that a job which has this manifest next may ask nothing that it could not before.

        Only the roster, and with it who takes part, may be another.

        Args:
            agreed: What the owner of a node has agreed to, of the same job and coordinator.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED: it goes beyond that.
        """
        for what, more in (
            ("function", self.functions - agreed.functions),
            ("file", self.models - agreed.models),
        ):
            if more:
                raise _distrust(
                    f"a later manifest of job {self.job} names {what} {min(more)}, and the one "
                    "agreed to does not"
                )
        for name in ("makes_models", "max_attempts", "max_length"):
            now, before = getattr(self, name), getattr(agreed, name)
            if now > before:
                raise _distrust(
                    f"a later manifest of job {self.job} says {name} = {now}, beyond the "
                    f"{before} agreed to"
                )

    def check_question(self, function: str, files: Collection[str] = ()) -> None:
        """Check what any question of the job asks for.

        Args:
            function: Its function.
            files: Digests of the files it names.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED: it goes beyond the manifest.
        """
        if function not in self.functions:
            raise _distrust(f"the manifest of job {self.job} names no function {function!r}")
        if not self.makes_models:
            for file in files:
                if file not in self.models:
                    raise _distrust(f"the manifest of job {self.job} names no file {file}")

    def check_aggregation(
        self, parties: Collection[ProviderId], *, attempt: int, length: int
    ) -> None:
        """Check what an aggregation asks for besides.

        Args:
            parties: Who takes part.
            attempt: Which attempt it is.
            length: Entries of the vector.

        Raises:
            Refused: MANIFEST_NOT_TRUSTED: it goes beyond the manifest.
        """
        if strangers := set(parties) - set(self.participants):
            raise _distrust(f"{min(strangers)} is no participant of job {self.job}")
        for what, value, most in (
            ("attempt", attempt, self.max_attempts),
            ("length", length, self.max_length),
        ):
            if value > most:
                raise _distrust(f"{what} {value} is beyond the manifest's {most}")

    def encode(self) -> bytes:
        """The manifest's bytes: what the coordinator signs."""
        return encode_values(
            _KIND,
            {
                "job": str(self.job),
                "coordinator": octets(self.coordinator),
                "roster": str(self.roster),
                "participants": tuple(self.participants),
                "functions": tuple(sorted(self.functions)),
                "models": tuple(sorted(self.models)),
                "makes_models": self.makes_models,
                "max_attempts": self.max_attempts,
                "max_length": self.max_length,
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> "JobManifest":
        """Parse what `encode` wrote.

        Raises:
            ValueError: Anything else, also bytes that mean a manifest and are not its encoding.
        """
        fields = Fields(body, _KIND)
        manifest = cls(
            job=job_id(fields.text("job")),
            coordinator=fields.octets("coordinator"),
            roster=digest(fields.text("roster")),
            participants=tuple(map(provider_id, fields.texts("participants"))),
            functions=frozenset(fields.texts("functions")),
            models=frozenset(map(digest, fields.texts("models"))),
            makes_models=fields.flag("makes_models"),
            max_attempts=fields.integer("max_attempts"),
            max_length=fields.integer("max_length"),
        )
        if manifest.encode() != body:
            raise ValueError("it is not written in the one canonical way")
        return manifest


class SignedManifest(Signed):
    """A job manifest under its coordinator's signature."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/manifest/v1"
    untrusted: ClassVar[Code] = Code.MANIFEST_NOT_TRUSTED


def sign_manifest(manifest: JobManifest, coordinator: Identity) -> SignedManifest:
    """The manifest, signed by the coordinator that it names; ValueError for another one."""
    if manifest.coordinator != coordinator.public:
        raise ValueError("the manifest names another coordinator's key than the one that signs")
    return SignedManifest.by(coordinator, manifest.encode())


def accept_manifest(
    signed: SignedManifest, *, roster: Roster, job: JobId, me: ProviderId
) -> JobManifest:
    """The manifest that a node holds the coordinator to.

    Args:
        signed: As it arrived.
        roster: What the node goes by.
        job: The job that the node was invited to.
        me: The node's own name.

    Raises:
        Refused: MANIFEST_NOT_TRUSTED: it cannot be read, was not signed by a coordinator whom the
            roster admits, is for another job or roster, or has participants whom the roster does
            not know, or not this node.
    """
    try:
        manifest = JobManifest.decode(signed.body)
    except ValueError as error:
        raise _distrust(f"the manifest cannot be used: {error}") from error
    if manifest.coordinator not in roster.coordinators:
        raise _distrust(
            f"the coordinator's key {manifest.coordinator.hex()} is not admitted by roster "
            f"{roster.version}"
        )
    if not signed.holds_for(manifest.coordinator):
        raise _distrust("the coordinator that the manifest names did not sign it")
    if manifest.job != job:
        raise _distrust(f"the manifest is for job {manifest.job}; this node was invited to {job}")
    if manifest.roster != roster.digest:
        raise _distrust(
            f"the manifest is for another roster than version {roster.version}, which this node "
            "goes by; one of the two ends must catch up"
        )
    if strangers := set(manifest.participants) - roster.by_name.keys():
        raise _distrust(f"participant {min(strangers)} is not in roster {roster.version}")
    if me not in manifest.participants:
        raise _distrust(f"{me} is not among the participants")
    return manifest


def _distrust(why: str) -> Refused:
    return Refused(Code.MANIFEST_NOT_TRUSTED, local=why)
