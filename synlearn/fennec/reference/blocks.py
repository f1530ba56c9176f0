"""What several families are built of."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def conv_norm(
    inputs: int,
    outputs: int,
    kernel: int | tuple[int, int],
    stride: int = 1,
    *,
    groups: int = 1,
    padding: int | tuple[int, int] | None = None,
    activation: Callable[[], nn.Module] | None = nn.ReLU,
) -> nn.Sequential:
    """Convolution without bias, batch normalisation and, unless None, an activation.

    padding: As much as keeps the size at stride 1, where it is None.
    """
    if padding is None:
        padding = kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2)
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, *([activation()] if activation else []))


def classifier(features: int, classes: int = 1000) -> nn.Sequential:
    """Global average pooling and one linear layer."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(features, classes))


class Gate(nn.Module):
    """Squeeze and excitation: channels weighted by what their means say (Hu et al., 2018)."""

    def __init__(self, channels: int, squeezed: int, activation: Callable[[], nn.Module]) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeezed, 1)
        self.activation = activation()
        self.excite = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Weigh the channels of maps, (n, channels, h, w)."""
        pooled = nn.functional.adaptive_avg_pool2d(x, 1)
        return x * torch.sigmoid(self.excite(self.activation(self.squeeze(pooled))))


class Branches(nn.Module):
    """The outputs of several branches side by side, as channels."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """Run every branch on the same maps."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class Residual(nn.Module):
    """The sum of a path and a shortcut, then, unless None, an activation."""

    def __init__(self, path: nn.Module, shortcut: nn.Module, activation: nn.Module | None) -> None:
        super().__init__()
        self.path, self.shortcut, self.activation = path, shortcut, activation

    def forward(self, x: Tensor) -> Tensor:
        """Add the two paths."""
        merged: Tensor = self.path(x) + self.shortcut(x)
        return merged if self.activation is None else self.activation(merged)
