"""A tiny ONNX model made in memory: a convolution, a pooling, a linear layer.

Whoever has to be sure that ONNX models can be run here, before one comes, runs this one.
"""

import numpy as np

from synlearn.extras import optional
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx import normal_form
from synlearn.zoo.formats.onnx_ends import Wishes, find_ends


def tiny_graph(side: int = 8, classes: int = 2, width: int = 3) -> bytes:
    """Return its file, as it comes from an exporter."""
    onnx = optional("onnx")
    values = np.random.default_rng(0)
    weights = {
        "conv.weight": values.normal(size=(width, 3, 3, 3)),
        "head.weight": values.normal(size=(width, classes)),
        "head.bias": values.normal(size=classes),
    }
    node = onnx.helper.make_node
    graph = onnx.helper.make_graph(
        [
            node("Conv", ["images", "conv.weight"], ["maps"], strides=[2, 2]),
            node("Relu", ["maps"], ["positive"]),
            node("GlobalAveragePool", ["positive"], ["pooled"]),
            node("Flatten", ["pooled"], ["features"]),
            node("Gemm", ["features", "head.weight", "head.bias"], ["classes"]),
        ],
        "tiny",
        [onnx.helper.make_tensor_value_info("images", 1, [None, 3, side, side])],
        [onnx.helper.make_tensor_value_info("classes", 1, [None, classes])],
        [
            onnx.numpy_helper.from_array(np.asarray(own, np.float32), name)
            for name, own in weights.items()
        ],
    )
    opsets = [onnx.helper.make_opsetid("", 17)]
    data: bytes = onnx.helper.make_model(
        graph, opset_imports=opsets, ir_version=8
    ).SerializeToString()
    return data


def tiny_model(side: int = 8, classes: int = 2, width: int = 3) -> bytes:
    """Return its file, as a zoo keeps it."""
    onnx = optional("onnx")
    model = onnx.ModelProto.FromString(tiny_graph(side, classes, width))
    ends = find_ends(model, Wishes(classes), "the tiny model")
    form = InputFormat(ends.shape, 0.0, 1.0, (0.0,) * 3, (1.0,) * 3)
    return normal_form(model, ends, form, (classes, width))
