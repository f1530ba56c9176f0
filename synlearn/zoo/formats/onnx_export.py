"""Our own architectures as ONNX graphs, and ONNX graphs with another head."""

from itertools import count
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from synlearn.extras import optional
from synlearn.zoo.architectures import Conv, Flatten, Linear, Relu
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.torch import ModelFile

_OPSET, _IR = 17, 8

Float32 = NDArray[np.float32]


def graph_of(model: ModelFile) -> bytes:
    """Return a model as an ONNX file that any runtime can use; tensors are named after layers.

    Its input `images` is (n, channels, height, width) float32 in [0, 1]; its output is that of the
    last layer.

    Raises:
        InputError: The package onnx is missing.
    """
    onnx = optional("onnx")
    node, array = onnx.helper.make_node, onnx.numpy_helper.from_array
    nodes, last = [], "images"
    for name, layer in model.architecture.layers:
        parts = [f"{name}.weight", f"{name}.bias"]
        match layer:
            case Conv(_, _, kernel, stride, padding):
                sizes = {
                    "kernel_shape": [kernel] * 2,
                    "strides": [stride] * 2,
                    "pads": [padding] * 4,
                }
                nodes.append(node("Conv", [last, *parts], [name], **sizes))
            case Linear():
                nodes.append(node("Gemm", [last, *parts], [name], transB=1))
            case Relu():
                nodes.append(node("Relu", [last], [name]))
            case Flatten():
                nodes.append(node("Flatten", [last], [name]))
        last = name
    network = model.architecture
    graph = onnx.helper.make_graph(
        nodes,
        network.name,
        [onnx.helper.make_tensor_value_info("images", 1, [None, *network.input_shape])],
        [onnx.helper.make_tensor_value_info(last, 1, [None, network.outputs])],
        [array(model.tensors[name].numpy(), name) for name in network.tensor_shapes()],
    )
    opsets = [onnx.helper.make_opsetid("", _OPSET)]
    made = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=_IR)
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def with_head(model: OnnxFile, weights: Float32, biases: Float32) -> bytes:
    """Return a model's graph up to its features, with a linear layer of ours after them.

    What only the former head needed is left out.

    Args:
        model: As a zoo keeps it.
        weights: (classes, features).
        biases: (classes,).
    """
    onnx = optional("onnx")
    whole = onnx.ModelProto.FromString(model.data)
    graph = whole.graph
    nodes, needed = _behind(graph, model.header.features)
    taken = needed.union(*(own.output for own in nodes))
    head = next(
        name
        for name in (f"synlearn_head_{number}" for number in count(1))
        if not any(own.startswith(f"{name}_") for own in taken)
    )
    initial = [own for own in graph.initializer if own.name in needed]
    flat, classes = f"{head}_features", f"{head}_classes"
    nodes += [
        onnx.helper.make_node("Flatten", [model.header.features], [flat]),
        onnx.helper.make_node(
            "Gemm", [flat, f"{head}_weight", f"{head}_bias"], [classes], transB=1
        ),
    ]
    initial += [
        onnx.numpy_helper.from_array(np.ascontiguousarray(own, np.float32), f"{head}_{name}")
        for name, own in (("weight", weights), ("bias", biases))
    ]
    weightless = {own.name for own in graph.initializer}
    inputs = [own for own in graph.input if own.name not in weightless]
    output = onnx.helper.make_tensor_value_info(classes, 1, [None, len(weights)])
    made = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, graph.name or "graph", inputs, [output], initial),
        opset_imports=list(whole.opset_import),
        ir_version=max(4, whole.ir_version),  # before, weights had to be inputs as well
    )
    data: bytes = made.SerializeToString(deterministic=True)
    return data


def _behind(graph: Any, name: str) -> tuple[list[Any], set[str]]:  # noqa: ANN401  # protobuf
    """The nodes that a tensor is computed by, in order, and names of all that they take."""
    needed, nodes = {name}, []
    for node in reversed(graph.node):  # in the order of computation, as ONNX has it
        if needed.intersection(node.output):
            needed.update(node.input)
            nodes.append(node)
    return nodes[::-1], needed


def trained_numbers(model: Any) -> int:  # noqa: ANN401
    """Count the numbers in a graph's weights, those in floating point."""
    return sum(prod(own.dims) for own in model.graph.initializer if own.data_type in (1, 10, 11))
