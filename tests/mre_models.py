"""Small MRE models for tests; untrained, so their scores mean nothing."""

import torch

from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.model import Provenance
from synlearn.zoo.class_specification import Generator


def mre_model(seed: int = 0) -> IsolatedMRE:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = Backbone(BackboneSpec(width=2, features=6))
    metric = Metric(MetricSpec(6, 7, hidden=8, embedding=5, members=3), generator)
    means = torch.randn(4, 6, generator=generator)
    metric.standardise(means, torch.randn(5, 7, generator=generator))
    return IsolatedMRE(
        backbone=backbone,
        metric=metric,
        learned=LearnedTasks(means, instance_variance=0.25),
        provenance=Provenance(job="job-1", seed=seed, k=10, tasks=4, models=5, anchors="a" * 64),
    )


def classification_mre(seed: int = 0) -> ClassificationMRE:
    """Another one, for classification."""
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        backbone = Backbone(BackboneSpec(channels=3, width=2, features=6))
    spec = ClassificationMetricSpec(6, 7, width=8, hidden=8, members=2)
    metric = ClassificationMetric(spec, generator).eval()
    return ClassificationMRE(
        backbone=backbone,
        metric=metric,
        learned=LearnedTasks(torch.randn(9, 6, generator=generator), instance_variance=0.25),
        provenance=Provenance(job="job-1", seed=seed, k=10, tasks=4, models=5, anchors="a" * 64),
        generator=Generator.PROFILED,
    )
