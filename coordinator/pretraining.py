"""Feature pre-training of `g_mu`: lines 3 and 4 of Algorithm 1, the same for all closures."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from coordinator.blobs import MemoryBlobs
from coordinator.job_sections import Pretraining
from coordinator.progress import Progress
from coordinator.questions import Phase, Questions
from protocols.ids import ProviderId, QueryId
from protocols.queries import (
    Answer,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    QueryError,
)
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.mre.pretraining import (
    HingeSum,
    combine_gradients,
    combine_updates,
    set_gradients,
)


class BackboneState(Protocol):
    """What pre-training needs, and changes, of a job's state."""

    pretraining_rounds: int
    backbone: Backbone
    backbone_optimiser: torch.optim.Adam


class FeaturePretraining:
    """Asks every provider in every round, and learns from the sum of their answers.

    Args:
        settings: The job's [pretraining].
        providers: All that take part, sorted.
        state: Changed in place.
        questions: The way to the providers.
        blobs: Where the backbone of each round is published.
        progress: Told about every round.
    """

    def __init__(
        self,
        settings: Pretraining,
        providers: Sequence[ProviderId],
        state: BackboneState,
        *,
        questions: Questions,
        blobs: MemoryBlobs,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._providers = providers
        self._state = state
        self._questions = questions
        self._blobs = blobs
        self._progress = progress

    @property
    def left(self) -> bool:
        """Whether there is a round to go."""
        return self._settings.mode != "off" and (
            self._state.pretraining_rounds < self._settings.rounds
        )

    def ask(self) -> list[HingeSum]:
        """Ask every provider for its part of the decomposable objective."""
        digest = self._blobs.publish(save_backbone(self._state.backbone))
        query_id = QueryId(Phase.PRETRAINING, self._state.pretraining_rounds, 0)
        query = pretraining_query(self._settings, digest)
        answers = self._questions.ask(query_id, dict.fromkeys(self._providers, query))
        self._blobs.withdraw(digest)
        name = "gradient" if self._settings.mode == "gradient" else "change"
        parameters = sum(parameter.numel() for parameter in self._state.backbone.parameters())
        for provider, answer in answers.items():
            check_length(provider, name, answer[name], parameters)
        return [_hinge_sum(answer, name) for answer in answers.values()]

    def update(self, parts: Sequence[HingeSum]) -> None:
        """Take one step of Adam on the sum over providers."""
        settings, state = self._settings, self._state
        combine_parts = combine_gradients if settings.mode == "gradient" else combine_updates
        combined = combine_parts(parts)
        set_gradients(state.backbone, torch.from_numpy(combined.vector))
        rate = _half_cosine(settings.learning_rate, state.pretraining_rounds, settings.rounds)
        for group in state.backbone_optimiser.param_groups:
            group["lr"] = rate
        state.backbone_optimiser.step()
        state.pretraining_rounds += 1
        self._progress.pretraining(state.pretraining_rounds, combined.loss, combined.active_share)


def pretraining_query(settings: Pretraining, digest: str) -> Query:
    """What everybody is asked in one round, about the backbone of this digest."""
    shape = (digest, settings.classes, settings.rows_per_class, settings.margin)
    if settings.mode == "gradient":
        return PretrainingGradient(*shape)
    return PretrainingUpdate(*shape, settings.local_steps, settings.local_learning_rate)


def backbone_spec(settings: Pretraining, channels: int) -> BackboneSpec:
    """The shape of the job's backbone, for images so deep."""
    return BackboneSpec(
        architecture=settings.backbone,
        channels=channels,
        width=settings.width,
        features=settings.features,
    )


def initial_backbone(settings: Pretraining, channels: int, seed: int) -> Backbone:
    """Return `g_mu` before the first round, drawn from the job's seed, for images so deep."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Backbone(backbone_spec(settings, channels))


def check_length(
    provider: ProviderId, name: str, array: npt.NDArray[np.floating], length: int
) -> None:
    """Refuse what the closed list cannot know: an array that does not fit this job's backbone."""
    if array.shape[-1] != length:
        raise QueryError(
            f"provider {provider}: '{name}' has length {array.shape[-1]}, but the backbone asks "
            f"for {length}"
        )


def _hinge_sum(answer: Answer, name: str) -> HingeSum:
    vector: npt.NDArray[np.floating] = answer[name]
    return HingeSum(
        vector, float(answer["hinge_sum"]), int(answer["active"]), int(answer["triplets"])
    )


def _half_cosine(start: float, step: int, steps: int) -> float:
    return float(start * (1 + np.cos(np.pi * step / steps)) / 2)
