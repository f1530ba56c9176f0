"""The task feature backbone `g_mu`: an image in, a feature of unit length out.

Group normalisation throughout, since the statistics of a batch neither decompose over providers
nor travel with the model. The closed table `BACKBONES` is the only way from a name in a file to
code: nothing is imported by a name that came from elsewhere.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn
from torch.nn import functional

from synlearn.errors import InputError
from synlearn.strict_json import without_twins
from synlearn.tensor_header import read_header


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """Everything needed to build a backbone without its weights.

    Attributes:
        architecture: A name in `BACKBONES`.
        channels: Colour channels of an input image.
        width: Channels after the first stage; each later stage doubles them.
        features: Length of the feature vector.
    """

    architecture: str = "conv4"
    channels: int = 1
    width: int = 8
    features: int = 64

    def __post_init__(self) -> None:
        if self.architecture not in BACKBONES:
            known = ", ".join(sorted(BACKBONES))
            raise InputError(f"there is no backbone {self.architecture!r}; choose from {known}.")
        for name in ("channels", "width", "features"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= 4096:  # a bool is an int to isinstance
                raise InputError(f"backbone {name} is {value!r}; it must lie in 1..4096.")


class Backbone(nn.Module):
    """A convolutional body, global average pooling, one linear layer, L2 normalisation.

    Unit length bounds the sum of K features by K, which is what secure aggregation and
    sensitivity need.
    """

    def __init__(self, spec: BackboneSpec) -> None:
        super().__init__()
        self.spec = spec
        self.body, body_width = BACKBONES[spec.architecture](spec.channels, spec.width)
        self.head = nn.Linear(body_width, spec.features)

    def forward(self, images: Tensor) -> Tensor:
        """Map (n, channels, height, width) images in [0, 1] to (n, features), unit rows.

        Raises:
            InputError: The images have other channels, or are too small for the architecture.
        """
        least = LEAST_SIDE[self.spec.architecture]
        if images.shape[1] != self.spec.channels or min(images.shape[2:]) < least:
            raise InputError(
                f"the backbone takes images of {self.spec.channels} channel(s) and at least "
                f"{least} x {least} pixels, not of shape {tuple(images.shape[1:])}."
            )
        pooled = self.body(images).mean(dim=(2, 3))
        return functional.normalize(self.head(pooled), dim=-1)


def _normalised(channels: int) -> nn.GroupNorm:
    """Group normalisation: groups of eight channels, or the next larger size that divides them."""
    groups = next(count for count in range(max(1, channels // 8), 0, -1) if channels % count == 0)
    return nn.GroupNorm(groups, channels)


def _conv4(channels: int, width: int) -> tuple[nn.Module, int]:
    """Four strided convolutions, for CPUs: about 1.1 million MACs for a 64 x 64 input, width 8."""
    layers: list[nn.Module] = []
    for stage, kernel in enumerate((5, 3, 3, 3)):
        out = width * 2**stage
        layers += [
            nn.Conv2d(channels, out, kernel, stride=2, padding=kernel // 2, bias=False),
            _normalised(out),
            nn.ReLU(),
        ]
        channels = out
    return nn.Sequential(*layers), channels


class _Residual(nn.Module):
    """Three 3 x 3 convolutions and a projected shortcut, then max pooling by two."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(3):
            layers += [
                nn.Conv2d(channels if index == 0 else out, out, 3, padding=1, bias=False),
                _normalised(out),
            ]
            if index < 2:
                layers.append(nn.LeakyReLU(0.1))
        self.path = nn.Sequential(*layers)
        self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, bias=False), _normalised(out))

    def forward(self, inputs: Tensor) -> Tensor:
        merged = functional.leaky_relu(self.path(inputs) + self.shortcut(inputs), 0.1)
        return functional.max_pool2d(merged, 2)


def _resnet12(channels: int, width: int) -> tuple[nn.Module, int]:
    """ResNet-12 with the few-shot literature's widths 64-160-320-640 at `width` 64."""
    stages: list[nn.Module] = []
    for factor in (1.0, 2.5, 5.0, 10.0):
        out = int(width * factor)
        stages.append(_Residual(channels, out))
        channels = out
    return nn.Sequential(*stages), channels


BACKBONES: dict[str, Callable[[int, int], tuple[nn.Module, int]]] = {
    "conv4": _conv4,
    "resnet12": _resnet12,
}

LEAST_SIDE: dict[str, int] = {"conv4": 1, "resnet12": 16}
"""Pixels of the smallest image of each; resnet12 halves an image four times."""


def save_backbone(backbone: Backbone) -> bytes:
    """Return the backbone as one safetensors file, its spec in the file's metadata.

    The same backbone gives the same bytes, as the digest that names it needs; the spec is one
    entry, because safetensors writes several in random order.
    """
    weights = {name: tensor.contiguous() for name, tensor in backbone.state_dict().items()}
    spec = json.dumps(asdict(backbone.spec), sort_keys=True)
    return save(weights, metadata={"backbone": spec})


def load_backbone(data: bytes) -> Backbone:
    """Build a backbone from the bytes of `save_backbone`; digests are the caller's business.

    Raises:
        InputError: The bytes are no such file, name an unknown architecture, or hold tensors
            that do not fit it or are not finite.
    """
    try:
        said = read_header(data)["__metadata__"]["backbone"]
        spec = BackboneSpec(**json.loads(said, object_pairs_hook=without_twins))
        weights = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            "the backbone file is damaged or is no backbone; fetch it again."
        ) from error
    if {tensor.dtype for tensor in weights.values()} not in ({torch.float32}, {torch.float64}):
        raise InputError("the backbone file's tensors must all be float32, or all float64.")
    # On the meta device: a small file that names a huge architecture must not cost its memory.
    with torch.device("meta"):
        backbone = Backbone(spec)
    try:
        backbone.load_state_dict(weights, assign=True)
    except RuntimeError as error:
        raise InputError("the backbone file's tensors do not fit its architecture.") from error
    if not all(bool(torch.isfinite(tensor).all()) for tensor in weights.values()):
        raise InputError("the backbone file holds a NaN or an infinity; it cannot be used.")
    return backbone
