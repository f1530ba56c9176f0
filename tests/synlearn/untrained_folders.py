"""An untrained MRE model with all that lies beside one, and a zoo that it can rank."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from synlearn.fusion import METRIC, FittedFusion, Weights
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.storage import save_fusion
from synlearn.mre.backbone import Backbone, BackboneSpec
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import Provenance
from synlearn.mre.storage import save_mre
from synlearn.scorers.direct import Direct
from synlearn.zoo.class_specification import Generator, class_specifications_of
from tests.synlearn.fusion.accuracies import fitted, fitted_fusion, held_out
from tests.synlearn.zoo.mixed_zoo import mixed_zoo


def untrained_folders(folder: Path) -> tuple[Path, Path]:
    """Write both; return the model's folder and that of the zoo, which has four models."""
    specifications = class_specifications_of(mixed_zoo(folder / "zoo", 3, 1))
    generator = Generator.PROFILED
    width = specifications.vectors(generator)[0].shape[1]
    torch.manual_seed(0)
    model = ClassificationMRE(
        backbone=Backbone(BackboneSpec(width=2, features=6, channels=3)),
        metric=ClassificationMetric(
            ClassificationMetricSpec(6, width, width=4, hidden=5, members=2), torch.Generator()
        ).eval(),
        learned=LearnedTasks(torch.randn(4, 6), instance_variance=0.25),
        provenance=Provenance("job-1", 0, 5, 4, 4, specifications.source(generator)),
        generator=generator,
    )
    save_mre(model, folder / "mre")
    learning = held_out(40, 0)
    save_fusion(_metric_and(Direct.RIDGE), folder / "mre")
    accuracy = replace(fitted(learning, fitted_fusion(learning)), difficulty=np.zeros(4))
    save_accuracy(accuracy, folder / "mre")
    return folder / "mre", folder / "zoo"


def _metric_and(score: str) -> FittedFusion:
    weights = Weights(np.array([0.5, 0.5]), 0.4, np.array([1.0, 0.3]))
    return FittedFusion((METRIC, score), {2: weights})
