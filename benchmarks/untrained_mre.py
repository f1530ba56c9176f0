"""MRE models of random weights, and a made-up fusion: shapes of a default job, nothing learned."""

from typing import Final

import numpy as np
import torch

from coordinator.grouped_job import GroupedMetric
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.regression import Weights
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Provenance
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
    sources = (METRIC, Direct.RIDGE, Direct.LOGME, Direct.LEEP)
    return FittedFusion(tuple(map(str, sources)), {k: Weights(np.full(len(sources), 0.2), 0.5)})
