"""Model files, parsed once for all nodes of a process.

Keyed by digest, so what one node has pulled and parsed serves the next. Files are data: weights
for an architecture of our own registry, or a checked graph of known operators (ONNX), never code.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from protocols.errors import Code, Refused
from provider.model_api import Float32, Floating, ModelGroup
from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone, load_backbone
from synlearn.mre.pretraining import HingeSum, hinge_gradient, local_update
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.formats.any_format import AnyModel, from_bytes
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.networks import Network
from synlearn.zoo.onnx_stack import OnnxStack
from synlearn.zoo.stacked import StackedModels

T = TypeVar("T")


class LocalStack(StackedModels):
    """Models evaluated in this process."""

    __slots__ = ()

    def features(self, images: Floating) -> Float32:
        """See `provider.model_api.Stack`."""
        return penultimate_features(self, images)


AnyStack = LocalStack | OnnxStack


class _Recent(Generic[T]):
    """Keeps the last few values made."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[tuple[str, ...], T] = OrderedDict()

    def get(self, key: tuple[str, ...], make: Callable[[], T]) -> T:
        if key not in self._values:
            self._values[key] = make()
            if len(self._values) > self._size:
                self._values.popitem(last=False)
        self._values.move_to_end(key)
        return self._values[key]


class ModelCache:
    """`Models` in this process: the last few backbones, stacks and groups stay parsed."""

    elsewhere = False

    def __init__(self, backbones: int = 4, stacks: int = 16, groups: int = 2) -> None:
        self._backbones: _Recent[Backbone] = _Recent(backbones)
        self._stacks: _Recent[AnyStack] = _Recent(stacks)
        self._groups: _Recent[tuple[ModelGroup, ...]] = _Recent(groups)

    def backbone(self, digest: str, data: bytes, precision: str | None = None) -> Backbone:
        """Return the backbone in `data`; the caller must not change its parameters.

        Args:
            digest: Of the file.
            data: The file.
            precision: float32 or float64; as the file has it where nothing is asked for.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            found = self._backbones.get((digest,), lambda: load_backbone(data))
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=f"backbone {digest[:12]}: {error}") from error
        return found if precision is None else as_precision(found, precision)

    def hinge_gradient(self, digest: str, data: bytes, rows: Tensor, margin: float) -> HingeSum:
        """See `provider.model_api.Models`."""
        return hinge_gradient(self.backbone(digest, data, precision_of(rows)), rows, margin)

    def local_update(
        self, digest: str, data: bytes, batches: Iterable[Tensor], margin: float, rate: float
    ) -> HingeSum:
        """See `provider.model_api.Models`."""
        waiting = iter(batches)
        first = next(waiting)
        backbone = private_copy(self.backbone(digest, data, precision_of(first)))
        return local_update(backbone, chain((first,), waiting), margin, rate)

    def stack(self, digests: tuple[str, ...], files: Mapping[str, bytes]) -> AnyStack:
        """Return the models of `digests`, in this order, as one stack.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            return self._stacks.get(
                digests,
                lambda: stack_of(digests, [parse(digest, files) for digest in digests]),
            )
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error

    def groups(
        self, digests: tuple[str, ...], files: Mapping[str, bytes]
    ) -> tuple[ModelGroup, ...]:
        """Return the models of `digests`, whatever their architectures, in stacks of one each.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            return self._groups.get(
                digests,
                lambda: tuple(
                    ModelGroup(np.array(positions, np.int64), models)
                    for positions, models in group_models(digests, files)
                ),
            )
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def parse(digest: str, files: Mapping[str, bytes]) -> AnyModel:
    """Parse the model of this digest; raises InputError."""
    return from_bytes(files[digest], f"model {digest[:12]}")


def stack_of(ids: Sequence[str], models: Sequence[AnyModel]) -> AnyStack:
    """Stack models.

    Raises:
        InputError: There are none, or they differ in format or architecture.
    """
    graphs = [model for model in models if isinstance(model, OnnxFile)]
    ours = [model for model in models if isinstance(model, ModelFile)]
    if graphs and ours:
        raise InputError(
            "Models in ONNX and in safetensors cannot be evaluated together; ask for them apart."
        )
    return OnnxStack.of(ids, graphs) if graphs else LocalStack.of(ids, ours)


def group_models(
    digests: tuple[str, ...], files: Mapping[str, bytes]
) -> tuple[tuple[tuple[int, ...], AnyStack], ...]:
    """Parse models and stack those of one architecture, with their positions in `digests`.

    Raises:
        InputError: A file cannot be used.
    """
    parsed = [parse(digest, files) for digest in digests]
    positions: list[list[int]] = []
    for position, model in enumerate(parsed):
        for alike in positions:
            if _network(parsed[alike[0]]) == _network(model):
                alike.append(position)
                break
        else:
            positions.append([position])
    return tuple(
        (tuple(alike), stack_of([digests[i] for i in alike], [parsed[i] for i in alike]))
        for alike in positions
    )


def _network(model: AnyModel) -> Network:
    return model.network if isinstance(model, OnnxFile) else model.architecture


def precision_of(rows: Tensor) -> str:
    """Name of the rows' dtype."""
    return str(rows.dtype).removeprefix("torch.")


def as_precision(backbone: Backbone, precision: str) -> Backbone:
    """Return the backbone with its parameters in float32 or float64; itself where they are."""
    dtype = getattr(torch, precision)
    if next(backbone.parameters()).dtype == dtype:
        return backbone
    return private_copy(backbone).to(dtype)


def private_copy(backbone: Backbone) -> Backbone:
    """Return a copy whose parameters may be changed."""
    return copy.deepcopy(backbone)
