"""Checks of an ONNX file before anything is made of it; whoever wrote it is a stranger.

A file is a protobuf message. It may point to other files, hold graphs within its graph, bring
functions of its own, or claim tensors that it does not hold: none of this is followed, all of it
is refused. What passes is one graph of known operators, whose tensors lie in the file, whole and
finite.
"""

from collections.abc import Iterator
from math import prod
from typing import Any, Final

import numpy as np

from synlearn.errors import InputError
from synlearn.extras import optional
from synlearn.zoo.formats.onnx_operators import DOMAINS, OPERATORS
from synlearn.zoo.formats.onnx_shapes import skeleton

FILE_LIMIT: Final = 2**30
"""Bytes; protobuf itself cannot read more than twice that."""
_NODES: Final = 20_000
_NAME: Final = 500
_AXES: Final = 8
_GRAPH, _GRAPHS, _SPARSE, _SPARSES = 5, 10, 11, 12
"""Of AttributeProto.AttributeType."""
_FLOATS: Final = frozenset({1, 10, 11})
"""float32, float16 and float64, of TensorProto.DataType."""
_DTYPES: Final = {
    1: ("float_data", 4), 2: ("int32_data", 1), 3: ("int32_data", 1), 6: ("int32_data", 4),
    7: ("int64_data", 8), 9: ("int32_data", 1), 10: ("int32_data", 2), 11: ("double_data", 8),
}  # fmt: skip
"""By TensorProto.DataType: the field of its numbers, and bytes of each in `raw_data`."""


def parse_model(data: bytes, where: str) -> Any:  # noqa: ANN401  # protobuf
    """Parse and check a file; returns a `ModelProto`.

    Args:
        data: The file.
        where: Names it in error messages.

    Raises:
        InputError: The package onnx is missing, or the file is too large, or is no ONNX model, or
            holds what no model may hold; the sentence says what.
    """
    if len(data) > FILE_LIMIT:
        raise InputError(
            f"{where} has {len(data)} bytes; an ONNX model may have {FILE_LIMIT}: use a smaller "
            "model."
        )
    onnx = optional("onnx")
    try:
        model = onnx.ModelProto.FromString(data)
    except Exception as error:  # of protobuf, by implementation
        raise _broken(where) from error
    if not model.graph.node:
        raise _broken(where)
    _check_texts(model, where)
    _forget_unused_domains(model)
    check_model(model, where)
    try:
        onnx.checker.check_model(skeleton(model))  # it copies what it checks
    except Exception as error:  # ValidationError, and others where text is no text
        raise InputError(
            f"{where} breaks ONNX's own rules ({_first_line(error)}); export the model again."
        ) from error
    return model


def _forget_unused_domains(model: Any) -> None:  # noqa: ANN401
    """Drop sets of operators that are declared and not used; converters declare some always."""
    used = {node.domain for node in model.graph.node}
    own = [entry for entry in model.opset_import if entry.domain in used | DOMAINS]
    if len(own) < len(model.opset_import):
        kept = [(entry.domain, entry.version) for entry in own]
        del model.opset_import[:]
        for domain, version in kept:
            model.opset_import.add(domain=domain, version=version)


def check_model(model: Any, where: str) -> None:  # noqa: ANN401
    """Check everything that a parsed model may not hold; raises InputError."""
    if model.functions:
        raise InputError(
            f"{where} brings functions of its own, which are not run; inline them "
            "(onnx.inliner.inline_local_functions) and add the model again."
        )
    if model.training_info:
        raise InputError(f"{where} holds a training graph; export the model for inference.")
    graph = model.graph
    if graph.sparse_initializer:
        raise InputError(f"{where} holds sparse tensors; export the model with dense ones.")
    if len(graph.node) > _NODES or len(graph.initializer) > _NODES:
        raise InputError(
            f"{where} has {len(graph.node)} operators and {len(graph.initializer)} tensors; at "
            f"most {_NODES} of each are read."
        )
    for node in graph.node:
        if node.domain not in DOMAINS:
            raise _foreign(where, f"the operator {_named(f'{node.domain}.{node.op_type}')}")
        _check_attributes(node, where)
        if node.op_type not in OPERATORS:
            raise _foreign(where, f"the operator {_named(node.op_type)}")
    for tensor in graph.initializer:
        check_tensor(tensor, where)


