"""Search by the learned metric: no candidate is run."""

from collections.abc import Mapping, Sequence

from synlearn.errors import InputError
from synlearn.mre.model import MREModel
from synlearn.ranking import Ranking
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, order_by
from synlearn.zoo.catalog import Zoo


class LearnedMetric:
    """The models nearest to the task first.

    Args:
        model: Of a finished job.
        zoo: That the candidates are of.
    """

    def __init__(self, model: MREModel, zoo: Zoo) -> None:
        self._model, self._zoo = model, zoo

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions; one pass of the backbone over the examples."""
        return order_of_ranking(self._model.rank(task.images, task.labels, self._zoo), candidates)


def order_of_ranking(ranking: Ranking, candidates: Sequence[Candidate]) -> Places:
    """(m,) positions of candidates by their scores in a ranking of the whole zoo.

    Raises:
        InputError: A candidate is not in it.
    """
    scores: Mapping[str, float] = {row.model: row.score for row in ranking}
    missing = [own.model for own in candidates if own.model not in scores]
    if missing:
        raise InputError(f"Candidate {missing[0]} is not in the zoo; give the zoo that holds it.")
    return order_by([scores[own.model] for own in candidates])
