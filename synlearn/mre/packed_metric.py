"""The metric with a zoo, laid out for ranking: gives what `ClassificationMetric.measure` gives."""

from dataclasses import dataclass

from torch import Tensor

from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.distance import Distance, distances
from synlearn.mre.model_transform import ProjectedModels
from synlearn.mre.packed_models import PackedModels, pack_models
from synlearn.mre.packed_tasks import PackedTasks, pack_tasks


@dataclass(frozen=True, slots=True)
class PackedMetric:
    """Made once for a zoo; holds copies of the metric's weights as they were then.

    Attributes:
        tasks: The task's side.
        models: The models' side, and m models.
        kind: Of the distance.
    """

    tasks: PackedTasks
    models: PackedModels
    kind: Distance

    @classmethod
    def of(cls, metric: ClassificationMetric, models: ProjectedModels) -> "PackedMetric | None":
        """Lay them out; None where the metric's blocks have no such layout."""
        tasks, packed = pack_tasks(metric), pack_models(metric.model_transform, models)
        if tasks is None or packed is None:
            return None
        return cls(tasks, packed, metric.spec.distance)

    def distance(self, means: Tensor) -> Tensor | None:
        """Distance of n tasks to the models.

        Args:
            means: (n, l, f), mean feature of each class of each task.

        Returns:
            (members, n, m), lower is better; None where an attention logit is too large for this
            way, while `ClassificationMetric.measure` copes with all.
        """
        queries, embedding = self.tasks.transformed(means)
        models = self.models.embeddings(queries)
        if models is None:
            return None
        found = distances(embedding[:, :, None], models, self.kind).squeeze(2)
        return found[..., self.models.places]
