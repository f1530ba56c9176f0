"""The run-time graphs of a zoo's models, each architecture read once."""

import json

import torch

from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.onnx_graph import graph_of_bytes
from synlearn.fennec.runtime_graph import runtime_graph
from synlearn.zoo.architectures import architecture, build_module
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.networks import ONNX


def zoo_graphs(zoo: Zoo) -> dict[ModelId, ArchitectureGraph]:
    """Read the graph of every model; nothing is run.

    Of our own architectures from the card alone, of ONNX models from the file.

    Raises:
        InputError: A card or an ONNX file is missing or was changed.
    """
    known: dict[str, ArchitectureGraph] = {}
    found = {}
    for model in zoo:
        card = zoo.card(model)
        if card.architecture == ONNX:
            found[model] = graph_of_bytes(zoo.weights(model), f"model {model}")
            continue
        key = json.dumps([card.architecture, dict(card.hyperparameters)], sort_keys=True)
        if key not in known:
            described = architecture(card.architecture, card.hyperparameters)
            with torch.device("meta"):
                known[key] = runtime_graph(build_module(described), described.input_shape)
        found[model] = known[key]
    return found
