"""Model files: safetensors that name their architecture, so that a file alone makes a model.

The safetensors header's metadata holds `format`, `architecture` (a name of our closed registry) and
`hyperparameters` (JSON); the tensors are float32 with the names and shapes that the architecture
prescribes. Nothing is unpickled or imported.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import torch
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as serialise_tensors
from torch import Tensor, nn

from synlearn.errors import InputError
from synlearn.zoo.architectures import (
    Architecture,
    Hyperparameters,
    architecture,
    build_module,
)

FORMAT: Final = "synlearn-model/1"
_HEADER_LIMIT: Final = 2**20


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
    metadata = {
        "format": FORMAT,
        "architecture": model.architecture.name,
        "hyperparameters": json.dumps(dict(model.architecture.hyperparameters), sort_keys=True),
    }
    tensors = {name: model.tensors[name].contiguous() for name in model.architecture.tensor_shapes()}
    return serialise_tensors(tensors, metadata)


def from_bytes(data: bytes, where: str) -> ModelFile:
    """Parse a model file.

    where: names the file in error messages.
    Raises InputError when it is truncated or not such a file, names an architecture that the
    registry lacks, has tensors the architecture does not prescribe, or values that are not finite.
    """
    metadata = _metadata(data, where)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{where} is not a model of this project: its header lacks format {FORMAT!r}; "
            f"use a file that `synlearn zoo build` wrote."
        )
    described = architecture(
        metadata.get("architecture", ""), _hyperparameters(metadata.get("hyperparameters"), where)
    )
    try:
        tensors = parse_tensors(data)
    except SafetensorError as error:
        raise _unreadable(where) from error
    _check(tensors, described, where)
    return ModelFile(described, tensors)


def _metadata(data: bytes, where: str) -> dict[str, str]:
    """Return the header's metadata: 8 bytes of length, then JSON (the safetensors layout)."""
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or length > min(_HEADER_LIMIT, len(data) - 8):
        raise _unreadable(where)
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError as error:
        raise _unreadable(where) from error
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else {}
    if not isinstance(metadata, dict):
        raise _unreadable(where)
    return {str(key): str(value) for key, value in metadata.items()}


def _unreadable(where: str) -> InputError:
    return InputError(
        f"{where} cannot be read as a model: it is truncated or not a safetensors file; "
        f"fetch or build it again."
    )


def _hyperparameters(text: str | None, where: str) -> Hyperparameters:
    """Parse the JSON object of whole numbers and lists of them."""
    try:
        parsed = json.loads(text or "{}")
    except ValueError:
        parsed = None
    return _checked_hyperparameters(parsed, where)


def _checked_hyperparameters(parsed: object, where: str) -> Hyperparameters:
    """Check that parsed JSON is an object of whole numbers and lists of them; lists become tuples.

    Raises InputError naming `where` otherwise.
    """
    hyperparameters: dict[str, int | tuple[int, ...]] = {}
    if isinstance(parsed, dict):
        for key, value in parsed.items():
            if _is_whole(value):
                hyperparameters[str(key)] = value
            elif isinstance(value, list) and all(_is_whole(item) for item in value):
                hyperparameters[str(key)] = tuple(value)
    if not isinstance(parsed, dict) or len(hyperparameters) != len(parsed):
        raise InputError(
            f"{where} has unusable hyperparameters: they must be an object of whole numbers and "
            f"lists of whole numbers; fetch or build it again."
        )
    return hyperparameters


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
