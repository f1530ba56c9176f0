"""An ONNX model's graph, in the types that a PyTorch model of the same architecture would have."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.fennec.architecture_graph import VARIABLE, ArchitectureGraph

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Add": "AddBackward0",
        "AveragePool": "AvgPool2DBackward0",
        "BatchNormalization": "NativeBatchNormBackward0",
        "Clip": "HardtanhBackward0",
        "Concat": "CatBackward0",
        "Conv": "ConvolutionBackward0",
        "Div": "DivBackward0",
        "Expand": "ExpandBackward0",
        "Flatten": "ViewBackward0",
        "Gather": "IndexSelectBackward0",
        "Gemm": "AddmmBackward0",
        "GlobalAveragePool": "MeanBackward1",
        "GlobalMaxPool": "AdaptiveMaxPool2DBackward0",
        "MatMul": "MmBackward0",
        "MaxPool": "MaxPool2DWithIndicesBackward0",
        "Mul": "MulBackward0",
        "PRelu": "PreluBackward0",
        "Pad": "ConstantPadNdBackward0",
        "Pow": "PowBackward0",
        "ReduceMax": "MaxBackward0",
        "ReduceMean": "MeanBackward1",
        "ReduceSum": "SumBackward1",
        "Relu": "ReluBackward0",
        "Reshape": "ViewBackward0",
        "Resize": "UpsampleNearest2DBackward1",
        "Sigmoid": "SigmoidBackward0",
        "Slice": "SliceBackward0",
        "Softmax": "SoftmaxBackward0",
        "Split": "SplitWithSizesBackward0",
        "Squeeze": "SqueezeBackward1",
        "Tile": "RepeatBackward0",
        "Transpose": "TransposeBackward0",
        "Unsqueeze": "UnsqueezeBackward0",
    }
)
"""Operators that PyTorch has under another name; any other keeps its own."""

_PASSED: Final = frozenset({"Cast", "Constant", "ConstantOfShape", "Dropout", "Identity", "Shape"})
"""Operators that leave data as they are in inference, or that carry no data of the network."""
_TRAINED_INPUTS: Final[Mapping[str, tuple[int, ...]]] = MappingProxyType(
    {"BatchNormalization": (1, 2), "Reshape": (), "Clip": (), "Pad": (), "Resize": (), "Slice": ()}
)
"""Which inputs are trained tensors, where not all initial values are."""


def onnx_graph(path: Path) -> ArchitectureGraph:
    """Read the graph of an ONNX file; weights in other files are not looked for.

    Raises:
        InputError: The package onnx is missing, or the file is no ONNX model, or has no operator.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check the path.") from error
    return graph_of_bytes(data, str(path))


def graph_of_bytes(data: bytes, where: str) -> ArchitectureGraph:
    """Read the graph of the bytes of an ONNX file; `where` names it in error messages.

    Raises:
        InputError: As `onnx_graph`.
    """
    onnx = optional("onnx")
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # of protobuf, by implementation
        raise InputError(f"{where} is not an ONNX model; export it again.") from error
    reader = _Reader(model.graph)
    if not reader.types:
        raise InputError(f"{where} holds no operator that carries data; export the model again.")
    return ArchitectureGraph(tuple(reader.types), tuple(reader.edges))


class _Reader:
    """Goes through an ONNX graph once; its nodes come in the order of computation."""

    def __init__(self, graph: Any) -> None:  # noqa: ANN401  # protobuf
        self.types: list[str] = []
        self.edges: list[tuple[int, int]] = []
        self._initial = {tensor.name for tensor in graph.initializer}
        self._source: dict[str, int] = {}
        for node in graph.node:
            self._read(node)

    def _read(self, node: Any) -> None:  # noqa: ANN401
        if node.op_type in _PASSED:
            origin = self._source.get(node.input[0]) if node.input else None
            if origin is not None:
                self._source.update(dict.fromkeys(node.output, origin))
            return
        trained = _TRAINED_INPUTS.get(node.op_type, tuple(range(len(node.input))))
        inputs = [
            self._input(node, place, name, trained=place in trained)
            for place, name in enumerate(node.input)
        ]
        own = self._add(TYPES.get(node.op_type, node.op_type))
        self.edges += [(source, own) for source in inputs if source is not None]
        self._source.update(dict.fromkeys(node.output, own))

    def _input(self, node: Any, place: int, name: str, *, trained: bool) -> int | None:  # noqa: ANN401
        """The node that an input comes from; None where it is the network's own, or a constant."""
        if name not in self._initial:
            return self._source.get(name)
        if not trained:
            return None
        if name not in self._source:
            self._source[name] = self._add(VARIABLE)
        if node.op_type == "Gemm" and place == 1 and _turned(node):
            turn = self._add("TBackward0")
            self.edges.append((self._source[name], turn))
            return turn
        return self._source[name]

    def _add(self, kind: str) -> int:
        self.types.append(kind)
        return len(self.types) - 1


def _turned(node: Any) -> bool:  # noqa: ANN401
    return any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
