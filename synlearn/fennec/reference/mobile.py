"""Networks for small devices: MobileNet v1 and v2, MnasNet, EfficientNet, ShuffleNet v2."""

from collections.abc import Callable, Sequence
from math import ceil
from typing import Final

import torch
from torch import Tensor, nn

from synlearn.fennec.reference.blocks import Gate, Residual, classifier, conv_norm

_Stage = tuple[int, int, int, int, int]
"""Expansion, channels, repeats, stride, kernel."""

_V2: Final[tuple[_Stage, ...]] = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 32, 3, 2, 3), (6, 64, 4, 2, 3),
    (6, 96, 3, 1, 3), (6, 160, 3, 2, 3), (6, 320, 1, 1, 3),
)  # fmt: skip
_MNAS: Final[tuple[_Stage, ...]] = (
    (3, 24, 3, 2, 3), (3, 40, 3, 2, 5), (6, 80, 3, 2, 5),
    (6, 96, 2, 1, 3), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip
_EFFICIENT: Final[tuple[_Stage, ...]] = (
    (1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3),
)  # fmt: skip


def mobilenet_v1(width: float = 1.0) -> nn.Module:
    """MobileNet (Howard et al., 2017)."""
    channels = _eights(32 * width)
    layers: list[nn.Module] = [conv_norm(3, channels, 3, 2)]
    steps = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2))
    for outputs, stride in (*steps, *[(512, 1)] * 5, (1024, 2), (1024, 1)):
        wide = _eights(outputs * width)
        layers += [
            conv_norm(channels, channels, 3, stride, groups=channels),
            conv_norm(channels, wide, 1),
        ]
        channels = wide
    return nn.Sequential(*layers, classifier(channels))


def mobilenet_v2(width: float = 1.0) -> nn.Module:
    """MobileNet v2 (Sandler et al., 2018)."""
    first = _eights(32 * width)
    stages = [(e, _eights(c * width), n, s, k) for e, c, n, s, k in _V2]
    last = _eights(1280 * max(1.0, width))
    return nn.Sequential(
        conv_norm(3, first, 3, 2, activation=nn.ReLU6),
        *_inverted(first, stages, nn.ReLU6, gated=False),
        conv_norm(stages[-1][1], last, 1, activation=nn.ReLU6),
        classifier(last),
    )


def mnasnet(width: float = 1.0) -> nn.Module:
    """MnasNet B1 (Tan et al., 2019)."""
    first, second = _eights(32 * width), _eights(16 * width)
    stages = [(e, _eights(c * width), n, s, k) for e, c, n, s, k in _MNAS]
    return nn.Sequential(
        conv_norm(3, first, 3, 2),
        conv_norm(first, first, 3, groups=first),
        conv_norm(first, second, 1, activation=None),
        *_inverted(second, stages, nn.ReLU, gated=False),
        conv_norm(stages[-1][1], 1280, 1),
        classifier(1280),
    )


def efficientnet(width: float, depth: float) -> nn.Module:
    """EfficientNet (Tan and Le, 2019): b0 is (1, 1), b1 (1, 1.1), b2 (1.1, 1.2), b3 (1.2, 1.4)."""
    first = _eights(32 * width)
    stages = [(e, _eights(c * width), ceil(n * depth), s, k) for e, c, n, s, k in _EFFICIENT]
    last = _eights(1280 * width)
    return nn.Sequential(
        conv_norm(3, first, 3, 2, activation=nn.SiLU),
        *_inverted(first, stages, nn.SiLU, gated=True),
        conv_norm(stages[-1][1], last, 1, activation=nn.SiLU),
        classifier(last),
    )


def shufflenet_v2(widths: tuple[int, int, int, int]) -> nn.Module:
    """ShuffleNet v2 (Ma et al., 2018)."""
    layers: list[nn.Module] = [conv_norm(3, 24, 3, 2), nn.MaxPool2d(3, stride=2, padding=1)]
    channels = 24
    for width, repeats in zip(widths, (4, 8, 4), strict=False):
        layers += [_Shuffled(channels, width, 2)]
        layers += [_Shuffled(width, width, 1) for _ in range(repeats - 1)]
        channels = width
    return nn.Sequential(*layers, conv_norm(channels, widths[3], 1), classifier(widths[3]))


def _inverted(
    channels: int,
    stages: Sequence[_Stage],
    activation: Callable[[], nn.Module],
    *,
    gated: bool,
) -> list[nn.Module]:
    """Inverted residual blocks: widen, convolve by channel, gate where wanted, narrow."""
    layers: list[nn.Module] = []
    for expansion, outputs, repeats, first_stride, kernel in stages:
        for place in range(repeats):
            stride = first_stride if place == 0 else 1
            inner = channels * expansion
            path: list[nn.Module] = []
            if expansion > 1:
                path.append(conv_norm(channels, inner, 1, activation=activation))
            path.append(
                conv_norm(inner, inner, kernel, stride, groups=inner, activation=activation)
            )
            if gated:
                path.append(Gate(inner, max(1, channels // 4), activation))
            path.append(conv_norm(inner, outputs, 1, activation=None))
            block = nn.Sequential(*path)
            kept = stride == 1 and channels == outputs
            layers.append(Residual(block, nn.Identity(), None) if kept else block)
            channels = outputs
    return layers


class _Shuffled(nn.Module):
    """A unit of ShuffleNet v2: half of the channels pass, then both halves are interleaved."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        self.passed: nn.Module | None = None
        if stride > 1:
            self.passed = nn.Sequential(
                conv_norm(inputs, inputs, 3, stride, groups=inputs, activation=None),
                conv_norm(inputs, half, 1),
            )
        self.path = nn.Sequential(
            conv_norm(inputs if stride > 1 else half, half, 1),
            conv_norm(half, half, 3, stride, groups=half, activation=None),
            conv_norm(half, half, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.passed is None:
            left, right = x.chunk(2, dim=1)
        else:
            left, right = self.passed(x), x
        both = torch.cat([left, self.path(right)], dim=1)
        n, channels, height, width = both.shape
        turned = both.view(n, 2, channels // 2, height, width).transpose(1, 2)
        return turned.reshape(n, channels, height, width)


def _eights(channels: float) -> int:
    """The nearest multiple of eight, at most a tenth below."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded
