"""MQUERY on the session: what the bodies of its questions are.

Each round of secure aggregation is one session question to each party, so that deadlines, repeats
and lost streams are the session's business. The body of the party's answer is its message of that
round. Ids follow from the aggregation's own: round r of attempt a has its own id, and ids grow.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from protocols.errors import Code, Refused
from protocols.ids import QueryId
from protocols.secagg.fields import Fields, octets, pieces
from protocols.secagg.manifest import SignedManifest
from protocols.secagg.question import MAX_ATTEMPTS
from protocols.secagg.roster import SignedRoster
from protocols.secagg.rounds import Round
from protocols.secagg.signed import Signed
from protocols.values import encode_values

_JOIN = "mquery_join"
_STEP = "mquery"
_PREFIXES = (encode_values(_JOIN, {}), encode_values(_STEP, {}))
_TRANSCRIPT_BYTES = 32

IDS = MAX_ATTEMPTS * len(Round)
"""Query ids that one aggregation takes: its own and those after it, counted in the last number."""
MAX_ROSTERS = 512
"""Links of a roster chain in one body."""


class SignedQuestion(Signed):
    """An `AggregationQuestion` under the signature of the job's coordinator."""

    __slots__ = ()
    purpose: ClassVar[str] = "synlearn/aggregation/v1"
    untrusted: ClassVar[Code] = Code.BAD_PARAMETERS


@dataclass(frozen=True, slots=True)
class Join:
    """Before the first aggregation: under which roster and manifest the job runs.

    The answer is empty.

    Attributes:
        rosters: Links of the chain, up to the roster of the manifest.
        manifest: The job's.
    """

    rosters: tuple[SignedRoster, ...]
    manifest: SignedManifest

    def encode(self) -> bytes:
        """The body of the session question."""
        return encode_values(
            _JOIN,
            {
                **pieces("rosters", "sizes", (link.encode() for link in self.rosters)),
                "manifest": octets(self.manifest.encode()),
            },
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What opens a round at a party.

    Attributes:
        round: Which.
        transcript: Digest of the aggregation's question, 32 bytes: which attempt is meant.
        message: The `SignedQuestion` in ADVERTISE, later the coordinator's message of the round.
    """

    round: Round
    transcript: bytes
    message: bytes

    def encode(self) -> bytes:
        """The body of the session question."""
        return encode_values(
            _STEP,
            {
                "round": self.round.value,
                "transcript": octets(self.transcript),
                "message": octets(self.message),
            },
        )


Mquery: TypeAlias = Join | Step


def is_mquery(body: bytes) -> bool:
    """Whether a question's body says that it is an MQUERY; an SQUERY's never does."""
    return body.startswith(_PREFIXES)


def decode_mquery(body: bytes) -> Mquery:
    """Parse the body of a question for which `is_mquery` holds.

    Raises:
        Refused: BAD_PARAMETERS, or what `Signed.decode` has; nothing else, whatever the bytes.
    """
    try:
        if body.startswith(_PREFIXES[0]):
            return _join(Fields(body, _JOIN))
        fields = Fields(body, _STEP)
        step = Step(
            Round(fields.text("round")), fields.octets("transcript"), fields.octets("message")
        )
        if len(step.transcript) != _TRANSCRIPT_BYTES:
            raise ValueError(f"a transcript has {_TRANSCRIPT_BYTES} bytes")
    except ValueError as error:
        raise Refused(Code.BAD_PARAMETERS, local=f"the MQUERY is unreadable: {error}") from error
    return step


def round_id(aggregation: QueryId, attempt: int, round_: Round) -> QueryId:
    """The id of the session question that opens this round of this attempt.

    >>> str(round_id(QueryId(2, 7, 1), 2, Round.SHARE))
    '2.7.7'
    """
    place = (attempt - 1) * len(Round) + list(Round).index(round_)
    return QueryId(aggregation.phase, aggregation.step, aggregation.part + place)


def _join(fields: Fields) -> Join:
    links = fields.pieces("rosters", "sizes", MAX_ROSTERS)
    return Join(
        tuple(map(SignedRoster.decode, links)), SignedManifest.decode(fields.octets("manifest"))
    )
