"""Where an ONNX graph takes images, gives classes, and has its features: found, or asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from synlearn.errors import InputError
from synlearn.zoo.formats.onnx_shapes import Shapes, shapes_of

_FLOAT32: Final = 1
_PASSED: Final = frozenset(
    {"Identity", "Cast", "Dropout", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Softmax"}
    | {"LogSoftmax", "Add", "Sub", "Mul", "Div", "QuantizeLinear", "DequantizeLinear"}
)
"""Operators after the last layer: a bias, a temperature, a softmax, a change of shape or type."""
_SHAPED: Final = frozenset({"Identity", "Cast", "Flatten", "Reshape", "Squeeze", "Unsqueeze"})


class Layout(StrEnum):
    """The order of a batch's axes."""

    NCHW = "NCHW"
    NHWC = "NHWC"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever adds a model says about its ends; None where the graph shall tell.

    Attributes:
        classes: How many outputs it has.
        size: (height, width) in pixels, needed where the graph leaves them open.
        layout: Needed where the graph's shape fits both.
        output: Name of the tensor with a number for each class.
        features: Name of the tensor with the features.
    """

    classes: int
    size: tuple[int, int] | None = None
    layout: Layout | None = None
    output: str | None = None
    features: str | None = None


@dataclass(frozen=True, slots=True)
class Ends:
    """The ends of a graph.

    Attributes:
        images: Name of its input.
        layout: Order of that input's axes.
        shape: (channels, height, width) of an image.
        batch: Images at a time where the graph fixes it, which can only be at 1; else None.
        output: Name of the tensor with a number for each class.
        probabilities: Those are probabilities; otherwise a softmax makes them.
        features: Name of the tensor with the features.
        shapes: Of all tensors, for one image.
    """

    images: str
    layout: Layout
    shape: tuple[int, int, int]
    batch: int | None
    output: str
    probabilities: bool
    features: str
    shapes: Shapes

    @property
    def width(self) -> int | None:
        """Numbers of the features; None where only a run can tell."""
        return width_of(self.shapes.get(self.features))


def find_ends(model: Any, wishes: Wishes, where: str) -> Ends:  # noqa: ANN401  # protobuf
    """Find the ends of a checked model.

    Raises:
        InputError: There is no such end, or more than one; the sentence says which option decides.
    """
    images, axes = _images(model.graph, where)
    layout = _layout(axes, wishes.layout, where)
    shape = _shape(axes, layout, wishes.size, where)
    batch = axes[0]
    if batch not in (None, 1):
        raise InputError(
            f"{where} takes {batch} images at a time; export it for batches of any size."
        )
    one = (1, *shape) if layout is Layout.NCHW else (1, *shape[1:], shape[0])
    shapes = shapes_of(model, images, one, where)
    output = _output(model.graph, shapes, wishes, where)
    producers = {name: node for node in model.graph.node for name in node.output}
    last = _last(producers, output)
    if last == "Sigmoid":
        raise InputError(
            f"{where} ends in a sigmoid, so that its classes do not exclude each other; models "
            "here give one class for an image: export it with a softmax, or without the sigmoid."
        )
    features = wishes.features or _before_head(model.graph, producers, output, where)
    if features not in producers:
        raise InputError(
            f"{where} computes no tensor {features[:80]!r}; name one with --features, such as "
            f"{', '.join(_vectors(model.graph, shapes)) or 'none: it has no vector'}."
        )
    if features in shapes and width_of(shapes[features]) is None and None not in shapes[features]:
        raise InputError(
            f"{where}: tensor {features[:80]!r} has the shape {shapes[features][1:]} for an image; "
            "features are one vector, so name a tensor after the pooling with --features."
        )
    return Ends(images, layout, shape, batch, output, last == "Softmax", features, shapes)


def width_of(axes: tuple[int | None, ...] | None) -> int | None:
    """Return the length of each image's vector; None where it is none, or unknown.

    A vector has the shape (n, f), or (n, f, 1, 1) as poolings leave it.
    """
    if axes is None or len(axes) < 2 or any(axis != 1 for axis in axes[2:]):
        return None
    return axes[1]


def _images(graph: Any, where: str) -> tuple[str, tuple[int | None, ...]]:  # noqa: ANN401
    weights = {tensor.name for tensor in graph.initializer}
    inputs = [own for own in graph.input if own.name not in weights]
    if len(inputs) != 1:
        raise InputError(
            f"{where} has {len(inputs)} inputs; a model here has one, a batch of images."
        )
    (own,) = inputs
    kind = own.type.tensor_type
    if kind.elem_type != _FLOAT32:
        raise InputError(
            f"{where} takes images of another type than float32 (number {kind.elem_type}); export "
            "it with a float32 input."
        )
    axes = tuple(
        dim.dim_value if dim.HasField("dim_value") and dim.dim_value > 0 else None
        for dim in kind.shape.dim
    )
    if len(axes) != 4:
        raise InputError(
            f"{where} takes arrays of {len(axes)} axes; images have four: batch, channels, height "
            "and width."
        )
    return own.name, axes


def _layout(axes: tuple[int | None, ...], wish: Layout | None, where: str) -> Layout:
    fits = [
        layout
        for layout, axis in ((Layout.NCHW, axes[1]), (Layout.NHWC, axes[3]))
        if axis in (1, 3)
    ]
    if wish is not None and (wish in fits or not fits):
        return wish
    if wish is None and len(fits) == 1:
        return fits[0]
    shown = ", ".join("?" if axis is None else str(axis) for axis in axes)
    raise InputError(
        f"{where} takes arrays ({shown}), where channels (1 or 3) "
        + (
            f"do not stand as in {wish}; leave --layout out."
            if wish is not None
            else "cannot be told from sides; say which with --layout NCHW or NHWC."
        )
    )


def _shape(
    axes: tuple[int | None, ...], layout: Layout, size: tuple[int, int] | None, where: str
) -> tuple[int, int, int]:
    channels, *sides = (
        (axes[1], axes[2], axes[3]) if layout is Layout.NCHW else (axes[3], axes[1], axes[2])
    )
    if None in sides and size is None:
        raise InputError(
            f"{where} leaves the size of images open; give the one it was trained at with --size."
        )
    fixed = tuple(own or wish for own, wish in zip(sides, size or (0, 0), strict=True))
    if size is not None and fixed != size:
        raise InputError(
            f"{where} takes images of {sides[0]} x {sides[1]} pixels, not {size[0]} x {size[1]}; "
            "leave --size out."
        )
    return channels or 3, fixed[0], fixed[1]


def _output(graph: Any, shapes: Shapes, wishes: Wishes, where: str) -> str:  # noqa: ANN401
    names = [str(own.name) for own in graph.output]
    if wishes.output is not None:
        if wishes.output not in names:
            raise InputError(
                f"{where} has no output {wishes.output[:80]!r}; it has {', '.join(names)[:300]}."
            )
        names = [wishes.output]
    widths = {name: width_of(shapes.get(name)) for name in names}
    fits = [name for name, width in widths.items() if width == wishes.classes]
    if not fits:
        fits = [name for name in names if name not in shapes or None in shapes[name]]
    if len(fits) == 1:
        return fits[0]
    if fits:
        raise InputError(
            f"{where} has {len(fits)} outputs that could be classes ({', '.join(fits)[:300]}); "
            "name one with --output."
        )
    found = ", ".join(f"{name[:80]}: {shapes[name][1:]}" for name in names)
    raise InputError(
        f"{where} has no output of {wishes.classes} numbers an image, one for each class of the "
        f"list (it has {found}); correct the list of classes."
    )


def _last(producers: Mapping[str, Any], name: str) -> str:
    """The operator that makes the values of a tensor, whatever it is shaped by afterwards."""
    for _ in range(len(producers)):
        node = producers.get(name)
        if node is None:
            return ""
        if node.op_type not in _SHAPED:
            return str(node.op_type)
        name = str(node.input[0])
    return ""


def _before_head(graph: Any, producers: Mapping[str, Any], name: str, where: str) -> str:  # noqa: ANN401
    """The input of the last Gemm or MatMul, from which nothing but its bias leads to the output."""
    constant = _constants(graph)
    for _ in range(len(producers)):
        node = producers.get(name)
        if node is None:
            break
        data = [own for own in node.input if own and own not in constant]
        if len(data) != 1:
            break
        if node.op_type in ("Gemm", "MatMul") and data[0] == node.input[0]:
            return _unshaped(producers, str(data[0]))
        if node.op_type not in _PASSED:
            break
        name = data[0]
    raise InputError(
        f"{where} does not end in a linear layer (Gemm or MatMul), so its features cannot be "
        "found; name the tensor with --features."
    )


def _unshaped(producers: Mapping[str, Any], name: str) -> str:
    """The same numbers where a type or a training-time dropout was all that came after."""
    node = producers.get(name)
    return _unshaped(producers, node.input[0]) if node and node.op_type == "Identity" else name


def _constants(graph: Any) -> set[str]:  # noqa: ANN401
    """Names of all tensors that do not depend on the images."""
    found = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        if all(name in found for name in node.input if name):
            found.update(node.output)
    return found


def _vectors(graph: Any, shapes: Shapes) -> Iterator[str]:  # noqa: ANN401
    """Names of the last few tensors that are one vector for each image."""
    names = [name for node in graph.node for name in node.output]
    fits = [name for name in names if (width_of(shapes.get(name)) or 0) > 1]
    yield from (name[:80] for name in fits[-3:])
