"""ONNX files for tests: our own architectures as an exporter would write them, and variations."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from synlearn.zoo.architectures import Conv, Flatten, Linear, Relu
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx import normal_form
from synlearn.zoo.formats.onnx_ends import Wishes, find_ends
from synlearn.zoo.formats.torch import ModelFile, from_bytes
from tests.classifiers import classifier_file

onnx: Any = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")
helper: Any = pytest.importorskip("onnx.helper")

Change = Callable[[Any], object]


def classifier(name: str = "a", classes: int = 3, hidden: int = 5) -> ModelFile:
    """A small untrained classifier in our own format."""
    return from_bytes(classifier_file(name, classes, hidden), name)


def exported(
    model: ModelFile, *, batch: int | None = None, softmax: bool = False, nhwc: bool = False
) -> Any:  # noqa: ANN401  # protobuf
    """The same model as an ONNX `ModelProto`; tensors are named after layers."""
    nodes, initial, last = [], [], "images"
    if nhwc:
        nodes.append(helper.make_node("Transpose", ["images"], ["turned"], perm=[0, 3, 1, 2]))
        last = "turned"
    for name, layer in model.architecture.layers:
        inputs, kind = [last], ""
        attributes: dict[str, int | list[int]] = {}
        match layer:
            case Conv(_, _, kernel, stride, padding):
                kind = "Conv"
                attributes = {
                    "kernel_shape": [kernel] * 2,
                    "strides": [stride] * 2,
                    "pads": [padding] * 4,
                }
            case Linear():
                kind, attributes = "Gemm", {"transB": 1}
            case Relu():
                kind = "Relu"
            case Flatten():
                kind = "Flatten"
        if isinstance(layer, Conv | Linear):
            for part in ("weight", "bias"):
                tensor = model.tensors[f"{name}.{part}"].numpy()
                initial.append(onnx.numpy_helper.from_array(tensor, f"{name}.{part}"))
                inputs.append(f"{name}.{part}")
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        last = name
    if softmax:
        nodes.append(helper.make_node("Softmax", [last], ["probabilities"], axis=1))
        last = "probabilities"
    channels, height, width = model.architecture.input_shape
    shape = [height, width, channels] if nhwc else [channels, height, width]
    first: int | str = "n" if batch is None else batch
    graph = helper.make_graph(
        nodes,
        "model",
        [helper.make_tensor_value_info("images", 1, [first, *shape])],
        [helper.make_tensor_value_info(last, 1, [first, model.architecture.outputs])],
        initial,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def file_of(model: Any, *changes: Change) -> bytes:  # noqa: ANN401
    """The bytes of a model, changed before."""
    for change in changes:
        change(model)
    data: bytes = model.SerializeToString()
    return data


def kept(model: ModelFile, **how: Any) -> bytes:  # noqa: ANN401
    """The same model as a zoo keeps it, without the trial."""
    network = model.architecture
    graph = exported(model, **how)
    ends = find_ends(graph, Wishes(network.outputs), "the model")
    form = InputFormat(network.input_shape, 0.0, 1.0, (0.0,) * 3, (1.0,) * 3)
    return normal_form(graph, ends, form, (network.outputs, network.features or 0))


def images(count: int = 4, side: int = 32, seed: int = 0) -> np.ndarray:
    """Made-up images, (count, 3, side, side) float32 in [0, 1]."""
    made: np.ndarray = np.random.default_rng(seed).random((count, 3, side, side), np.float32)
    return made
