"""ONNX that others hand over: files as exporters write them, and as a zoo keeps them."""

from collections.abc import Sequence
from random import Random
from typing import Any

from synlearn.zoo.formats.onnx import from_bytes
from synlearn.zoo.formats.onnx_ends import Wishes, find_ends
from synlearn.zoo.formats.onnx_operators import OPERATORS
from synlearn.zoo.formats.onnx_safety import parse_model
from tests.fuzz.mutation import ODD_INTEGERS, edited, json_document
from tests.fuzz.parsers import parsed
from tests.fuzz.target import Target
from tests.onnx_models import classifier, exported, kept, onnx

_OPERATORS = (*sorted(OPERATORS), "Loop", "If", "RandomNormal", "Own", "")
_NAMES = ("", "images", "head", "relu4", "nowhere", "conv1.weight", "n" * 600)


def graph(data: bytes, random: Random) -> bytes:
    """Another file: a part of the message changed, or bytes of it."""
    try:
        model = onnx.ModelProto.FromString(data)
        _change(model, random)
        made: bytes = model.SerializeToString()
    except (
        Exception
    ):  # of protobuf, by implementation: a part that is not there, a text that is none
        return edited(data, random)
    return made


def _change(model: Any, random: Random) -> None:  # noqa: ANN401  # protobuf
    match random.randrange(9):
        case 0:
            random.choice(model.graph.node).op_type = random.choice(_OPERATORS)
        case 1:
            tensor = random.choice(model.graph.initializer)
            tensor.dims[random.randrange(len(tensor.dims))] = random.choice(ODD_INTEGERS)
        case 2:
            tensor = random.choice(model.graph.initializer)
            tensor.raw_data = edited(tensor.raw_data, random)
        case 3:
            node = random.choice(model.graph.node)
            names = random.choice([node.input, node.output])
            names[random.randrange(len(names))] = random.choice(_NAMES)
        case 4:
            attribute = random.choice(random.choice(model.graph.node).attribute)
            values = attribute.ints or [0]
            values[random.randrange(len(values))] = random.choice(ODD_INTEGERS)
        case 5:
            axes = random.choice([*model.graph.input, *model.graph.output]).type.tensor_type
            random.choice(axes.shape.dim).dim_value = random.choice(ODD_INTEGERS)
        case 6:
            entry = random.choice(model.metadata_props)
            entry.value = json_document(entry.value.encode(), random).decode(errors="replace")
        case 7:
            random.choice(model.graph.initializer).data_type = random.randrange(-1, 25)
        case _:
            del model.graph.node[random.randrange(len(model.graph.node))]


def run_graph(data: bytes) -> None:
    """A file that was read has ends that are in it; nothing is run."""
    kept_one = parsed(lambda: from_bytes(data, "the model"))
    if kept_one is not None:
        assert kept_one.network.outputs == kept_one.header.classes > 0
        assert kept_one.header.input.is_sound
    model = parsed(lambda: parse_model(data, "the model"))
    if model is None:
        return
    ends = parsed(lambda: find_ends(model, Wishes(3), "the model"))
    if ends is not None:
        made = {name for node in model.graph.node for name in node.output}
        assert ends.features in made
        assert ends.batch in (None, 1)
        assert all(side > 0 for side in ends.shape)


def _seeds() -> Sequence[bytes]:
    model = classifier()
    return [
        kept(model),
        exported(model, softmax=True).SerializeToString(),
        exported(model, nhwc=True).SerializeToString(),
    ]


TARGET = Target("onnx", run_graph, _seeds, graph, largest=2**20)
