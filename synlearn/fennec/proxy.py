"""The proxy: one network whose features of a task's inputs stand for the task (equation 5)."""

import hashlib
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.mre.backbone import Backbone, save_backbone
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import compute_responses

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]

_AT_ONCE = 64


class Proxy(Protocol):
    """A network that every task is shown to."""

    @property
    def name(self) -> str:
        """Stands for its weights: tasks are comparable through proxies of one name only."""
        ...

    def features(self, images: Float32) -> Float64:
        """Return the mean feature, (f,), of images (n, channels, h, w) in [0, 1]."""
        ...


class BackboneProxy:
    """The MRE backbone `g_mu`, which was trained on the providers' data."""

    def __init__(self, backbone: Backbone) -> None:
        self._backbone = backbone
        self.name = f"backbone {hashlib.sha256(save_backbone(backbone)).hexdigest()}"

    def features(self, images: Float32) -> Float64:
        """See `Proxy`."""
        with torch.inference_mode():
            parts = torch.from_numpy(np.ascontiguousarray(images, np.float32)).split(_AT_ONCE)
            each = torch.cat([self._backbone(part) for part in parts])
        found: Float64 = each.double().mean(dim=0).numpy()
        return found


class ModelProxy:
    """A model of the zoo: the input of its last layer."""

    def __init__(self, zoo: Zoo, model: ModelId) -> None:
        self._zoo, self._model = zoo, model
        self.name = f"model {zoo.model_digest(model)}"

    def features(self, images: Float32) -> Float64:
        """See `Proxy`."""
        pictures = np.clip(np.rint(255 * images.transpose(0, 2, 3, 1)), 0, 255).astype(np.uint8)
        ((_, responses),) = compute_responses(self._zoo, [self._model], pictures)
        found: Float64 = responses.features.astype(np.float64).mean(axis=0)
        return found
