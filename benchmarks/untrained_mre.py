"""MRE models of random weights, and a made-up fusion: shapes of a default job, nothing learned."""

from typing import Final

import numpy as np
import torch

from coordinator.grouped_job import GroupedMetric
from synlearn.fusion.coregionalisation import Covariances
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.storage import StoredFusion
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
REFERENCE_TASKS: Final = 96


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


def made_up_fusion(model: ClassificationMRE, ways: int, k: int) -> StoredFusion:
    """Return a fusion in which each source says a little, and models go together."""
    sources = (METRIC, Direct.RIDGE, Direct.LOGME, Direct.LEEP)
    half = 0.5 * (0.5 * np.eye(len(sources) + 1) + 0.5)
    generator = torch.Generator().manual_seed(1)
    width = model.backbone.spec.features
    tasks = torch.randn(REFERENCE_TASKS, ways, width, generator=generator) / width**0.5
    fitted = FittedFusion(tuple(str(s) for s in sources), {k: Covariances(half, half)})
    return StoredFusion(fitted, tasks)
