"""The ids of one step's plain questions."""

from collections.abc import Iterator

from coordinator.questions import Phase
from protocols.ids import QueryId

_AGAIN = 2**31
"""Last number of the first id of a question that was made again; all others come before."""
_EACH = 2**20
"""More plain questions than one step has."""


class StepIds(Iterator[QueryId]):
    """Rising, in the order in which a step puts its questions.

    A phase that begins again, because somebody left, puts the same questions under the same ids:
    the others have their answers stored. Only what is made from the answers of all is another
    question then, and has another id.

    Args:
        phase: Of the job.
        step: Of the phase.
        repeats: Grows each time that the phase begins again; 0 at first.

    >>> ids = StepIds(Phase.LEARNING, 7, repeats=1)
    >>> str(next(ids)), str(ids.of_answers()), str(next(ids))
    ('2.7.0', '2.7.2147483649', '2.7.2')
    """

    def __init__(self, phase: Phase, step: int, repeats: int = 0) -> None:
        self._phase = phase
        self._step = step
        self._repeats = repeats
        self._number = -1

    def __next__(self) -> QueryId:
        """The id of a question that does not depend on any answer."""
        self._number += 1
        return QueryId(self._phase, self._step, self._number)

    def of_answers(self) -> QueryId:
        """The id of a question that is made from others' answers."""
        following = next(self)
        if not self._repeats:
            return following
        part = _AGAIN + (self._repeats - 1) * _EACH + self._number
        return QueryId(self._phase, self._step, part)
