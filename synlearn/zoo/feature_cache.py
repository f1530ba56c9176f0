"""What models compute for fixed sets of images, kept on disk under both digests.

One safetensors file for each model and set of pictures: penultimate features and class
probabilities, float16. A changed model or image has another digest, and so another file.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.zoo.architectures import Linear
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.formats.any_format import AnyModel
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.networks import ONNX
from synlearn.zoo.stacked import StackedModels

_CHUNK: Final = 8
_SLICE: Final = 2000

Pictures = NDArray[np.uint8]
Float16 = NDArray[np.float16]


def ignore_done(count: int) -> None:
    """Take no notice of how many models more are ready."""


@dataclass(frozen=True, slots=True)
class Responses:
    """One model's view of n pictures.

    Attributes:
        features: (n, f) float16, the input of its last layer.
        probabilities: (n, c) float16, of its own classes.
    """

    features: Float16
    probabilities: Float16


@dataclass(frozen=True, slots=True)
class FeatureCache:
    """Responses of a zoo's models to one set of pictures.

    Attributes:
        folder: Where files are kept; made where it is missing.
        pictures: (n, side, side, 3) uint8; models are shown them divided by 255.
        digest: SHA-256, hex, of the pictures.
    """

    folder: Path
    pictures: Pictures
    digest: str

    @classmethod
    def of(cls, folder: Path, pictures: Pictures) -> "FeatureCache":
        """Make the cache of these pictures."""
        whole = hashlib.sha256(str(pictures.shape).encode())
        whole.update(np.ascontiguousarray(pictures).tobytes())
        return cls(folder, pictures, whole.hexdigest())

    def responses(
        self, zoo: Zoo, models: Sequence[ModelId], on_done: Callable[[int], None] = ignore_done
    ) -> dict[ModelId, Responses]:
        """Return the responses of these models, computing those that are not kept yet.

        on_done: Told how many models more are ready.

        Raises:
            InputError: A model cannot be used, or takes other images.
        """
        kept = {model: self._read(zoo, model) for model in models}
        found = {model: own for model, own in kept.items() if own is not None}
        on_done(len(found))
        missing = [model for model in models if model not in found]
        for model, computed in compute_responses(zoo, missing, self.pictures):
            self._write(zoo, model, computed)
            found[model] = computed
            on_done(1)
        return {model: found[model] for model in models}

    def _path(self, zoo: Zoo, model: ModelId) -> Path:
        return self.folder / f"{zoo.model_digest(model)[:32]}-{self.digest[:32]}.safetensors"

    def _read(self, zoo: Zoo, model: ModelId) -> Responses | None:
        try:
            content = load(self._path(zoo, model).read_bytes())
            kept = Responses(content["features"], content["probabilities"])
        except (OSError, SafetensorError, KeyError):
            return None
        count = len(self.pictures)
        return kept if len(kept.features) == len(kept.probabilities) == count else None

    def _write(self, zoo: Zoo, model: ModelId, computed: Responses) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"features": computed.features, "probabilities": computed.probabilities}
        write_atomically(self._path(zoo, model), save(content))


def compute_responses(
    zoo: Zoo, models: Sequence[ModelId], pictures: Pictures
) -> Iterator[tuple[ModelId, Responses]]:
    """Show pictures, (n, side, side, 3) uint8, to models, a few alike at a time; any order.

    Raises:
        InputError: A model cannot be used, takes other images, or does not end in a linear layer.
    """
    for chunk in _alike(zoo, models):
        if zoo.card(chunk[0]).architecture == ONNX:
            yield from ((model, _of_graph(zoo.read(model), pictures)) for model in chunk)
            continue
        parsed = [zoo.parse(model) for model in chunk]
        features = _bodies(chunk, parsed, pictures)
        for model, own, file in zip(chunk, features, parsed, strict=True):
            name, _ = file.architecture.layers[-1]
            weight, bias = file.tensors[f"{name}.weight"], file.tensors[f"{name}.bias"]
            probabilities = (torch.from_numpy(own) @ weight.T + bias).softmax(dim=1)
            yield (
                model,
                Responses(own.astype(np.float16), probabilities.numpy().astype(np.float16)),
            )


def _of_graph(model: AnyModel, pictures: Pictures) -> Responses:
    """Responses of an ONNX model."""
    assert isinstance(model, OnnxFile)  # noqa: S101 - so its card says, and the catalog checked it
    parts = (pictures[start : start + _SLICE] for start in range(0, len(pictures), _SLICE))
    said = [model.run(planes(part)) for part in parts]
    return responses_of(
        np.concatenate([own for own, _ in said]), np.concatenate([own for _, own in said])
    )


def responses_of(logits: NDArray[np.float32], features: NDArray[np.float32]) -> Responses:
    """Bring logits, (n, c), and features, (n, f), to how they are kept.

    Features too large for float16 become infinite, which whoever uses them refuses.
    """
    probabilities = torch.from_numpy(logits).softmax(dim=1).numpy()
    with np.errstate(over="ignore"):
        return Responses(features.astype(np.float16), probabilities.astype(np.float16))


def _bodies(
    ids: Sequence[ModelId], parsed: Sequence[ModelFile], pictures: Pictures
) -> NDArray[np.float32]:
    """Return the features of models that differ in nothing but their heads: (m, n, f)."""
    _, head = parsed[0].architecture.layers[-1]
    if not isinstance(head, Linear):
        raise InputError(
            f"Model {ids[0]} does not end in a linear layer, so it has no features before its head."
        )
    body = replace(
        parsed[0].architecture, layers=parsed[0].architecture.layers[:-1], outputs=head.inputs
    )
    stack = {key: torch.stack([own.tensors[key] for own in parsed]) for key in body.tensor_shapes()}
    models = StackedModels(tuple(ids), body, stack)
    parts = (pictures[start : start + _SLICE] for start in range(0, len(pictures), _SLICE))
    return np.concatenate([models.predict(planes(part)) for part in parts], axis=1)


def planes(pictures: Pictures) -> NDArray[np.float32]:
    """Return (n, side, side, channels) uint8 as models take them: channels first, in [0, 1]."""
    channels_first = np.ascontiguousarray(pictures.transpose(0, 3, 1, 2))
    return channels_first.astype(np.float32) / np.float32(255)


def _alike(zoo: Zoo, models: Sequence[ModelId]) -> Iterator[list[ModelId]]:
    """Group models whose networks differ in nothing but their heads, a few at a time."""
    groups: dict[str, list[ModelId]] = {}
    for model in models:
        card = zoo.card(model)
        body = {key: value for key, value in card.hyperparameters.items() if key != "classes"}
        groups.setdefault(f"{card.architecture} {sorted(body.items())}", []).append(model)
    for own in groups.values():
        for start in range(0, len(own), _CHUNK):
            yield own[start : start + _CHUNK]
