"""The lines of Algorithm 1 as a job takes them, whatever its closures."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from synlearn.mre.pretraining import HingeSum

Sample = TypeVar("Sample")
"""Tasks and models drawn for one round."""
Model_co = TypeVar("Model_co", covariant=True)
"""What is learned."""


class Steps(Protocol[Sample, Model_co]):
    """One job under way; its methods are the lines of Algorithm 1, in that order."""

    @property
    def pretraining_left(self) -> bool:
        """Whether lines 2 to 6 go on."""
        ...

    @property
    def learning_left(self) -> bool:
        """Whether lines 7 to 12 go on."""
        ...

    def ask_for_pretraining(self) -> list[HingeSum]:
        """Ask every provider for its part of the decomposable objective (line 4)."""
        ...

    def update_backbone(self, parts: Sequence[HingeSum]) -> None:
        """Improve `g_mu` by the sum over providers (line 4)."""
        ...

    def sample_tasks_and_models(self) -> Sample:
        """Draw tasks and models; no provider is asked (line 8)."""
        ...

    def validate(self, sample: Sample) -> None:
        """Ask how reusable the sampled models are for the sampled tasks (line 9)."""
        ...

    def generate_target_datasets(self, sample: Sample) -> None:
        """Ask for small samples of the tasks, as `g_mu` sees them (line 10)."""
        ...

    def update_metric(self) -> None:
        """Minimise equation 2 on all that was gathered so far (line 11)."""
        ...

    def checkpoint(self) -> None:
        """Put all that was learned on disk; only then may providers forget their answers."""
        ...

    def result(self) -> Model_co:
        """Return what was learned."""
        ...
