"""What answers ask of models, wherever these are computed: in this process or in a worker."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from synlearn.mre.backbone import BackboneSpec
from synlearn.mre.pretraining import HingeSum
from synlearn.zoo.networks import Network

Float32 = npt.NDArray[np.float32]
Floating = npt.NDArray[np.floating]


class Stack(Protocol):
    """Models of one architecture, or ONNX models of the same sizes, evaluated together."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Their digests, in the order of the first axis everywhere."""
        ...

    @property
    def architecture(self) -> Network:
        """Of each of them."""
        ...

    def __len__(self) -> int: ...

    def select(self, rows: Sequence[int]) -> "Stack":
        """Those in these places, in this order."""
        ...

    def predict(self, images: Floating) -> Float32:
        """What every model says about every image.

        Args:
            images: (n, channels, height, width), values in [0, 1].

        Returns:
            (m, n, outputs).

        Raises:
            InputError: The models take images of another shape.
            Refused: MODEL_UNUSABLE, a worker gave up on a model.
        """
        ...

    def features(self, images: Floating) -> Float32:
        """What every model computes of every image before its last layer.

        Args:
            images: As in `predict`.

        Returns:
            (m, n, width).

        Raises:
            InputError: As in `predict`, or the architecture does not end in a linear layer.
            Refused: As in `predict`.
        """
        ...


@dataclass(frozen=True, slots=True)
class ModelGroup:
    """Those of a question's models that share an architecture.

    Attributes:
        positions: (g,) of the models in the question.
        models: g of them, in this order.
    """

    positions: npt.NDArray[np.int64]
    models: Stack


class Embedding(Protocol):
    """A task feature backbone, `g_mu`; its parameters stay where they are."""

    @property
    def spec(self) -> BackboneSpec:
        """Its sizes."""
        ...

    def __call__(self, images: Tensor, /) -> Tensor:
        """Map (n, channels, height, width) images to (n, features), rows of unit length.

        Raises:
            Refused: MODEL_UNUSABLE, a worker gave up on the backbone.
        """
        ...


class Models(Protocol):
    """Model files, named by their digests, and what can be computed with them.

    Not thread-safe: it belongs to the one thread that computes answers. All methods raise `Refused`
    (MODEL_UNUSABLE) where a file cannot be used.
    """

    @property
    def elsewhere(self) -> bool:
        """Whether another process computes, so that this one may do something meanwhile."""
        ...

    def stack(self, digests: tuple[str, ...], files: Mapping[str, bytes]) -> Stack:
        """Models of one architecture."""
        ...

    def groups(
        self, digests: tuple[str, ...], files: Mapping[str, bytes]
    ) -> tuple[ModelGroup, ...]:
        """Models of any architectures, in stacks of one each."""
        ...

    def backbone(self, digest: str, data: bytes, precision: str | None = None) -> Embedding:
        """A backbone, in float32 or float64; as its file has it where nothing is asked for."""
        ...

    def hinge_gradient(self, digest: str, data: bytes, rows: Tensor, margin: float) -> HingeSum:
        """See `synlearn.mre.pretraining.hinge_gradient`; in the precision of the rows."""
        ...

    def local_update(
        self, digest: str, data: bytes, batches: Iterable[Tensor], margin: float, rate: float
    ) -> HingeSum:
        """See `synlearn.mre.pretraining.local_update`; in the precision of the first batch."""
        ...
