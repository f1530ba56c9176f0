"""MRE models of random weights, and a made-up fusion: shapes of a default job, nothing learned."""

from typing import Final

import numpy as np
import torch

from coordinator.grouped_job import GroupedMetric
from synlearn.fusion.accuracy import UNREST, AccuracyMap, ModeMap
from synlearn.fusion.fused import METRIC, SMOOTHED, FittedFusion
from synlearn.fusion.linear_map import LinearMap
from synlearn.fusion.regression import Weights
from synlearn.fusion.task_traits import TRAITS
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Provenance
from synlearn.ranking import CONFIDENCE
from synlearn.scorers.direct import Direct
from synlearn.zoo.class_specification import ClassSpecifications, Generator

LEARNED_CLASSES: Final = 143
"""Classes that providers of the mixed experiment hold."""


def untrained(spec: BackboneSpec, members: int, known: ClassSpecifications) -> ClassificationMRE:
    """Return an MRE model of random weights, of a job's default shape but for the members."""
    generator, shape = torch.Generator().manual_seed(0), GroupedMetric()
    kind = Generator(shape.specification)
    models = ClassSets.of(known.vectors(kind))
    metric = ClassificationMetric(
        ClassificationMetricSpec(
            spec.features,
            models.values.shape[2],
            width=shape.width,
            hidden=shape.hidden,
            members=members,
        ),
        generator,
    ).eval()
    means = torch.randn(LEARNED_CLASSES, spec.features, generator=generator)
    means = means / means.norm(dim=1, keepdim=True)
    metric.standardise(ClassSets.full(means[None]), models)
    torch.manual_seed(0)
    return ClassificationMRE(
        backbone=Backbone(spec).eval(),
        metric=metric,
        learned=LearnedTasks(means, instance_variance=0.25),
        provenance=Provenance("random", 0, 10, 900, 240, known.source(kind)),
        generator=kind,
    )


def made_up_fusion(k: int) -> FittedFusion:
    """Return a fusion in which each source says a little."""
    sources = (METRIC, SMOOTHED, Direct.RIDGE, Direct.LOGME, Direct.LEEP)
    weights = Weights(np.full(len(sources), 0.2), 0.5, np.linspace(1.0, 0.2, len(sources)))
    return FittedFusion(tuple(map(str, sources)), {k: weights})


def made_up_accuracy(k: int, ways: int, classes: int) -> AccuracyMap:
    """Return a map to accuracies of the usual shape; what it says means nothing."""
    direct = tuple(map(str, Direct))

    def linear(features: int, intercept: float) -> LinearMap:
        return LinearMap(np.zeros(features), np.full(features, 0.01), intercept)

    def mode(features: int) -> ModeMap:
        return ModeMap(
            level=linear(features, 0.4),
            spread=linear(features, -1.0),
            own=linear(len(UNREST), -0.3),
            shared=0.3,
            reach=1.7,
        )

    return AccuracyMap(
        ways=ways,
        difficulty=np.linspace(-1.0, 1.0, classes),
        direct=direct,
        correlation={k: np.full(len(direct), 0.3)},
        metric={k: mode(len(TRAITS))},
        evidence={k: mode(len(TRAITS) + len(direct))},
        constant={k: (0.3, 0.9)},
        confidence=CONFIDENCE,
    )
