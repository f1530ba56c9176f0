"""Search by a score of every model on the task's own examples: all of them are run."""

from collections.abc import Sequence

from synlearn.scorers.direct import Direct, direct_scores
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, labels_of, order_by


class TaskAware:
    """The models with the highest score first; of equals the larger model, as in the paper.

    Args:
        score: Which; `Direct.KNN` is the paper's 1-NN, judged by leaving one example out at a time,
            since a handful of examples cannot spare a validation set.
    """

    def __init__(self, score: Direct) -> None:
        self._score = score

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions; runs every candidate."""
        labels = labels_of(task, self._score)
        outputs = task.outputs([own.model for own in candidates])
        scores = direct_scores(outputs, labels, [self._score])[self._score]
        return order_by(scores, [own.parameters for own in candidates])
