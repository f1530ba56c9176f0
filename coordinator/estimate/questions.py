"""The questions of a job, in the order in which it asks them, and who is asked."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import torch

from coordinator.estimate.participants import Participants
from coordinator.job_sections import Pretraining
from coordinator.pretraining import backbone_spec, pretraining_query
from protocols.ids import Digest, ProviderId
from protocols.queries import ClassFeatureSums, Describe, Query, pack_names
from protocols.secagg.question import AggregationQuestion
from synlearn.mre.backbone import Backbone

STAND_IN: Final = Digest("0" * 64)
"""In the place of a file's digest: all digests are as long."""


class Step(StrEnum):
    """What a question is for."""

    DESCRIPTION = "description"
    PRETRAINING = "pre-training"
    VALIDATION = "validation"
    TARGETS = "target datasets"
    EVIDENCE = "evidence"


@dataclass(frozen=True, slots=True)
class Asked:
    """Questions that providers answer by themselves.

    Attributes:
        step: What for.
        queries: By provider.
        lengths: Of axes of any length in the answers, by the array's name.
        times: How often questions of these sizes are asked, under different ids.
        together: Whether this is asked together with what comes before.
    """

    step: Step
    queries: Mapping[ProviderId, Query]
    lengths: Mapping[str, int]
    times: int = 1
    together: bool = False


@dataclass(frozen=True, slots=True)
class Summed:
    """A question for a masked sum.

    Attributes:
        step: What for.
        query: What each party computes.
        question: Its first attempt.
        rows: That all slots are over, of all parties together.
    """

    step: Step
    query: ClassFeatureSums
    question: AggregationQuestion
    rows: int


def descriptions(participants: Participants, axes: int) -> Iterator[Asked]:
    """What everybody is asked before anything else.

    Args:
        participants: Whom.
        axes: Of one image.
    """
    for number, name in enumerate(participants.names):
        classes = tuple(participants.counts[name])
        lengths = {
            "input_shape": axes,
            "class_names": pack_names(classes).size,
            "class_rows": len(classes),
        }
        yield Asked(Step.DESCRIPTION, {name: Describe()}, lengths, together=number > 0)


def pretraining_rounds(
    settings: Pretraining, names: Iterable[ProviderId], parameters: int
) -> Iterator[Asked]:
    """Lines 2 to 6 of Algorithm 1: everybody, in every round.

    Args:
        settings: The job's [pretraining].
        names: Of all providers.
        parameters: Numbers in the backbone.
    """
    if settings.mode != "off" and settings.rounds:
        query = pretraining_query(settings, STAND_IN)
        lengths = {"gradient": parameters, "change": parameters}
        yield Asked(Step.PRETRAINING, dict.fromkeys(names, query), lengths, settings.rounds)


def alike(parts: Iterable[slice]) -> Iterator[tuple[int, int]]:
    """Sizes of parts, and how many parts have each."""
    yield from Counter(part.stop - part.start for part in parts).items()


def shape_of(settings: Pretraining, channels: int) -> Backbone:
    """The job's backbone, without weights."""
    with torch.device("meta"):
        return Backbone(backbone_spec(settings, channels))


def parameters_of(backbone: Backbone) -> int:
    """Numbers in a backbone."""
    return sum(parameter.numel() for parameter in backbone.parameters())


def nothing(*sides: int) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    """Zeros of this shape that take the memory of one."""
    return np.broadcast_to(np.zeros((), np.float32), sides)
