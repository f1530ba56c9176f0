from dataclasses import replace

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.fusion import METRIC, FittedFusion, Weights
from synlearn.fusion.zoo_ranking import rank_with_evidence
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.scorers.direct import Direct
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator, class_specifications_of
from synlearn.zoo.feature_cache import compute_responses
from tests.mre_models import classification_mre
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
IMAGES = PICTURES.transpose(0, 3, 1, 2).astype(np.float32) / 255
LABELS = ("cat", "dog", "cat", "dog", "dog", "cat")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("fused") / "zoo", 3, 2)


@pytest.fixture(scope="module")
def model(zoo: Zoo) -> ClassificationMRE:
    specifications = class_specifications_of(zoo)
    generator = Generator.PROFILED
    width = specifications.vectors(generator)[0].shape[1]
    untrained = classification_mre()
    spec = replace(untrained.metric.spec, model_features=width)
    return replace(
        untrained,
        metric=ClassificationMetric(spec, torch.Generator().manual_seed(0)).eval(),
        provenance=replace(untrained.provenance, anchors=specifications.source(generator)),
    )


def fusion(metric: float, ridge: float) -> FittedFusion:
    """Reusability is one of the two sources, or both, but for a little noise."""
    return FittedFusion((METRIC, Direct.RIDGE), {1: Weights(np.array([metric, ridge]), 0.1)})


def test_evidence_that_is_all_orders_by_the_direct_score(
    model: ClassificationMRE, zoo: Zoo
) -> None:
    ranking = rank_with_evidence(model, fusion(0.0, 1.0), IMAGES, LABELS, zoo)
    numbers = [name == "dog" for name in LABELS]
    alone = {
        name: ridge_loo(own.features.astype(float), numbers, measure="squared_error")
        for name, own in compute_responses(zoo, list(zoo), PICTURES)
    }
    assert [row.model for row in ranking] == sorted(alone, key=lambda name: -alone[name])
    assert all(row.low is not None and row.tier is not None for row in ranking)


def test_without_evidence_the_metric_decides(model: ClassificationMRE, zoo: Zoo) -> None:
    ranking = rank_with_evidence(model, fusion(1.0, 0.0), IMAGES, LABELS, zoo)
    prior = model.rank(IMAGES, LABELS, zoo)
    assert [row.model for row in ranking] == [row.model for row in prior]
    assert ranking.provenance["zoo"] == zoo.digest
    assert ranking.provenance["k"] == 3


def test_a_task_without_labels_is_refused(model: ClassificationMRE, zoo: Zoo) -> None:
    with pytest.raises(InputError, match="give a label"):
        rank_with_evidence(model, fusion(1.0, 1.0), IMAGES, None, zoo)
