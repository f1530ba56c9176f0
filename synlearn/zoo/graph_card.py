"""The card's part about an ONNX graph, and the graph in its normal form."""

from dataclasses import replace
from typing import Any, Final

from synlearn.errors import InputError
from synlearn.zoo.addition import Addition
from synlearn.zoo.card import GraphFacts, ModelCard
from synlearn.zoo.formats.input_format import InputFormat
from synlearn.zoo.formats.onnx import normal_form
from synlearn.zoo.formats.onnx_ends import Ends, Wishes, find_ends
from synlearn.zoo.formats.onnx_export import trained_numbers
from synlearn.zoo.formats.onnx_safety import parse_model
from synlearn.zoo.formats.onnx_shapes import operations_of_graph
from synlearn.zoo.networks import ONNX, OnnxNetwork

_FLOATS: Final = frozenset({1, 10, 11})


def describe_graph(
    addition: Addition, data: bytes, card: ModelCard, form: InputFormat | None, width: int | None
) -> tuple[ModelCard, bytes]:
    """Bring a graph to its normal form and write what a card says of it.

    Args:
        addition: What is said of it.
        data: The graph.
        card: All else.
        form: What its images look like; as `addition` says where None.
        width: Of its features, where it is known; else the graph has to tell.

    Raises:
        InputError: The graph cannot be used, or leaves the width of its features open.
    """
    where = str(addition.file)
    model = parse_model(data, where)
    ends = find_ends(model, wishes_of(addition), where)
    known = width or ends.width
    if known is None:
        raise InputError(f"{where} leaves the number of its features open; name others.")
    form = form or addition.input_format(ends.shape)
    described = described_by(card, model, ends, form, width=known, classes=len(addition.classes))
    return described, normal_form(model, ends, form, (len(addition.classes), known))


def wishes_of(addition: Addition) -> Wishes:
    """What whoever adds a model says about its ends."""
    return Wishes(
        len(addition.classes), addition.size, addition.layout, addition.output, addition.features
    )


def described_by(
    card: ModelCard,
    model: Any,  # noqa: ANN401  # protobuf
    ends: Ends,
    form: InputFormat,
    *,
    width: int,
    classes: int,
) -> ModelCard:
    """Return a card with what its graph tells."""
    weights = {own.name for own in model.graph.initializer if own.data_type in _FLOATS}
    facts = GraphFacts(
        layout=str(ends.layout),
        output=ends.output,
        features=ends.features,
        width=width,
        probabilities=ends.probabilities,
        operations=operations_of_graph(model, ends.shapes),
        layers=sum(not weights.isdisjoint(node.input) for node in model.graph.node),
    )
    return replace(
        card,
        architecture=ONNX,
        hyperparameters=OnnxNetwork(ends.shape, classes, width).hyperparameters,
        parameters=trained_numbers(model),
        input=form,
        file_format=ONNX,
        graph=facts,
    )
