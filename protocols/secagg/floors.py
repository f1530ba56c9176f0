"""What a party demands of the company it sums in, whatever the coordinator says."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from protocols.errors import Code, Refused
from protocols.ids import ProviderId
from protocols.secagg.graph import COMPLETE_UP_TO
from protocols.secagg.question import AggregationQuestion, expected_corrupt, minimum_threshold


def most_newcomers(count: int, threshold: int, corrupt: int) -> int:
    """How many of the parties of a question could collude, all of them, without harm.

    Args:
        count: Parties.
        threshold: Of the question.
        corrupt: Colluding parties that it says it tolerates.
    """
    return corrupt if count > COMPLETE_UP_TO else 2 * threshold - count - 1


@dataclass(frozen=True, slots=True)
class Floors:
    """The least company, checked on the question, on every later list, and on the survivors.

    Attributes:
        min_parties: Fewest parties in a sum.
        min_parties_per_class: Fewest parties with rows in each slot of a sum; 1 shows that party's
            part of the slot, which is for data without secrets only.
        min_corrupt: Fewest colluding parties that the question must tolerate. On a sparse graph
            it is at least a fifth of the parties.
        counted: Parties that count towards the floors: identities known for long enough, or
            approved by the owner. None counts everybody. Those that do not count may all collude:
            there may be no more of them than the question tolerates.
        min_rows_together: Fewest rows of parties that count in each slot of a sum, together.
    """

    min_parties: int = 2
    min_parties_per_class: int = 2
    min_corrupt: int = 0
    counted: frozenset[ProviderId] | None = None
    min_rows_together: int = 1

    def check_question(self, question: AggregationQuestion) -> None:
        """Check a question before any key is made for it.

        Raises:
            Refused: THRESHOLD_TOO_LOW, TOO_FEW_PARTIES, TOO_FEW_HOLDERS or BAD_PARAMETERS.
        """
        count = len(question.parties)
        least = minimum_threshold(count)
        if question.threshold < least:
            raise Refused(
                Code.THRESHOLD_TOO_LOW,
                local=f"threshold {question.threshold} of {count} parties; at least {least}",
            )
        # On the complete graph the threshold protects, whatever the question says of collusion.
        enough = expected_corrupt(count) if count > COMPLETE_UP_TO else 0
        if question.corrupt < max(enough, self.min_corrupt):
            raise Refused(
                Code.THRESHOLD_TOO_LOW,
                local=f"tolerates {question.corrupt} colluding parties of {count}; at least "
                f"{max(enough, self.min_corrupt)}",
            )
        if 2 * question.threshold - count <= question.corrupt:
            raise Refused(
                Code.THRESHOLD_TOO_LOW,
                local=f"{question.corrupt} colluding of {count} parties could agree to two lists "
                f"at threshold {question.threshold}",
            )
        self.check_company(question, range(count))
        newcomers = 0 if self.counted is None else len(set(question.parties) - self.counted)
        tolerated = most_newcomers(count, question.threshold, question.corrupt)
        if newcomers > tolerated:
            raise Refused(
                Code.TOO_FEW_PARTIES,
                local=f"{newcomers} of {count} parties are too new to count; more than {tolerated} "
                "could do harm together",
            )

    def check_company(self, question: AggregationQuestion, present: Collection[int]) -> None:
        """Check those of the question's parties, by index, that are in a sum or may come to be.

        Raises:
            Refused: TOO_FEW_PARTIES, TOO_FEW_HOLDERS, TOO_FEW_ROWS.
        """
        if len(present) < question.threshold:
            raise Refused(
                Code.TOO_FEW_PARTIES,
                local=f"{len(present)} parties are left; the threshold is {question.threshold}",
            )
        counted = np.array(
            [i for i in present if self.counted is None or question.parties[i] in self.counted],
            np.int64,
        )
        least = max(2, self.min_parties)
        if counted.size < least:
            raise Refused(
                Code.TOO_FEW_PARTIES,
                local=f"{counted.size} parties that count; the policy asks for {least}",
            )
        # A slot without anybody's rows hides nothing, and needs nobody to hide behind.
        used = np.flatnonzero(question.rows[list(present)].any(axis=0))
        holders = (question.rows[counted][:, used] > 0).sum(axis=0)
        fewest = max(1, self.min_parties_per_class)
        if holders.size and holders.min() < fewest:
            slot = int(holders.argmin())
            raise Refused(
                Code.TOO_FEW_HOLDERS,
                local=f"slot {question.slots[used[slot]]!r} has rows of {holders[slot]} parties; "
                f"the policy asks for {fewest}",
            )
        together = question.rows[counted][:, used].sum(axis=0)
        if together.size and together.min() < self.min_rows_together:
            slot = int(together.argmin())
            raise Refused(
                Code.TOO_FEW_ROWS,
                local=f"slot {question.slots[used[slot]]!r} has {together[slot]} rows of parties "
                f"that count; the policy asks for {self.min_rows_together}",
            )
