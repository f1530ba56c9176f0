"""Search by Fennec: one pass of the proxy network; no candidate is run, no label looked at."""

from collections.abc import Sequence

from synlearn.fennec.recommender import Recommender
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, order_by


class FennecSearch:
    """The models with the highest merged score first, then the larger ones.

    Args:
        recommender: Fitted on a history; a candidate that it does not know is placed by the meta
            phase alone.
        classes: How many classes the task has, where labels do not say it.
    """

    def __init__(self, recommender: Recommender, classes: int | None = None) -> None:
        self._recommender, self._classes = recommender, classes

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions."""
        classes = self._classes
        if classes is None:
            classes = 1 if task.labels is None else len(set(task.labels.tolist()))
        scores = self._recommender.scores(candidates, task.images, classes)
        return order_by(scores, [own.parameters for own in candidates])
