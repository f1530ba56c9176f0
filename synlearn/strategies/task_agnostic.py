"""Search without a look at the task: the best known model is the best guess for everything."""

from collections.abc import Sequence

from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, order_by


class TaskAgnostic:
    """Upstream accuracy where known; else the size of the training data; then parameters.

    As in the paper: a model with an upstream accuracy comes before all without one.
    """

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """Return positions, the same for every task."""
        del task  # that is the point
        return agnostic_order(candidates)


def agnostic_order(candidates: Sequence[Candidate]) -> Places:
    """(m,) positions: what task-agnostic search tries first."""
    return order_by(
        [-1.0 if own.upstream_accuracy is None else own.upstream_accuracy for own in candidates],
        [own.training_images for own in candidates],
        [own.parameters for own in candidates],
    )
