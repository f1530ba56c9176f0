"""What becomes of a masked question, told to whoever runs the job."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer
from protocols.secagg.rounds import Round


@dataclass(frozen=True, slots=True)
class Dropped:
    """How a party left an attempt before its end.

    Attributes:
        round: Whose message it did not send, or sent wrong.
        why: One sentence.
        code: Of its refusal; None where it did not refuse.
    """

    round: Round
    why: str
    code: Code | None = None


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """What became of one attempt.

    Attributes:
        query: The aggregation's id.
        function: What was asked.
        attempt: 1 to 3.
        parties: How many were asked.
        survivors: Whose vectors are in the sum; none if there is no sum.
        dropped: Who left, and how. Who left after sending a vector is among the survivors, too.
        sent: Bytes of all messages to the parties.
        received: Bytes of all messages from them.
        seconds: From the first question to the sum.
        failure: Why there is no sum; empty if there is one.
    """

    query: QueryId
    function: str
    attempt: int
    parties: int
    survivors: tuple[ProviderId, ...]
    dropped: Mapping[ProviderId, Dropped]
    sent: int
    received: int
    seconds: float
    failure: str = ""


@dataclass(frozen=True, slots=True)
class MaskedSum:
    """A sum, and whose.

    Attributes:
        answer: The arrays that one provider's answer would have, added up: counts in int64, the
            rest in float64.
        rows: (slots,) int64, how many rows are in each class slot of the sum.
        survivors: Whose answers are in it, ascending.
        dropped: Who left, and how; see `AttemptEnded`.
        attempt: Which attempt gave it.
    """

    answer: Answer
    rows: npt.NDArray[np.int64]
    survivors: tuple[ProviderId, ...]
    dropped: Mapping[ProviderId, Dropped]
    attempt: int


class AggregationFailed(RuntimeError):  # noqa: N818 - says what happened
    """There is no sum; the sentence names those who left the last attempt, and why.

    Attributes:
        query: The aggregation's id.
        dropped: Who left the last attempt, and how.
    """

    def __init__(
        self, query: QueryId, function: str, reason: str, dropped: Mapping[ProviderId, Dropped]
    ) -> None:
        alike: dict[tuple[Round, str], list[ProviderId]] = {}
        for party, drop in sorted(dropped.items()):
            why = f"{drop.code.name}: {drop.why}" if drop.code else drop.why
            alike.setdefault((drop.round, why), []).append(party)
        details = "".join(
            f" {', '.join(parties[:8])}{' ...' if len(parties) > 8 else ''} left in round "
            f"{round_}: {why}"
            for (round_, why), parties in alike.items()
        )
        super().__init__(f"the masked sum {query} of {function} failed: {reason}{details}")
        self.query = query
        self.dropped = dropped
