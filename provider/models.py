"""Model files, parsed once for all nodes of a process.

Keyed by digest, so what one node has pulled and parsed serves the next. Files are data: weights
for an architecture of our own registry, never code.
"""

import copy
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
import torch

from protocols.errors import Code, Refused
from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone, load_backbone
from synlearn.zoo.formats.torch import from_bytes
from synlearn.zoo.stacked import StackedModels, stack_files

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Those of a question's models that share an architecture.

    Attributes:
        positions: (g,) of the models in the question.
        models: g of them, in this order.
    """

    positions: npt.NDArray[np.int64]
    models: StackedModels


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
    """Parsed backbones, stacks and groups of models, the last few of each.

    Not thread-safe: it belongs to the one thread of a process that computes answers.
    """

    def __init__(self, backbones: int = 4, stacks: int = 16, groups: int = 2) -> None:
        self._backbones: _Recent[Backbone] = _Recent(backbones)
        self._stacks: _Recent[StackedModels] = _Recent(stacks)
        self._groups: _Recent[tuple[ModelGroup, ...]] = _Recent(groups)

    def backbone(self, digest: str, data: bytes) -> Backbone:
        """Return the backbone in `data`; the caller must not change its parameters.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            return self._backbones.get((digest,), lambda: load_backbone(data))
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=f"backbone {digest[:12]}: {error}") from error

    def stack(self, digests: tuple[str, ...], files: dict[str, bytes]) -> StackedModels:
        """Return the models of `digests`, in this order, as one stack.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            return self._stacks.get(
                digests, lambda: stack_files([files[digest] for digest in digests])
            )
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error

    def groups(self, digests: tuple[str, ...], files: dict[str, bytes]) -> tuple[ModelGroup, ...]:
        """Return the models of `digests`, whatever their architectures, in stacks of one each.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        try:
            return self._groups.get(digests, lambda: _group(digests, files))
        except InputError as error:
            raise Refused(Code.MODEL_UNUSABLE, local=str(error)) from error


def _group(digests: tuple[str, ...], files: dict[str, bytes]) -> tuple[ModelGroup, ...]:
    parsed = [from_bytes(files[digest], f"model {digest[:12]}") for digest in digests]
    positions: list[list[int]] = []
    for position, model in enumerate(parsed):
        for alike in positions:
            if parsed[alike[0]].architecture == model.architecture:
                alike.append(position)
                break
        else:
            positions.append([position])
    return tuple(
        ModelGroup(
            np.array(alike, np.int64),
            StackedModels.of([digests[i] for i in alike], [parsed[i] for i in alike]),
        )
        for alike in positions
    )


def as_precision(backbone: Backbone, precision: str) -> Backbone:
    """Return the backbone with its parameters in float32 or float64; itself where they are."""
    dtype = getattr(torch, precision)
    if next(backbone.parameters()).dtype == dtype:
        return backbone
    return private_copy(backbone).to(dtype)


def private_copy(backbone: Backbone) -> Backbone:
    """Return a copy whose parameters may be changed."""
    return copy.deepcopy(backbone)
