"""The files that nodes would pull: models, and the backbone as it changes."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from coordinator.estimate.models import LearningZoo
from coordinator.holdings import Counts
from coordinator.job_sections import Pretraining
from coordinator.pretraining import backbone_spec
from protocols.limits import KEPT_FILES
from synlearn.mre.backbone import Backbone, save_backbone


@dataclass(frozen=True, slots=True)
class Files:
    """What is pulled.

    Attributes:
        models: How many model files are asked about.
        model_bytes: Of them, each once.
        backbone_bytes: Of one state of the backbone.
        backbones: How many states of it are pulled.
        holders: Who keeps files: the local processes of an embedded federation, else the sites.
        fits: Whether a holder has room for all of them; if not, each pass over the models pulls
            them again.
        holder_bytes: That each holder pulls.
    """

    models: int
    model_bytes: int
    backbone_bytes: int
    backbones: int
    holders: int
    fits: bool
    holder_bytes: int

    @property
    def bytes(self) -> int:
        """That all holders pull."""
        return self.holders * self.holder_bytes


def files_of(
    settings: Pretraining, passes: Iterable[Counts], zoo: LearningZoo, holders: int
) -> Files:
    """What a job has nodes pull.

    Args:
        settings: The job's [pretraining].
        passes: Positions of the models that nodes look at, pass by pass.
        zoo: The models.
        holders: How many keep files.
    """
    asked, repeated = np.zeros(len(zoo), bool), 0
    for models in passes:
        asked[models] = True
        repeated += int(zoo.sizes[models].sum())
    once = int(zoo.sizes[asked].sum())
    backbone = len(save_backbone(Backbone(backbone_spec(settings, zoo.shape[0]))))
    # The last one is pulled anew for target datasets, and stays the same from then on.
    states = 1 + (0 if settings.mode == "off" else settings.rounds)
    fits = once + backbone <= KEPT_FILES
    return Files(
        models=int(asked.sum()),
        model_bytes=once,
        backbone_bytes=backbone,
        backbones=states,
        holders=holders,
        fits=fits,
        holder_bytes=(once if fits else repeated) + states * backbone,
    )
