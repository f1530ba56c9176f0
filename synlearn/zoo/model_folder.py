"""A model on its own: a folder with its file and its card, as `reuse` and `zoo export` write it.

    card.json                            the card; its `sha256` is that of the file
    model.safetensors, or model.onnx     the model

The file is read wholly, and its digest compared, before a byte of it is parsed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.zoo.card import ModelCard
from synlearn.zoo.catalog import digest_of
from synlearn.zoo.formats.any_format import AnyModel, FileFormat, from_bytes
from synlearn.zoo.formats.onnx import OnnxFile

CARD: Final = "card.json"
_PART: Final = 64

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StandaloneModel:
    """A model and its card."""

    card: ModelCard
    model: AnyModel

    @classmethod
    def load(cls, folder: Path) -> "StandaloneModel":
        """Read the model in a folder.

        Raises:
            InputError: There is none, or it was changed, or cannot be used.
        """
        try:
            card = ModelCard.from_json((folder / CARD).read_bytes(), str(folder / CARD))
            path = folder / f"model.{FileFormat(card.file_format)}"
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                f"{folder} holds no model on its own ({error.strerror}: "
                f"{Path(str(error.filename)).name}); give the folder that `synlearn reuse` or "
                "`synlearn zoo export` wrote."
            ) from error
        if digest_of(data) != card.sha256:
            raise InputError(f"{path} is truncated or was changed; make the folder again.")
        return cls(card, from_bytes(data, str(path)))

    def probabilities(self, images: Float32) -> Float32:
        """Return the probability of each class, (n, classes).

        images: (n, channels, height, width) in [0, 1], of the shape that the card names.
        """
        logits = torch.from_numpy(logits_of(self.model, images))
        found: Float32 = logits.softmax(dim=1).numpy()
        return found


def logits_of(model: AnyModel, images: Float32) -> Float32:
    """Return what a model says about images, (n, classes), before a softmax."""
    if isinstance(model, OnnxFile):
        return model.run(images)[0]
    module = model.module()
    with torch.inference_mode():
        parts = torch.from_numpy(np.ascontiguousarray(images, np.float32)).split(_PART)
        return np.concatenate([module(part).numpy() for part in parts])


def save_model(folder: Path, card: ModelCard, data: bytes, *, overwrite: bool = False) -> None:
    """Write a model on its own; the card comes last: where it is, the model is whole.

    Raises:
        InputError: There is one already, or the folder cannot be written to.
    """
    path = folder / CARD
    if path.exists() and not overwrite:
        raise InputError(f"{folder} holds a model already; choose another folder, or --overwrite.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        write_atomically(folder / f"model.{FileFormat(card.file_format)}", data)
        for other in set(FileFormat) - {FileFormat(card.file_format)}:
            (folder / f"model.{other}").unlink(missing_ok=True)
        write_atomically(path, card.to_json())
    except OSError as error:
        raise InputError(
            f"Cannot write {folder} ({error.strerror}); make room, or choose another folder."
        ) from error
