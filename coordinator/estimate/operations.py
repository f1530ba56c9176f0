"""How much computing an image costs a network, counted on shapes alone."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from synlearn.zoo.architectures import Architecture, build_module


def operations_of(network: nn.Module, shape: tuple[int, ...]) -> int:
    """Floating-point operations of a forward pass of one image of this shape.

    Products of convolutions and linear layers, two operations each; what is done number by number,
    such as normalisation, is not counted.

    Args:
        network: On the meta device: it has no weights.
        shape: Channels, height, width.
    """
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        network(torch.empty(1, *shape, device="meta"))
    return int(counter.get_total_flops())


def operations_of_architecture(architecture: Architecture) -> int:
    """As `operations_of`, of a model of a zoo."""
    with torch.device("meta"):
        network = build_module(architecture)
    return operations_of(network, architecture.input_shape)
