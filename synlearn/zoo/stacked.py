"""Many models of one architecture, evaluated together.

Small models are slow one by one: each call costs more in overhead than in arithmetic. Stacked, the
convolutions of M models are one grouped convolution and their linear layers one batched matrix
product. On shared images the first convolution is even an ordinary one with M times the channels.
Measurements are in `benchmarks/stacked_models.py`.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.zoo.architectures import Architecture, Conv, Flatten, Linear, Relu
from synlearn.zoo.formats.torch import ModelFile, from_bytes

_TILE_BYTES: Final = 2_600_000
"""Largest activation of a tile of models and images. Beyond about 4 MB it leaves the processor's
cache and each call pays for fresh pages: three times slower on the machine this was measured on."""
_TILE_IMAGES: Final = 20

Stack = Mapping[str, Tensor]
"""Tensors of M models by name, each (M, *shape in the architecture), float32."""


def forward_own(architecture: Architecture, stack: Stack, images: Tensor) -> Tensor:
    """Evaluate each model on its own images.

    images: (M, n, channels, height, width) float32. Returns (M, n, outputs). Differentiable.
    """
    count = len(images)
    # Maps of all models lie side by side as channels: (n, M * channels, height, width).
    side_by_side = images.transpose(0, 1).flatten(1, 2)
    side_by_side = side_by_side.contiguous(memory_format=torch.channels_last)  # a third faster
    return _forward(architecture, stack, count, side_by_side, shared=False)


def forward_shared(architecture: Architecture, stack: Stack, images: Tensor) -> Tensor:
    """Evaluate all models on the same images.

    images: (n, channels, height, width) float32. Returns (M, n, outputs). Differentiable.
    """
    count = len(next(iter(stack.values())))
    return _forward(architecture, stack, count, images, shared=True)


def _forward(
    architecture: Architecture, stack: Stack, count: int, x: Tensor, *, shared: bool
) -> Tensor:
    """Run the layers on maps (n, count * channels, h, w), or (n, channels, h, w) while shared."""
    for name, layer in architecture.layers:
        match layer:
            case Conv(_, _, _, stride, padding):
                weight = stack[f"{name}.weight"].flatten(0, 1)
                bias = stack[f"{name}.bias"].flatten()
                groups = 1 if shared else count
                x = functional.conv2d(x, weight, bias, stride, padding, groups=groups)
                shared = False
            case Relu():
                x = x.relu_()
            case Flatten():
                x = x.flatten(1) if shared else x.reshape(len(x), count, -1).transpose(0, 1)
            case Linear():
                x = x.expand(count, *x.shape) if shared else x
                weight = stack[f"{name}.weight"].transpose(1, 2)
                x = torch.baddbmm(stack[f"{name}.bias"].unsqueeze(1), x, weight)
                shared = False
    return x


@dataclass(frozen=True, slots=True)
class StackedModels:
    """M trained models of one architecture.

    ids: (M,), their order is that of the first axis everywhere. tensors: as `Stack`.
    """

    ids: tuple[str, ...]
    architecture: Architecture
    tensors: Stack

    @classmethod
    def of(cls, ids: Sequence[str], models: Sequence[ModelFile]) -> Self:
        """Stack models; raises InputError when there are none or they differ in architecture."""
        if not models:
            raise InputError("There is no model to evaluate; name at least one.")
        architecture = models[0].architecture
        for name, model in zip(ids, models, strict=True):
            if model.architecture != architecture:
                raise InputError(
                    f"Models {ids[0]} and {name} differ in architecture and cannot be evaluated "
                    f"together; choose models of one architecture."
                )
        stack = {
            name: torch.stack([model.tensors[name] for model in models])
            for name in architecture.tensor_shapes()
        }
        return cls(tuple(ids), architecture, stack)

    def __len__(self) -> int:
        return len(self.ids)

    def tensors_of(self, row: int) -> dict[str, Tensor]:
        """Return copies of the tensors of the model in this row."""
        return {name: tensor[row].detach().clone() for name, tensor in self.tensors.items()}

    def select(self, rows: Sequence[int]) -> Self:
        """Return a stack of these rows, in this order."""
        picked = torch.as_tensor(rows, dtype=torch.int64)
        ids = tuple(self.ids[row] for row in rows)
        tensors = {name: tensor[picked] for name, tensor in self.tensors.items()}
        return replace(self, ids=ids, tensors=tensors)

    @torch.inference_mode()
    def predict(self, images: NDArray[np.uint8] | NDArray[np.floating]) -> NDArray[np.float32]:
        """Return what every model says about every image.

        images: (n, channels, height, width), or (n, height, width) for one channel; values as the
        models expect them (dSprites: 0 and 1). Returns (M, n, outputs) float32.
        Raises InputError when the images have another shape than the architecture takes.
        """
        batch = self._checked(images)
        outputs = np.empty((len(self), len(batch), self.architecture.outputs), dtype=np.float32)
        image_step = min(_TILE_IMAGES, max(1, len(batch)))
        model_step = max(1, _TILE_BYTES // (image_step * self._largest_activation_bytes()))
        for first in range(0, len(self), model_step):
            models = slice(first, first + model_step)
            part = {name: tensor[models] for name, tensor in self.tensors.items()}
            for start in range(0, len(batch), image_step):
                rows = slice(start, start + image_step)
                tile = torch.from_numpy(batch[rows].astype(np.float32))
                outputs[models, rows] = forward_shared(self.architecture, part, tile).numpy()
        return outputs

    def _checked(
        self, images: NDArray[np.uint8] | NDArray[np.floating]
    ) -> NDArray[np.uint8] | NDArray[np.floating]:
        channels, height, width = self.architecture.input_shape
        if images.ndim == 3 and channels == 1:
            images = images[:, None]
        if images.shape[1:] != (channels, height, width):
            raise InputError(
                f"Models of architecture {self.architecture.name} take images of {height} x "
                f"{width} pixels and {channels} channel(s), not arrays of shape "
                f"{tuple(images.shape)}; convert the images first."
            )
        return images

    def _largest_activation_bytes(self) -> int:
        """Return the size of the largest layer output of one model for one image."""
        _, height, width = self.architecture.input_shape
        largest = 1
        for _, layer in self.architecture.layers:
            match layer:
                case Conv(_, outputs, kernel, stride, padding):
                    height = (height + 2 * padding - kernel) // stride + 1
                    width = (width + 2 * padding - kernel) // stride + 1
                    largest = max(largest, outputs * height * width)
                case Linear(_, outputs):
                    largest = max(largest, outputs)
                case Relu() | Flatten():
                    pass
        return 4 * largest


def stack_files(files: Sequence[bytes]) -> StackedModels:
    """Stack models given as the bytes of their files; the id of each is its SHA-256, hex.

    Raises InputError when one cannot be used or they differ in architecture.
    """
    ids = [hashlib.sha256(data).hexdigest() for data in files]
    models = [from_bytes(data, f"model {name[:12]}") for name, data in zip(ids, files, strict=True)]
    return StackedModels.of(ids, models)
