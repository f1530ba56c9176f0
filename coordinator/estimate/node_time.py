"""How long a node computes for one question."""

from collections.abc import Mapping

from coordinator.estimate.cost_model import CostModel
from coordinator.estimate.message_sizes import AttemptSize
from coordinator.estimate.questions import Summed
from protocols.queries import (
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    packed_length,
)
from synlearn.fusion.moved import COPIES, has_copies
from synlearn.mre.pretraining import triplet_count


class NodeTime:
    """Processor seconds of a node, without those that every question and byte of it take.

    Args:
        costs: Of the parts.
        operations: Of a model that is shown an image, mean over the job's models.
        backbone: Operations of the backbone for an image.
    """

    def __init__(self, costs: CostModel, operations: float, backbone: int) -> None:
        self._costs = costs
        self._shown = costs.row_seconds + operations * costs.operation_seconds
        self._embedded = backbone * costs.backbone_seconds
        self._trained = backbone * costs.training_seconds

    def of_query(self, query: Query, rows: Mapping[str, int]) -> float:  # noqa: PLR0911 - each kind
        """Of a question that a provider with these rows of each class answers by itself."""
        match query:
            case Describe():
                return 0.0
            case PretrainingGradient(classes=classes, rows_per_class=of_each):
                return self._gradient(classes, of_each)
            case PretrainingUpdate(classes=classes, rows_per_class=of_each, steps=steps):
                return steps * self._gradient(classes, of_each)
            case SquaredError():
                return min(query.rows, sum(rows.values())) * len(query.models) * self._shown
            case TargetFeatures():
                return min(query.k * query.draws, sum(rows.values())) * self._embedded
            case ClassOutputs():
                return self._looks(query.models, query.classes, rows)
            case HeadStatistics():
                seen = self._looks(query.models, query.classes, rows)
                products = len(query.models) * packed_length(query.width)
                return seen + _held(query.classes, rows) * products * self._costs.product_seconds
            case HeadCorrect() | LeepLikelihood():
                seen = self._looks(query.models, query.classes, rows)
                heads = query.weights if isinstance(query, HeadCorrect) else query.tables
                of_class = _held(query.classes, rows) / len(query.classes)
                return seen + of_class * heads.size * self._costs.product_seconds
            case TaskEvidence():
                return self._evidence(query, rows)

    def of_sum(self, asked: Summed, size: AttemptSize, held: float) -> float:
        """Of an attempt at a masked sum, one party's mean part.

        Args:
            asked: The attempt.
            size: Of its messages.
            held: Rows that a party has of the classes that are asked about.
        """
        costs, parties = self._costs, len(asked.question.parties)
        # Whom it drew or was drawn by.
        neighbours = 2 * size.neighbours - size.neighbours**2 / (parties - 1)
        return (
            min(asked.rows / parties, held) * self._embedded
            + len(asked.query.slots) * costs.slot_seconds
            + (parties - 1) * costs.pair_seconds
            + neighbours * costs.neighbour_seconds
            + (neighbours + 1) * asked.query.length * costs.mask_seconds
        )

    def _gradient(self, classes: int, rows: int) -> float:
        triplets = triplet_count(classes, rows)
        return (
            self._costs.gradient_seconds
            + classes * rows * self._trained
            + triplets * self._costs.triplet_seconds
        )

    def _looks(
        self, models: tuple[str, ...], classes: tuple[str, ...], rows: Mapping[str, int]
    ) -> float:
        return _held(classes, rows) * len(models) * self._shown

    def _evidence(self, query: TaskEvidence, rows: Mapping[str, int]) -> float:
        ways, held = len(query.classes), _held(query.classes, rows)
        ks: list[int] = query.ks.tolist()
        distinct = min(ways * sum(ks) * query.draws, held)
        small = [k for k in ks if has_copies(ways * k)]
        moved = COPIES * min(ways * sum(small) * query.draws, held)
        datasets = len(ks) * query.draws
        return (
            (distinct + moved) * len(query.models) * self._shown
            + distinct * self._embedded
            + datasets * self._costs.dataset_seconds
            + datasets * len(query.models) * self._costs.evidence_seconds
        )


def _held(classes: tuple[str, ...], rows: Mapping[str, int]) -> int:
    return sum(rows.get(name, 0) for name in classes)
