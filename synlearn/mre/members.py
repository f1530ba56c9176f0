"""Layers with a leading axis of members: several metrics trained side by side as one computation.

Members differ in their starting weights alone. Their mean is the score, and their spread says how
sure it is.
"""

import math

import torch
from torch import Tensor, nn


class MemberLinear(nn.Module):
    """One affine map for each member: (members, ..., inputs) to (members, ..., outputs)."""

    bias: nn.Parameter | None

    def __init__(
        self,
        members: int,
        inputs: int,
        outputs: int,
        generator: torch.Generator,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(_uniform((members, inputs, outputs), inputs, generator))
        self.register_parameter(
            "bias",
            nn.Parameter(_uniform((members, 1, outputs), inputs, generator)) if bias else None,
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Apply each member's map to its own rows."""
        rows = inputs.flatten(1, -2)
        if self.bias is None:
            mapped = torch.bmm(rows, self.weight)
        else:
            mapped = torch.baddbmm(self.bias, rows, self.weight)
        return mapped.reshape(*inputs.shape[:-1], -1)


def _uniform(shape: tuple[int, ...], inputs: int, generator: torch.Generator) -> Tensor:
    bound = 1 / math.sqrt(inputs)
    return (2 * torch.rand(shape, generator=generator) - 1) * bound
