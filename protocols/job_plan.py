"""What a job is for and what it will ask: the plan that a provider's owner agrees to.

Signed by the coordinator like the manifest. The manifest says which questions may come at all; the
plan says why, and how many, so that an owner can decide before joining and hold the job to it.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from protocols.endorsement import SignedEndorsement
from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, digest, digest_of, job_id
from protocols.secagg.fields import Fields, integers, octets, pieces
from protocols.secagg.keys import Identity, is_identity
from protocols.secagg.member import Transport, check_labels
from protocols.secagg.signed import Signed
from protocols.values import encode_values

MAX_PURPOSE = 2000
MAX_FUNCTIONS = 64
MAX_FILES = 4096
MAX_ENDORSEMENTS = 256
_MOST = 2**53

_KIND = "plan/v1"


@dataclass(frozen=True, slots=True)
class PlannedFunction:
    """What a job asks one provider of one function, at most.

    Attributes:
        function: Its name.
        questions: How many; each attempt at a masked sum is one.
        bytes: Of all answers.
        transport: How they travel.
        rho: What the noise of masked sums costs in all; 0 without noise. What the noise of plain
            answers costs is for the provider's own policy to say.

    Raises:
        ValueError: A field is out of range; the sentence names it.
    """

    function: str
    questions: int
    bytes: int
    transport: Transport
    rho: float = 0.0

    def __post_init__(self) -> None:
        check_labels("the functions of a plan", frozenset({self.function}))
        for what, value in (("questions", self.questions), ("bytes", self.bytes)):
            if not 0 <= value <= _MOST:
                raise ValueError(f"{what} of {self.function} is {value}, not in [0, {_MOST}]")
        if not (math.isfinite(self.rho) and self.rho >= 0):
            raise ValueError(f"rho of {self.function} is {self.rho}; it is finite and at least 0")


@dataclass(frozen=True)
class JobPlan:
    """A job's purpose and extent; equal plans have equal bytes.

    Attributes:
        job: The job.
        coordinator: Ed25519 public key of the coordinator that signs this.
        purpose: Why, in words for the owner: 1 to 2000 printable characters.
        functions: In ascending order of their names, each once.
        files: Digests of the models and other files that are known beforehand.
        endorsements: Others' word for such files.

    Raises:
        ValueError: A field is out of range or order; the sentence names it.
    """

    job: JobId
    coordinator: bytes
    purpose: str
    functions: tuple[PlannedFunction, ...]
    files: frozenset[Digest] = frozenset()
    endorsements: tuple[SignedEndorsement, ...] = ()

    def __post_init__(self) -> None:
        job_id(self.job)
        if not is_identity(self.coordinator):
            raise ValueError("the coordinator's key is no usable Ed25519 public key")
        if not 1 <= len(self.purpose) <= MAX_PURPOSE or not self.purpose.isprintable():
            raise ValueError(f"the purpose has 1 to {MAX_PURPOSE} characters, all printable")
        names = [planned.function for planned in self.functions]
        if not 1 <= len(names) <= MAX_FUNCTIONS or names != sorted(set(names)):
            raise ValueError(
                f"a plan has 1 to {MAX_FUNCTIONS} functions in ascending order, each of them once"
            )
        if len(self.files) > MAX_FILES or len(self.endorsements) > MAX_ENDORSEMENTS:
            raise ValueError(
                f"a plan has at most {MAX_FILES} files and {MAX_ENDORSEMENTS} endorsements"
            )
        for file in self.files:
            digest(file)

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 of the encoded plan: what the owner's consent is to."""
        return digest_of(self.encode())

    def planned(self, function: str) -> PlannedFunction | None:
        """What the job asks of a function; None if nothing."""
        return next((each for each in self.functions if each.function == function), None)

    def encode(self) -> bytes:
        """The plan's bytes: what the coordinator signs."""
        return encode_values(
            _KIND,
            {
                "job": str(self.job),
                "coordinator": octets(self.coordinator),
                "purpose": self.purpose,
                "functions": tuple(each.function for each in self.functions),
                "questions": integers(each.questions for each in self.functions),
                "bytes": integers(each.bytes for each in self.functions),
                "transports": tuple(str(each.transport) for each in self.functions),
                "rhos": tuple(float(each.rho).hex() for each in self.functions),
                "files": tuple(sorted(self.files)),
                **pieces(
                    "endorsements",
                    "endorsements.sizes",
                    (each.encode() for each in self.endorsements),
                ),
            },
        )

    @classmethod
    def decode(cls, body: bytes) -> "JobPlan":
        """Parse what `encode` wrote.

        Raises:
            ValueError: Anything else, also bytes that mean a plan and are not its encoding.
        """
        fields = Fields(body, _KIND)
        columns = (
            fields.texts("functions"),
            fields.integers("questions"),
            fields.integers("bytes"),
            tuple(map(Transport, fields.texts("transports"))),
            tuple(map(_real, fields.texts("rhos"))),
        )
        plan = cls(
            job=job_id(fields.text("job")),
            coordinator=fields.octets("coordinator"),
            purpose=fields.text("purpose"),
            functions=tuple(PlannedFunction(*row) for row in zip(*columns, strict=True)),
            files=frozenset(map(digest, fields.texts("files"))),
            endorsements=_endorsements(fields),
        )
        if plan.encode() != body:
            raise ValueError("it is not written in the one canonical way")
        return plan


class SignedPlan(Signed):
    """A job's plan under its coordinator's signature."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/plan/v1"
    untrusted: ClassVar[Code] = Code.MANIFEST_NOT_TRUSTED


def sign_plan(plan: JobPlan, coordinator: Identity) -> SignedPlan:
    """The plan, signed by the coordinator that it names; ValueError for another one."""
    if plan.coordinator != coordinator.public:
        raise ValueError("the plan names another coordinator's key than the one that signs")
    return SignedPlan.by(coordinator, plan.encode())


def accept_plan(signed: SignedPlan, *, coordinators: frozenset[bytes], job: JobId) -> JobPlan:
    """The plan that an owner may agree to.

    Args:
        signed: As it arrived.
        coordinators: Public keys of those whom the roster admits.
        job: The job that the node was invited to.

    Raises:
        Refused: MANIFEST_NOT_TRUSTED: it cannot be read, was not signed by such a coordinator, or
            is for another job.
    """
    try:
        plan = JobPlan.decode(signed.body)
    except ValueError as error:
        raise _distrust(f"the plan cannot be used: {error}") from error
    if plan.coordinator not in coordinators:
        raise _distrust(f"the coordinator's key {plan.coordinator.hex()} is not admitted")
    if not signed.holds_for(plan.coordinator):
        raise _distrust("the coordinator that the plan names did not sign it")
    if plan.job != job:
        raise _distrust(f"the plan is for job {plan.job}; this node was invited to {job}")
    return plan


def _real(text: str) -> float:
    """A real number as `float.hex` writes it; ValueError for anything else."""
    try:
        return float.fromhex(text)
    except OverflowError as error:
        raise ValueError("a rho is beyond all reals") from error


def _endorsements(fields: Fields) -> tuple[SignedEndorsement, ...]:
    found = fields.pieces("endorsements", "endorsements.sizes", MAX_ENDORSEMENTS)
    try:
        return tuple(map(SignedEndorsement.decode, found))
    except Refused as refused:
        raise ValueError(f"an endorsement {refused.local}") from refused


def _distrust(why: str) -> Refused:
    return Refused(Code.MANIFEST_NOT_TRUSTED, local=why)
