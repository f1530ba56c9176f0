"""What a network computes, as a directed graph of operations: the input of archi2vec."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class ArchitectureGraph:
    """A directed acyclic graph; data flows along its edges.

    Attributes:
        types: Type of each node's operation, such as "ConvolutionBackward0"; PyTorch's names.
        edges: (from, to) positions in `types`.

    Raises:
        InputError: There is no node, or an edge leads nowhere.
    """

    types: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        count = len(self.types)
        if not count or any(not (0 <= a < count and 0 <= b < count) for a, b in self.edges):
            raise InputError(
                "An architecture's graph has no node, or an edge to none; read it anew."
            )


PAPER_TYPES: Final = (
    "AdaptiveAvgPool2DBackward0", "AdaptiveMaxPool2DBackward0", "AddBackward0", "AddmmBackward0",
    "AvgPool2DBackward0", "AvgPool3DBackward0", "CatBackward0", "CloneBackward0",
    "ConstantPadNdBackward0", "ConvolutionBackward0", "DivBackward0", "ExpandBackward0",
    "HardtanhBackward0", "IndexSelectBackward0", "MaxBackward0", "MaxPool2DWithIndicesBackward0",
    "MeanBackward1", "MulBackward0", "NativeBatchNormBackward0", "Variable", "PowBackward0",
    "PreluBackward0", "ReluBackward0", "RepeatBackward0", "ReshapeAliasBackward0",
    "SigmoidBackward0", "SliceBackward0", "SoftmaxBackward0", "SplitWithSizesBackward0",
    "SqueezeBackward1", "SumBackward1", "TBackward0", "TransposeBackward0", "UnsqueezeBackward0",
    "UpsampleBilinear2DBackward1", "UpsampleNearest2DBackward1", "ViewBackward0",
)  # fmt: skip
"""The 37 node types of the paper (Table 6). Other types keep PyTorch's name for them: nothing below
depends on the list."""

VARIABLE: Final = "Variable"
"""A trained tensor."""

RENAMED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "AccumulateGrad": VARIABLE,  # what the autograd graph has in its place
        "CudnnBatchNormBackward0": "NativeBatchNormBackward0",
        "MkldnnConvolutionBackward0": "ConvolutionBackward0",
        "ReshapeAliasBackward0": "ViewBackward0",
        "UnsafeViewBackward0": "ViewBackward0",
    }
)
"""Names that differ by machine, version of PyTorch or layout in memory, and mean the same."""
