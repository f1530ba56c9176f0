"""A PyTorch model's run-time graph, read from the autograd graph of one forward pass.

Unlike a list of layers it has the paths that data really takes, skip connections among them.
"""

from typing import Any

import torch
from torch import Tensor, nn

from synlearn.errors import InputError
from synlearn.fennec.architecture_graph import RENAMED, ArchitectureGraph


def runtime_graph(model: nn.Module, input_shape: tuple[int, ...]) -> ArchitectureGraph:
    """Read the graph of a model; it is run once, in evaluation mode, on one input of zeros.

    A model on the "meta" device does no arithmetic at all: its graph is the same.

    Args:
        model: With parameters.
        input_shape: Of one input, without the batch.

    Raises:
        InputError: The model has no parameters, or its output is not a tensor that depends on them.
    """
    first = next(iter(model.parameters()), None)
    if first is None:
        raise InputError("The model has no parameters, so it has no run-time graph.")
    was_training = model.training
    model.eval()
    try:
        with torch.enable_grad():
            output = model(torch.zeros(1, *input_shape, device=first.device, dtype=first.dtype))
    finally:
        model.train(was_training)
    if not isinstance(output, Tensor) or output.grad_fn is None:
        raise InputError(
            "The model's output does not depend on trained tensors that require gradients, so it "
            "has no run-time graph."
        )
    return _walk(output.grad_fn)


def _walk(last: Any) -> ArchitectureGraph:  # noqa: ANN401  # autograd nodes carry no type
    """Follow the graph from the output to the inputs; nodes are numbered as they are met."""
    number = {last: 0}
    found, edges = [last], []
    for node in found:  # grows as it is walked
        for earlier, _ in node.next_functions:
            if earlier is None:
                continue
            if earlier not in number:
                number[earlier] = len(found)
                found.append(earlier)
            edges.append((number[earlier], number[node]))
    types = (type(node).__name__ if node.name() == "" else node.name() for node in found)
    plain = (name.rsplit("::", maxsplit=1)[-1] for name in types)
    return ArchitectureGraph(tuple(RENAMED.get(name, name) for name in plain), tuple(edges))
