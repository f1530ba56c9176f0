"""Residual networks: ResNet, its wide, grouped, gated and pre-activated kin, and RegNet."""

from collections.abc import Callable
from typing import Final

from torch import nn

from synlearn.fennec.reference.blocks import Gate, Residual, classifier, conv_norm

DEPTHS: Final = {
    10: (1, 1, 1, 1),
    14: (2, 2, 1, 1),
    18: (2, 2, 2, 2),
    26: (3, 3, 3, 3),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}
"""Blocks of each of the four stages; from 50 layers on they are bottlenecks."""

_Block = Callable[[int, int, int], nn.Module]
"""Input channels, output channels, stride."""


def resnet(
    depth: int, *, width: int = 64, groups: int = 1, gated: bool = False, expansion: int = 4
) -> nn.Module:
    """ResNet (He et al., 2016), and by its options ResNeXt, wide ResNet and SE-ResNet.

    width: Channels of the first stage's inner convolutions, all groups together.
    """
    bottleneck = depth >= 50

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        inner = outputs // expansion * width // 64
        path = (
            [
                conv_norm(inputs, inner, 1),
                conv_norm(inner, inner, 3, stride, groups=groups),
                conv_norm(inner, outputs, 1, activation=None),
            ]
            if bottleneck
            else [
                conv_norm(inputs, outputs, 3, stride),
                conv_norm(outputs, outputs, 3, activation=None),
            ]
        )
        if gated:
            path.append(nn.Sequential(Gate(outputs, outputs // 16, nn.ReLU)))
        return Residual(nn.Sequential(*path), _shortcut(inputs, outputs, stride), nn.ReLU())

    return _staged(DEPTHS[depth], block, expansion if bottleneck else 1)


def preresnet(depth: int) -> nn.Module:
    """ResNet with normalisation and activation before each convolution (He et al., 2016b)."""
    bottleneck = depth >= 50
    expansion = 4 if bottleneck else 1

    def block(inputs: int, outputs: int, stride: int) -> nn.Module:
        inner = outputs // expansion
        shapes = (
            [(inputs, inner, 1, 1), (inner, inner, 3, stride), (inner, outputs, 1, 1)]
            if bottleneck
            else [(inputs, outputs, 3, stride), (outputs, outputs, 3, 1)]
        )
        path = [_before(*shape) for shape in shapes]
        same = inputs == outputs and stride == 1
        shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        return Residual(nn.Sequential(*path), shortcut, None)

    last = nn.Sequential(nn.BatchNorm2d(512 * expansion), nn.ReLU())
    return _staged(DEPTHS[depth], block, expansion, last)


def regnet(
    widths: tuple[int, ...], depths: tuple[int, ...], group: int, *, gated: bool
) -> nn.Module:
    """RegNetX or, gated, RegNetY (Radosavovic et al., 2020)."""
    layers: list[nn.Module] = [conv_norm(3, 32, 3, 2)]
    channels = 32
    for width, depth in zip(widths, depths, strict=True):
        for place in range(depth):
            stride = 2 if place == 0 else 1
            path = [
                conv_norm(channels, width, 1),
                conv_norm(width, width, 3, stride, groups=width // group),
                *([Gate(width, channels // 4, nn.ReLU)] if gated else []),
                conv_norm(width, width, 1, activation=None),
            ]
            layers.append(
                Residual(nn.Sequential(*path), _shortcut(channels, width, stride), nn.ReLU())
            )
            channels = width
    return nn.Sequential(*layers, classifier(channels))


def _staged(
    depths: tuple[int, ...], block: _Block, expansion: int, last: nn.Module | None = None
) -> nn.Module:
    layers: list[nn.Module] = [conv_norm(3, 64, 7, 2), nn.MaxPool2d(3, stride=2, padding=1)]
    channels = 64
    for stage, depth in enumerate(depths):
        outputs = 64 * 2**stage * expansion
        for place in range(depth):
            layers.append(block(channels, outputs, 2 if place == 0 and stage > 0 else 1))
            channels = outputs
    return nn.Sequential(*layers, *([last] if last else []), classifier(channels))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module:
    if inputs == outputs and stride == 1:
        return nn.Identity()
    return conv_norm(inputs, outputs, 1, stride, activation=None)


def _before(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    return nn.Sequential(
        nn.BatchNorm2d(inputs),
        nn.ReLU(),
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
    )
