"""Model files: safetensors that name their architecture, so that a file alone makes a model.

The safetensors metadata has one entry, `synlearn`: a JSON object of `format`, `architecture` (a
name of our closed registry) and `hyperparameters`. One entry, because the library writes several in
a random order, and the same model must give the same bytes. The tensors are float32 with the names
and shapes that the architecture prescribes. Nothing is unpickled or imported.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn

from synlearn.errors import InputError
from synlearn.tensor_header import read_header
from synlearn.zoo.architectures import (
    Architecture,
    Hyperparameters,
    architecture,
    build_module,
)
from synlearn.zoo.records import RecordError, parse_record

FORMAT: Final = "synlearn-model/1"
METADATA_KEY: Final = "synlearn"


@dataclass(frozen=True, slots=True)
class _Header:
    format: str
    architecture: str
    hyperparameters: Hyperparameters


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A parsed model: its architecture and its tensors by name, float32."""

    architecture: Architecture
    tensors: Mapping[str, Tensor]

    def module(self) -> nn.Sequential:
        """Return the model, in evaluation mode."""
        module = build_module(self.architecture)
        module.load_state_dict(dict(self.tensors))
        return module.eval()


def to_bytes(model: ModelFile) -> bytes:
    """Serialise a model; the same model gives the same bytes."""
    header = _Header(FORMAT, model.architecture.name, model.architecture.hyperparameters)
    tensors = {
        name: model.tensors[name].contiguous() for name in model.architecture.tensor_shapes()
    }
    return serialise_tensors(tensors, {METADATA_KEY: json.dumps(asdict(header), sort_keys=True)})


def from_bytes(data: bytes, where: str) -> ModelFile:
    """Parse a model file.

    where: names the file in error messages.
    Raises InputError when it is truncated or not such a file, names an architecture that the
    registry lacks, has tensors the architecture does not prescribe, or values that are not finite.
    """
    header = _header(data, where)
    try:
        described = architecture(header.architecture, header.hyperparameters)
    except InputError as error:
        raise InputError(f"{where} cannot be used: {error}") from error
    try:
        tensors = parse_tensors(data)
    except SafetensorError as error:
        raise _unreadable(where) from error
    _check(tensors, described, where)
    return ModelFile(described, tensors)


def is_ours(data: bytes) -> bool:
    """Whether the metadata has our entry, or nothing can be read at all."""
    try:
        metadata = read_header(data).get("__metadata__")
    except ValueError:
        return True
    return isinstance(metadata, dict) and METADATA_KEY in metadata


def _header(data: bytes, where: str) -> _Header:
    """Read our entry of the metadata."""
    try:
        outer = read_header(data)
    except ValueError as error:
        raise _unreadable(where) from error
    try:
        header = parse_record(_Header, outer["__metadata__"][METADATA_KEY].encode())
    except (KeyError, TypeError, AttributeError, UnicodeError, RecordError) as error:
        raise _foreign(where) from error
    if header.format != FORMAT:
        raise _foreign(where)
    return header


def _unreadable(where: str) -> InputError:
    return InputError(
        f"{where} cannot be read as a model: it is truncated or not a safetensors file; "
        f"fetch or build it again."
    )


def _foreign(where: str) -> InputError:
    return InputError(
        f"{where} is not a model of format {FORMAT!r}, the one this version reads; "
        f"use a file that `synlearn zoo build` wrote."
    )


def _check(tensors: Mapping[str, Tensor], described: Architecture, where: str) -> None:
    shapes = described.tensor_shapes()
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if found != shapes:
        wrong = sorted(
            name for name in found.keys() | shapes.keys() if found.get(name) != shapes.get(name)
        )[0]
        raise InputError(
            f"{where} does not fit architecture {described.name}: tensor {wrong} has shape "
            f"{found.get(wrong, 'missing')}, expected {shapes.get(wrong, 'none')}; "
            f"fetch or build it again."
        )
    for name, tensor in tensors.items():
        if tensor.dtype is not torch.float32:
            raise InputError(
                f"{where} holds tensor {name} as {str(tensor.dtype).removeprefix('torch.')}; "
                f"models are float32, so convert it."
            )
        if not bool(torch.isfinite(tensor).all()):
            raise InputError(
                f"{where} holds values in {name} that are not finite (NaN or infinity); "
                f"train the model again."
            )
