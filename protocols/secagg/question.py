"""What an aggregation asks: the one statement that all parties must have seen alike."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest, job_id, provider_id
from protocols.secagg.encoding import Encoding
from protocols.secagg.fields import Fields, octets
from protocols.sizes import encoded_size
from protocols.values import Value, encode_values

MAX_PARTIES = 10_000
MAX_ATTEMPTS = 3
"""Attempts at one question; each one redraws keys and rows, and is charged anew."""
MAX_LENGTH = 2**28
"""Entries of the vector that is summed."""

_KIND = "aggregation/v1"


def minimum_threshold(parties: int) -> int:
    """Fewest parties that must agree on one list of survivors: floor(2n/3) + 1.

    Two groups of that size share more than n/3 parties, so at least one honest one where fewer
    than a third collude: no two lists can both be agreed to.

    >>> [minimum_threshold(n) for n in (2, 3, 4, 10)]
    [2, 3, 3, 7]
    """
    return 2 * parties // 3 + 1


def expected_corrupt(parties: int) -> int:
    """Colluding parties that a question allows for unless told otherwise: a fifth.

    On a sparse graph a node asks for no less: there the number decides how many hold a secret.
    """
    return parties // 5


def expected_dropouts(parties: int) -> int:
    """Parties that a question expects to drop out unless told otherwise: a tenth."""
    return parties // 10


@dataclass(frozen=True, eq=False)
class AggregationQuestion:
    """One attempt at one masked question.

    Attributes:
        job: The job asking.
        query: The question's id within the job.
        attempt: 1 to 3.
        body: What each party computes: an encoded query, which names function and model digest.
        parties: Who is asked, in ascending order.
        slots: Names of the classes that the vector's parts belong to; may be empty.
        rows: (parties, slots) int64, how many rows each party sums in each slot.
        threshold: How many parties must agree on the survivors.
        corrupt: Most parties that may collude with the coordinator.
        dropouts: Most parties that are expected to drop out by themselves.
        length: Entries of the vector.
        encoding: How its values become integers.
        manifest: Digest of the job manifest under which this is asked.

    Raises:
        ValueError: A field is out of range; the sentence names it.
    """

    job: JobId
    query: QueryId
    attempt: int
    body: bytes
    parties: tuple[ProviderId, ...]
    slots: tuple[str, ...]
    rows: npt.NDArray[np.int64]
    threshold: int
    corrupt: int
    dropouts: int
    length: int
    encoding: Encoding
    manifest: Digest

    def __post_init__(self) -> None:
        count = len(self.parties)
        if not 1 <= self.attempt <= MAX_ATTEMPTS:
            raise ValueError(f"attempt is {self.attempt}; it must lie in [1, {MAX_ATTEMPTS}]")
        if not 2 <= count <= MAX_PARTIES:
            raise ValueError(
                f"there are {count} parties; a sum hides nobody below 2, and {MAX_PARTIES} is most"
            )
        if any(a >= b for a, b in zip(self.parties, self.parties[1:], strict=False)):
            raise ValueError("the parties must be in ascending order, each of them once")
        if self.rows.shape != (count, len(self.slots)) or self.rows.dtype != np.int64:
            raise ValueError(
                f"rows must be int64 of shape {(count, len(self.slots))}, not {self.rows.dtype} of "
                f"{self.rows.shape}"
            )
        if self.rows.size and self.rows.min() < 0:
            raise ValueError("rows must not be negative")
        if not 1 <= self.threshold <= count:
            raise ValueError(f"threshold is {self.threshold}; it must lie in [1, {count}]")
        for name, value in (("corrupt", self.corrupt), ("dropouts", self.dropouts)):
            if not 0 <= value < count:
                raise ValueError(f"{name} is {value}; it must lie in [0, {count - 1}]")
        if not 1 <= self.length <= MAX_LENGTH:
            raise ValueError(f"length is {self.length}; it must lie in [1, {MAX_LENGTH}]")
        noise, honest = self.encoding.noise, self.threshold - self.corrupt
        if noise is not None and noise.honest > honest:
            raise ValueError(
                f"the noise counts on {noise.honest} honest survivors, and a threshold of "
                f"{self.threshold} with {self.corrupt} colluding parties promises {honest}"
            )

    def encode(self) -> bytes:
        """The question as it crosses the wire; equal questions give equal bytes."""
        return encode_values(_KIND, self._values())

    def encoded_size(self) -> int:
        """Bytes of `encode`, without making them: a large table of rows is not copied."""
        return encoded_size(_KIND, self._values())

    def _values(self) -> dict[str, Value]:
        return {
            "job": str(self.job),
            "query": str(self.query),
            "attempt": self.attempt,
            "body": octets(self.body),
            "parties": tuple(self.parties),
            "slots": self.slots,
            "rows": self.rows,
            "threshold": self.threshold,
            "corrupt": self.corrupt,
            "dropouts": self.dropouts,
            "length": self.length,
            "manifest": str(self.manifest),
            **{f"encoding.{name}": value for name, value in self.encoding.to_values().items()},
        }

    @classmethod
    def decode(cls, body: bytes) -> "AggregationQuestion":
        """Parse what `encode` wrote.

        Raises:
            Refused: BAD_PARAMETERS, whatever the bytes.
        """
        try:
            fields = Fields(body, _KIND)
            question = cls(
                job=job_id(fields.text("job")),
                query=QueryId.parse(fields.text("query")),
                attempt=fields.integer("attempt"),
                body=fields.octets("body"),
                parties=tuple(provider_id(name) for name in fields.texts("parties")),
                slots=fields.texts("slots"),
                rows=fields.table("rows"),
                threshold=fields.integer("threshold"),
                corrupt=fields.integer("corrupt"),
                dropouts=fields.integer("dropouts"),
                length=fields.integer("length"),
                encoding=Encoding.from_values(fields.below("encoding.")),
                manifest=digest(fields.text("manifest")),
            )
            if question.encode() != body:
                raise ValueError("it holds more than its fields, or in another form")
        except ValueError as error:
            raise Refused(Code.BAD_PARAMETERS, local=f"aggregation: {error}") from error
        return question

    @cached_property
    def transcript(self) -> bytes:
        """SHA-256 of all the above, 32 bytes: what every key and signature is bound to."""
        return hashlib.sha256(self.encode()).digest()

    def index(self, party: ProviderId) -> int:
        """The place of `party` among the parties; ValueError if it is not among them."""
        return self.parties.index(party)
