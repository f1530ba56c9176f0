"""Model specifications: a vector for each model, from its outputs on the public anchor set.

The model specification generator of the paper (SynLearn, section 2.2). A model that enters the zoo
gets its specification from one pass over the anchors; nothing is trained again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.zoo.anchors import AnchorSet, sprite_anchors
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo

SPECIFICATIONS: Final = "specifications.safetensors"


@dataclass(frozen=True, slots=True)
class Specifications:
    """Specifications of models.

    Attributes:
        ids: (m,) model ids.
        vectors: (m, p) float32: outputs on every anchor, one anchor after the other.
        anchors: Digest of the anchor set.
    """

    ids: tuple[ModelId, ...]
    vectors: NDArray[np.float32]
    anchors: str

    def select(self, ids: Sequence[ModelId]) -> "Specifications":
        """Return the specifications of these models, in this order."""
        row = {model: index for index, model in enumerate(self.ids)}
        return Specifications(tuple(ids), self.vectors[[row[model] for model in ids]], self.anchors)


def specifications_of(zoo: Zoo, anchors: AnchorSet | None = None) -> Specifications:
    """Return the specifications of all models of a zoo, computing those not stored yet.

    They are stored beside the models where the folder can be written to, each under its model's
    digest and with the anchors' digest, so a changed model or anchor set is never mistaken.

    Raises:
        InputError: A model is unusable, or gives outputs that are not finite.
    """
    anchors = anchors or sprite_anchors()
    path = zoo.root / SPECIFICATIONS
    known = _read(path, anchors)
    missing = [model for model in zoo if zoo.model_digest(model) not in known]
    if missing:
        outputs = zoo.stack(missing).predict(anchors.images)
        for model, output in zip(missing, outputs, strict=True):
            if not np.isfinite(output).all():
                raise InputError(
                    f"Model {model} gives outputs that are not finite; remove it from the zoo."
                )
            known[zoo.model_digest(model)] = output.reshape(-1)
        _write(
            path,
            {zoo.model_digest(model): known[zoo.model_digest(model)] for model in zoo},
            anchors,
        )
    vectors = np.stack([known[zoo.model_digest(model)] for model in zoo])
    return Specifications(zoo.ids, vectors, anchors.digest)


def _read(path: Path, anchors: AnchorSet) -> dict[str, NDArray[np.float32]]:
    """Return what is stored for this anchor set, by model digest; nothing where unreadable."""
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("anchors") != anchors.digest:
                return {}
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return {}


def _write(path: Path, vectors: dict[str, NDArray[np.float32]], anchors: AnchorSet) -> None:
    try:
        write_atomically(path, save(vectors, metadata={"anchors": anchors.digest}))
    except OSError:
        return  # a read-only zoo works as well, only slower
