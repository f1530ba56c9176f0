"""The reference architectures by name and family, and their graphs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

import torch
from torch import nn

from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.reference.dense import densenet
from synlearn.fennec.reference.inception import googlenet, inception_v3
from synlearn.fennec.reference.mobile import (
    efficientnet,
    mnasnet,
    mobilenet_v1,
    mobilenet_v2,
    shufflenet_v2,
)
from synlearn.fennec.reference.plain import alexnet, squeezenet, vgg
from synlearn.fennec.reference.residual import preresnet, regnet, resnet
from synlearn.fennec.runtime_graph import runtime_graph


@dataclass(frozen=True, slots=True)
class Reference:
    """One architecture. family: name of its kin; build: makes it; side: of its input images."""

    family: str
    build: Callable[[], nn.Module]
    side: int = 224

    def on_meta(self) -> nn.Module:
        """Build it without memory for its weights."""
        with torch.device("meta"):
            return self.build()

    def graph(self) -> ArchitectureGraph:
        """Read its run-time graph, without arithmetic."""
        return runtime_graph(self.on_meta(), (3, self.side, self.side))


def _family(name: str, members: Mapping[str, Callable[[], nn.Module]]) -> dict[str, Reference]:
    return {member: Reference(name, build) for member, build in members.items()}


_EFFICIENT: Final = {"b0": (1.0, 1.0), "b1": (1.0, 1.1), "b2": (1.1, 1.2), "b3": (1.2, 1.4)}
_SHUFFLE: Final = {
    "x0_5": (48, 96, 192, 1024),
    "x1_0": (116, 232, 464, 1024),
    "x1_5": (176, 352, 704, 1024),
    "x2_0": (244, 488, 976, 2048),
}
_REGNET_X: Final = {
    "200mf": ((24, 56, 152, 368), (1, 1, 4, 7), 8),
    "400mf": ((32, 64, 160, 400), (1, 2, 7, 12), 16),
    "600mf": ((48, 96, 240, 528), (1, 3, 5, 7), 24),
    "800mf": ((64, 128, 288, 672), (1, 3, 7, 5), 16),
    "1.6gf": ((72, 168, 408, 912), (2, 4, 10, 2), 24),
}
_REGNET_Y: Final = {
    "200mf": ((24, 56, 152, 368), (1, 1, 4, 7), 8),
    "400mf": ((48, 104, 208, 440), (1, 3, 6, 6), 8),
    "600mf": ((48, 112, 256, 608), (1, 3, 7, 4), 16),
    "800mf": ((64, 128, 320, 768), (1, 3, 8, 2), 16),
    "1.6gf": ((48, 120, 336, 888), (2, 6, 17, 2), 24),
}

REFERENCES: Final[Mapping[str, Reference]] = MappingProxyType(
    {
        **_family("AlexNet", {"alexnet": alexnet}),
        **_family("VGG", {f"vgg{d}": partial(vgg, d, normalised=False) for d in (11, 13, 16, 19)}),
        **_family(
            "VGG, normalised",
            {f"vgg{d}_bn": partial(vgg, d, normalised=True) for d in (11, 13, 16, 19)},
        ),
        **_family("SqueezeNet", {f"squeezenet{v}": partial(squeezenet, v) for v in ("1.0", "1.1")}),
        **_family(
            "ResNet, basic", {f"resnet{d}": partial(resnet, d) for d in (10, 14, 18, 26, 34)}
        ),
        **_family("ResNet, bottleneck", {f"resnet{d}": partial(resnet, d) for d in (50, 101, 152)}),
        **_family(
            "PreResNet", {f"preresnet{d}": partial(preresnet, d) for d in (10, 14, 18, 26, 34)}
        ),
        **_family(
            "SE-ResNet",
            {f"se_resnet{d}": partial(resnet, d, gated=True) for d in (10, 14, 18, 26, 34)},
        ),
        **_family("DenseNet", {f"densenet{d}": partial(densenet, d) for d in (121, 161, 169, 201)}),
        **_family("GoogLeNet", {"googlenet": googlenet}),
        "inception_v3": Reference("Inception", inception_v3, 299),
        **_family(
            "MobileNet", {f"mobilenet_{w}": partial(mobilenet_v1, w) for w in (0.25, 0.5, 1.0)}
        ),
        **_family(
            "MobileNet v2",
            {f"mobilenet_v2_{w}": partial(mobilenet_v2, w) for w in (0.5, 1.0)},
        ),
        **_family("MnasNet", {f"mnasnet_{w}": partial(mnasnet, w) for w in (0.5, 1.0)}),
        **_family(
            "EfficientNet",
            {f"efficientnet_{v}": partial(efficientnet, *s) for v, s in _EFFICIENT.items()},
        ),
        **_family(
            "ShuffleNet v2",
            {f"shufflenet_{v}": partial(shufflenet_v2, s) for v, s in _SHUFFLE.items()},
        ),
        **_family(
            "RegNetX",
            {f"regnetx_{v}": partial(regnet, *s, gated=False) for v, s in _REGNET_X.items()},
        ),
        **_family(
            "RegNetY",
            {f"regnety_{v}": partial(regnet, *s, gated=True) for v, s in _REGNET_Y.items()},
        ),
    }
)
