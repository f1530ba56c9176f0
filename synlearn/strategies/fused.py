"""Search by the fusion of the metric with direct scores: every model of the zoo is run."""

from collections.abc import Sequence

from synlearn.fusion.fused import FittedFusion
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.ranker import Ranker
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.metric import order_of_ranking
from synlearn.strategies.strategy import Places, SearchTask
from synlearn.zoo.catalog import Zoo


class EvidenceFusion:
    """The models with the highest posterior mean first.

    Args:
        model: The metric.
        fusion: Fitted for it.
        zoo: That the candidates are of.
    """

    def __init__(self, model: ClassificationMRE, fusion: FittedFusion, zoo: Zoo) -> None:
        self._ranker, self._zoo = Ranker(model, fusion), zoo

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions; runs every model of the zoo."""
        ranking = self._ranker.rank(task.images, task.labels, self._zoo, evidence=None)
        return order_of_ranking(ranking, candidates)
