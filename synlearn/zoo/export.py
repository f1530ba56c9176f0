"""A zoo's model as others take it: its own file, or an ONNX graph of the same weights."""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from synlearn.errors import InputError
from synlearn.zoo.addition import Addition
from synlearn.zoo.card import ADDED_FORMAT, ModelCard, ModelId, Origin
from synlearn.zoo.catalog import Zoo, digest_of
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.onnx_export import graph_of
from synlearn.zoo.graph_card import describe_graph


def exported(zoo: Zoo, model: ModelId, *, as_onnx: bool = False) -> tuple[ModelCard, bytes]:
    """Return a model's card and file.

    Args:
        zoo: Where it is.
        model: Its id.
        as_onnx: Make an ONNX graph of it where it is none.

    Raises:
        InputError: There is no such model, it is unusable, or no graph can be made of it.
    """
    file, card = zoo.read(model), zoo.card(model)
    if isinstance(file, OnnxFile) or not as_onnx:
        return card, zoo.weights(model)
    if file.architecture.features is None or card.pipeline_tag != "image-classification":
        raise InputError(
            f"Model {model} does not classify, so that there is no ONNX form of it here; export "
            "it as it is."
        )
    addition = Addition(Path(f"model {model}"), card.outputs, model)
    described, data = describe_graph(addition, graph_of(file), card, card.input, None)
    return replace(
        described,
        format=ADDED_FORMAT,
        sha256=digest_of(data),
        file_size=len(data),
        base_model=card.id,
        origin=Origin(f"{model}.safetensors", card.sha256, f"synlearn {version('synlearn')}"),
    ), data
