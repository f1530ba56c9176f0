"""A job's state as one flat table of named tensors: what a checkpoint file can hold."""

import torch
from torch import Tensor

Tensors = dict[str, Tensor]


def prefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The same tensors, each name with `prefix` before it."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def unprefixed(prefix: str, tensors: Tensors) -> Tensors:
    """The tensors whose names begin with `prefix`, without it."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def optimiser_tensors(prefix: str, optimiser: torch.optim.Optimizer) -> Tensors:
    """An optimiser's state as named tensors; `restore_optimiser` takes them back."""
    return {
        f"{prefix}{index}.{name}": value
        for index, slots in optimiser.state_dict()["state"].items()
        for name, value in slots.items()
    }


def restore_optimiser(prefix: str, optimiser: torch.optim.Optimizer, tensors: Tensors) -> None:
    """Make a fresh optimiser what `optimiser_tensors` was called on."""
    slots: dict[int, Tensors] = {}
    for key, tensor in unprefixed(prefix, tensors).items():
        index, name = key.split(".", 1)
        slots.setdefault(int(index), {})[name] = tensor
    optimiser.load_state_dict(
        {"state": slots, "param_groups": optimiser.state_dict()["param_groups"]}
    )
