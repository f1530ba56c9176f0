"""The closed list of what a model worker does."""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from provider.models import AnyStack, as_precision, group_models, precision_of, private_copy
from provider.sandbox.wire import Array, Header, Message
from synlearn.mre.backbone import Backbone, load_backbone
from synlearn.mre.pretraining import HingeSum, hinge_gradient, local_update

Reply = tuple[Header, tuple[Array, ...]]


class Operations:
    """Loaded models under numbers that the node chose, and what can be done with them."""

    def __init__(self) -> None:
        self._stacks: dict[int, tuple[AnyStack, ...]] = {}
        self._backbones: dict[int, Backbone] = {}

    def run(self, message: Message, batches: Iterator[Array]) -> Reply:
        """Do what a message asks.

        Args:
            message: From the node.
            batches: The arrays of the messages that follow and belong to it.

        Raises:
            InputError: A model cannot be used.
        """
        header = message.header
        operation = _OPERATIONS[header["op"]]
        return operation(self, header, message.arrays, batches)

    def load_models(self, header: Header, files: tuple[Array, ...], _: Iterator[Array]) -> Reply:
        """Parse model files; say of which architectures they are."""
        digests = tuple(header["digests"])
        data = {name: file.tobytes() for name, file in zip(digests, files, strict=True)}
        groups = group_models(digests, data)
        self._stacks[header["handle"]] = tuple(models for _, models in groups)
        said = [
            {
                "positions": positions,
                "architecture": models.architecture.name,
                "hyperparameters": dict(models.architecture.hyperparameters),
            }
            for positions, models in groups
        ]
        return {"groups": said}, ()

    def load_backbone(self, header: Header, files: tuple[Array, ...], _: Iterator[Array]) -> Reply:
        """Parse a backbone file; say what it builds."""
        backbone = load_backbone(files[0].tobytes())
        self._backbones[header["handle"]] = backbone
        parameters = list(backbone.parameters())
        said = {
            "architecture": backbone.spec.architecture,
            "channels": backbone.spec.channels,
            "width": backbone.spec.width,
            "features": backbone.spec.features,
            "precision": precision_of(parameters[0]),
            "parameters": sum(each.numel() for each in parameters),
        }
        return said, ()

    def forget(self, header: Header, _: tuple[Array, ...], __: Iterator[Array]) -> Reply:
        """Drop what was loaded under a number."""
        self._stacks.pop(header["handle"], None)
        self._backbones.pop(header["handle"], None)
        return {}, ()

    def predict(self, header: Header, arrays: tuple[Array, ...], _: Iterator[Array]) -> Reply:
        """Outputs of a stack."""
        return {}, (self._stack(header).predict(arrays[0]),)

    def features(self, header: Header, arrays: tuple[Array, ...], _: Iterator[Array]) -> Reply:
        """Features of a stack."""
        return {}, (self._stack(header).features(arrays[0]),)

    def embed(self, header: Header, arrays: tuple[Array, ...], _: Iterator[Array]) -> Reply:
        """Features of a backbone."""
        backbone = as_precision(self._backbones[header["handle"]], header["precision"])
        with torch.inference_mode():
            found: Tensor = backbone(torch.from_numpy(arrays[0]))
        return {}, (found.numpy(),)

    def hinge_gradient(
        self, header: Header, arrays: tuple[Array, ...], _: Iterator[Array]
    ) -> Reply:
        """See `synlearn.mre.pretraining`."""
        rows = torch.from_numpy(arrays[0])
        backbone = as_precision(self._backbones[header["handle"]], precision_of(rows))
        return _hinge_sum(hinge_gradient(backbone, rows, header["margin"]))

    def local_update(self, header: Header, _: tuple[Array, ...], batches: Iterator[Array]) -> Reply:
        """See `synlearn.mre.pretraining`."""
        backbone = as_precision(self._backbones[header["handle"]], header["precision"])
        tensors = (torch.from_numpy(batch) for batch in batches)
        return _hinge_sum(
            local_update(private_copy(backbone), tensors, header["margin"], header["rate"])
        )

    def _stack(self, header: Header) -> AnyStack:
        models = self._stacks[header["handle"]][header["group"]]
        rows = header["rows"]
        return models if rows is None else models.select(rows)


_Operation = Callable[[Operations, Header, tuple[Array, ...], Iterator[Array]], Reply]
_OPERATIONS: Final[Mapping[str, _Operation]] = MappingProxyType(
    {
        "load_models": Operations.load_models,
        "load_backbone": Operations.load_backbone,
        "forget": Operations.forget,
        "predict": Operations.predict,
        "features": Operations.features,
        "embed": Operations.embed,
        "hinge_gradient": Operations.hinge_gradient,
        "local_update": Operations.local_update,
    }
)


def _hinge_sum(part: HingeSum) -> Reply:
    counts: dict[str, Any] = {
        "hinge_sum": part.hinge_sum,
        "active": part.active,
        "triplets": part.triplets,
    }
    return counts, (np.asarray(part.vector),)
