"""What a node's session and the node behind it expect of each other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from protocols.errors import Code
from protocols.ids import Digest, QueryId


@dataclass(frozen=True, slots=True)
class PendingUntil:
    """The answer will not come before `until` (unix seconds), for `reason` (a code of 300-399)."""

    until: float
    reason: Code

    def __post_init__(self) -> None:
        if not 300 <= self.reason.value < 400:
            raise ValueError(f"{self.reason.name} does not put a question off")


class BlobFetcher(Protocol):
    """Gets files from the coordinator."""

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        """The file of this digest, verified.

        Waits through re-connections, and goes on where the file had come to.

        Raises:
            Refused: FILE_UNAVAILABLE, FILE_TOO_LARGE or FILE_WRONG_DIGEST.
        """
        ...


class Responder(Protocol):
    """Answers the questions of one job."""

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        """The answer's body.

        Called once for a question in flight, however often it arrives; called again when the same
        question is asked after it was answered, and then has to return the stored answer. Cancelled
        at the question's deadline.

        Args:
            query_id: Names the question.
            body: What is asked.
            blobs: For the files that the question names, to be fetched after policy agreed.
            tell: Announces a delay to the coordinator; may be called any number of times.

        Raises:
            Refused: Its code goes to the coordinator, DIFFERENT_BODY for an id already used.
        """
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Answers up to here are safe with the coordinator."""
        ...


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a node's session is over: a Goodbye, from either end, or a code that is final."""

    reason: str
    code: Code | None = None