def check_tensor(tensor: Any, where: str) -> None:  # noqa: ANN401
    """Check that a tensor lies in the file, has the size it claims, and is finite.

    Raises:
        InputError: It does not.
    """
    what = f"{where}: tensor {_named(tensor.name)}"
    if tensor.external_data or tensor.data_location:
        raise InputError(
            f"{what} points to another file, which is never read; save the model with its weights "
            "in one file (onnx.save without external data)."
        )
    if tensor.data_type not in _DTYPES:
        raise InputError(
            f"{what} is of a type that models here do not have (number {tensor.data_type}); "
            "export the model with float32 weights."
        )
    dims = list(tensor.dims)
    if len(dims) > _AXES or any(not 0 <= size <= FILE_LIMIT for size in dims):
        raise InputError(f"{what} has the shape {dims[: _AXES + 1]}; export the model again.")
    field, size = _DTYPES[tensor.data_type]
    count = prod(dims)
    held = len(tensor.raw_data) // size if tensor.raw_data else len(getattr(tensor, field))
    if held != count or (tensor.raw_data and len(tensor.raw_data) != count * size):
        raise InputError(
            f"{what} claims {count} numbers and holds {held}; it is truncated or made up, so "
            "fetch or export the model again."
        )
    if tensor.data_type in _FLOATS and not np.isfinite(_floats(tensor)).all():
        raise InputError(
            f"{what} holds values that are not finite (NaN or infinity); train the model again."
        )


def _floats(tensor: Any) -> np.ndarray:  # noqa: ANN401
    if tensor.raw_data:
        return np.frombuffer(tensor.raw_data, {1: "<f4", 10: "<f2", 11: "<f8"}[tensor.data_type])
    if tensor.data_type == 10:  # the bits of a half stand in a whole number
        return np.array(tensor.int32_data, np.int64).astype(np.uint16).view(np.float16)
    return np.array(tensor.float_data if tensor.data_type == 1 else tensor.double_data)


def _check_attributes(node: Any, where: str) -> None:  # noqa: ANN401
    for attribute in node.attribute:
        kind = attribute.type
        graphs = attribute.HasField("g") or attribute.graphs or kind in (_GRAPH, _GRAPHS)
        if graphs:
            raise _foreign(where, f"{_named(node.op_type)} with a graph of its own (a loop)")
        if (
            attribute.HasField("sparse_tensor")
            or attribute.sparse_tensors
            or kind in (_SPARSE, _SPARSES)
            or attribute.ref_attr_name
        ):
            raise _foreign(where, f"{_named(node.op_type)} with an attribute of an unusual kind")
        if attribute.HasField("t"):
            check_tensor(attribute.t, where)
        for tensor in attribute.tensors:
            check_tensor(tensor, where)


def _check_texts(model: Any, where: str) -> None:  # noqa: ANN401
    """Refuse names that are too long, and texts that are none: protobuf hands those out as bytes.

    Raises:
        InputError: There is one.
    """
    for name in _names(model):
        if not isinstance(name, str):
            raise _broken(where)
        if len(name) > _NAME:
            raise InputError(
                f"{where} has a name of {len(name)} characters; at most {_NAME} are read."
            )
    for entry in model.metadata_props:
        if not (isinstance(entry.key, str) and isinstance(entry.value, str)):
            raise _broken(where)


def _names(model: Any) -> Iterator[object]:  # noqa: ANN401
    graph = model.graph
    yield from (entry.domain for entry in model.opset_import)
    yield graph.name
    for node in graph.node:
        yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
        yield from (attribute.name for attribute in node.attribute)
    for own in (*graph.initializer, *graph.input, *graph.output):
        yield own.name


def _broken(where: str) -> InputError:
    return InputError(
        f"{where} cannot be read as an ONNX model: it is truncated or something else; fetch or "
        "export it again."
    )


def _foreign(where: str, what: str) -> InputError:
    return InputError(
        f"{where} has {what}, which models here may not have: only ONNX's own operators without "
        "loops, branches and randomness are run; export the model with plain operators."
    )


def _named(name: str) -> str:
    return repr(name[:80])


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:200] if lines else type(error).__name__
