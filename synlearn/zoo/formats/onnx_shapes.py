"""What an ONNX graph makes of one image: shapes of all tensors, and the arithmetic behind them."""

from collections.abc import Mapping
from math import prod
from typing import Any, Final

from synlearn.errors import InputError
from synlearn.extras import optional

_KEPT: Final = 1024
"""Numbers of a tensor that says a shape, an axis or the like; larger ones are weights."""
LARGEST: Final = 2**26
"""Numbers of a tensor on the way from one image to its class: 256 MB in float32."""

Shapes = Mapping[str, tuple[int | None, ...]]


def skeleton(model: Any) -> Any:  # noqa: ANN401  # protobuf
    """Copy a model, but declare its weights as inputs instead of holding them."""
    onnx = optional("onnx")
    graph = model.graph
    kept = [tensor for tensor in graph.initializer if prod(tensor.dims) <= _KEPT]
    weights = [tensor for tensor in graph.initializer if prod(tensor.dims) > _KEPT]
    listed = {own.name for own in graph.input}
    bare = onnx.ModelProto()
    bare.ir_version = model.ir_version
    bare.opset_import.extend(model.opset_import)
    bare.graph.name = graph.name or "graph"
    bare.graph.node.extend(graph.node)
    bare.graph.input.extend(graph.input)
    bare.graph.output.extend(graph.output)
    bare.graph.initializer.extend(kept)
    bare.graph.input.extend(
        onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims))
        for tensor in weights
        if tensor.name not in listed
    )
    return bare


def shapes_of(model: Any, images: str, shape: tuple[int, ...], where: str) -> Shapes:  # noqa: ANN401
    """Infer the shape of every tensor for a batch of one image.

    Args:
        model: A checked `ModelProto`.
        images: Name of its input.
        shape: Of that input, with the batch.
        where: Names the file in error messages.

    Returns:
        By name; an axis that cannot be known beforehand is None. Tensors of unknown rank are
        missing.

    Raises:
        InputError: The shapes contradict each other, or a tensor is larger than `LARGEST`.
    """
    onnx = optional("onnx")
    bare = skeleton(model)
    for own in bare.graph.input:
        if own.name == images:
            own.CopyFrom(onnx.helper.make_tensor_value_info(images, 1, list(shape)))
    for own in bare.graph.output:  # what a file says of them may be a batch of another size
        own.type.tensor_type.ClearField("shape")
    try:
        inferred = onnx.shape_inference.infer_shapes(bare, strict_mode=True, data_prop=True).graph
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:200]
        raise InputError(
            f"{where} is a graph whose shapes do not fit together for images of shape "
            f"{shape[1:]} ({reason}); give the right size, or export the model again."
        ) from error
    found = {
        own.name: _axes(own)
        for own in (*inferred.value_info, *inferred.output, *inferred.input)
        if own.type.tensor_type.HasField("shape")
    }
    for name, axes in found.items():
        size = prod(axis for axis in axes if axis is not None)
        if size > LARGEST:
            raise InputError(
                f"{where}: tensor {name[:80]!r} would have {size} numbers for one image; at most "
                f"{LARGEST} are allowed, so use a smaller model."
            )
    return found


def operations_of_graph(model: Any, shapes: Shapes) -> int:  # noqa: ANN401
    """Count floating-point operations of one image: two for each product of weights and data.

    As `coordinator.estimate.operations` counts those of our own networks: convolutions and matrix
    products; what is done number by number is left out. Products of unknown shape count nothing.
    """
    known = {**shapes, **{own.name: tuple(own.dims) for own in model.graph.initializer}}
    return sum(_operations(node, known) for node in model.graph.node)


def _operations(node: Any, shapes: Shapes) -> int:  # noqa: ANN401
    if node.op_type not in ("Conv", "Gemm", "MatMul"):
        return 0
    inputs = [shapes.get(name) for name in node.input[:2]]
    made = _whole(shapes.get(node.output[0]))
    if made is None or len(inputs) < 2:
        return 0
    data, weights = inputs
    if not data or not weights:
        return 0
    if node.op_type == "Conv":
        each = _whole(weights[1:])
    else:
        turned = any(own.name == "transA" and own.i for own in node.attribute)
        each = data[0 if turned else -1]
    return 2 * made * each if each is not None else 0


def _whole(axes: tuple[int | None, ...] | None) -> int | None:
    if axes is None or any(axis is None for axis in axes):
        return None
    return prod(axis for axis in axes if axis is not None)


def _axes(own: Any) -> tuple[int | None, ...]:  # noqa: ANN401
    dims = own.type.tensor_type.shape.dim
    return tuple(dim.dim_value if dim.HasField("dim_value") else None for dim in dims)
