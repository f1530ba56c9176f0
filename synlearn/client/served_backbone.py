"""The service's backbone, at work on this side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from synlearn.client.road import About, ServiceError
from synlearn.mre.backbone import Backbone, load_backbone
from synlearn.mre.classification_model import means_of
from synlearn.mre.features import features_of
from synlearn.mre.storage import BACKBONE
from synlearn.mre.task_means import TaskMeans, numbered


@dataclass(frozen=True, slots=True)
class ServedBackbone:
    """Turns examples into what is sent.

    Attributes:
        backbone: As it was fetched.
        classifies: Whether tasks are known class by class.
    """

    backbone: Backbone
    classifies: bool

    @classmethod
    def fetched(cls, about: About, file: Callable[[str], bytes]) -> Self:
        """Fetch it; nothing in it is imported or run but tensors of a known architecture.

        Raises:
            ServiceError: It is of another kind than the service says.
            InputError: It is damaged.
        """
        backbone = load_backbone(file(BACKBONE))
        if backbone.spec.features != about.features:
            raise ServiceError("the service's backbone is not the one that it describes.")
        return cls(backbone.eval(), about.kind == "classification")

    def task_means(self, images: ArrayLike, labels: ArrayLike | None) -> TaskMeans:
        """What the service knows a task by.

        Raises:
            InputError: The examples do not fit.
        """
        features = features_of(self.backbone, images)
        if self.classifies:
            return means_of(features, labels)
        mean = features.mean(dim=0, keepdim=True)
        return TaskMeans(mean.numpy(), np.array([len(features)]), numbered(1))
