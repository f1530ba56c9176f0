from pathlib import Path
from typing import Any

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.fennec.onnx_graph import onnx_graph
from synlearn.fennec.runtime_graph import runtime_graph
from synlearn.fennec.weisfeiler_lehman import subtree_words
from synlearn.zoo.architectures import Conv, Flatten, Linear, Relu, architecture, build_module

onnx = pytest.importorskip("onnx", reason="needs onnx")
helper: Any = pytest.importorskip("onnx.helper")


def exported(path: Path, *, dropout: bool = False) -> None:
    """Write picture-cnn as an exporter would."""
    network = architecture("picture-cnn")
    nodes, initial, last = [], [], "image"
    for name, layer in network.layers:
        inputs, kind = [last], ""
        attributes: dict[str, int | list[int]] = {}
        match layer:
            case Conv(_, _, kernel, stride, padding):
                kind = "Conv"
                attributes = {
                    "kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [padding] * 4
                }  # fmt: skip
            case Linear():
                kind, attributes = "Gemm", {"transB": 1}
            case Relu():
                kind = "Relu"
            case Flatten():
                kind = "Flatten"
        if kind in ("Conv", "Gemm"):
            for part in ("weight", "bias"):
                shape = network.tensor_shapes()[f"{name}.{part}"]
                tensor = onnx.numpy_helper.from_array(np.zeros(shape, np.float32), f"{name}.{part}")
                initial.append(tensor)
                inputs.append(tensor.name)
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        last = name
        if dropout:
            nodes.append(helper.make_node("Dropout", [last], [f"{name}.kept"]))
            last = f"{name}.kept"
    of_image = helper.make_tensor_value_info("image", 1, [1, 3, 32, 32])
    of_output = helper.make_tensor_value_info(last, 1, [1, 10])
    graph = helper.make_graph(nodes, "picture-cnn", [of_image], [of_output], initial)
    path.write_bytes(helper.make_model(graph).SerializeToString())


@pytest.mark.parametrize("dropout", [False, True])
def test_an_exported_model_has_the_graph_that_pytorch_runs(tmp_path: Path, dropout: bool) -> None:
    exported(tmp_path / "m.onnx", dropout=dropout)
    ours = runtime_graph(build_module(architecture("picture-cnn")), (3, 32, 32))
    theirs = onnx_graph(tmp_path / "m.onnx")
    assert sorted(theirs.types) == sorted(ours.types)
    assert len(theirs.edges) == len(ours.edges)
    assert sorted(subtree_words(theirs)) == sorted(subtree_words(ours))


def test_what_is_no_onnx_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    with pytest.raises(InputError, match="cannot be read"):
        onnx_graph(path)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(InputError, match="not an ONNX model"):
        onnx_graph(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="no operator"):
        onnx_graph(path)
