"""Networks without shortcuts: AlexNet, VGG (without and with normalisation), SqueezeNet."""

from typing import Final

from torch import nn

from synlearn.fennec.reference.blocks import Branches

_VGG: Final = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Convolutions of each of the five stages."""


def alexnet() -> nn.Module:
    """AlexNet on one device (Krizhevsky, 2014), for 224 x 224 images."""
    features: list[nn.Module] = [
        nn.Conv2d(3, 64, 11, stride=4, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2),
    ]
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        features += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return nn.Sequential(
        *features,
        nn.MaxPool2d(3, stride=2),
        nn.AdaptiveAvgPool2d(6),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(256 * 36, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 1000),
    )


def vgg(depth: int, *, normalised: bool) -> nn.Module:
    """VGG (Simonyan and Zisserman, 2015), for 224 x 224 images."""
    layers: list[nn.Module] = []
    channels = 3
    for stage, count in enumerate(_VGG[depth]):
        outputs = min(64 * 2**stage, 512)
        for _ in range(count):
            layers.append(nn.Conv2d(channels, outputs, 3, padding=1))
            layers += [nn.BatchNorm2d(outputs)] if normalised else []
            layers.append(nn.ReLU())
            channels = outputs
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(
        *layers,
        nn.AdaptiveAvgPool2d(7),
        nn.Flatten(),
        nn.Linear(512 * 49, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(4096, 1000),
    )


def squeezenet(version: str) -> nn.Module:
    """SqueezeNet 1.0 or 1.1 (Iandola et al., 2016)."""
    old = version == "1.0"
    stem = nn.Conv2d(3, 96, 7, stride=2) if old else nn.Conv2d(3, 64, 3, stride=2)
    layers: list[nn.Module] = [stem, nn.ReLU(), nn.MaxPool2d(3, stride=2, ceil_mode=True)]
    pools = (2, 6) if old else (1, 3)
    channels = 96 if old else 64
    for place, squeezed in enumerate((16, 16, 32, 32, 48, 48, 64, 64)):
        layers.append(_fire(channels, squeezed))
        channels = 8 * squeezed
        if place in pools:
            layers.append(nn.MaxPool2d(3, stride=2, ceil_mode=True))
    return nn.Sequential(
        *layers,
        nn.Dropout(),
        nn.Conv2d(512, 1000, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


def _fire(inputs: int, squeezed: int) -> nn.Module:
    out = 4 * squeezed
    return nn.Sequential(
        nn.Conv2d(inputs, squeezed, 1),
        nn.ReLU(),
        Branches(
            nn.Sequential(nn.Conv2d(squeezed, out, 1), nn.ReLU()),
            nn.Sequential(nn.Conv2d(squeezed, out, 3, padding=1), nn.ReLU()),
        ),
    )
