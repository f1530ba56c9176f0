"""Model specifications: a vector for each model, from its errors on the public anchor set.

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
GENERATOR: Final = "log-squared-error/v1"
FLOOR: Final = 1e-3
"""Added to a squared error before its logarithm: a tenth of the picture's width squared is 0.01."""


@dataclass(frozen=True, slots=True)
class Specifications:
    """Specifications of models.

    Attributes:
        ids: (m,) model ids.
        vectors: (m, a) float32, log(|prediction - position|^2 + 1e-3) on every anchor.
        anchors: Which generator over which anchor set; vectors compare only where it is the same.
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
            if output.shape[1:] != anchors.targets.shape[1:]:
                raise InputError(
                    f"Model {model} gives {output.shape[1]} values, but positions are two; only "
                    "models of dSprites positions can be specified on these anchors."
                )
            if not np.isfinite(output).all():
                raise InputError(
                    f"Model {model} gives outputs that are not finite; remove it from the zoo."
                )
            error = ((output - anchors.targets) ** 2).sum(axis=1)
            known[zoo.model_digest(model)] = np.log(error + FLOOR).astype(np.float32)
        _write(
            path,
            {zoo.model_digest(model): known[zoo.model_digest(model)] for model in zoo},
            anchors,
        )
    vectors = np.stack([known[zoo.model_digest(model)] for model in zoo])
    return Specifications(zoo.ids, vectors, _source(anchors))


def _source(anchors: AnchorSet) -> str:
    return f"{GENERATOR} {anchors.digest}"


def _read(path: Path, anchors: AnchorSet) -> dict[str, NDArray[np.float32]]:
    """Return what is stored for this anchor set, by model digest; nothing where unreadable."""
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("anchors") != _source(anchors):
                return {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return {}
    return {
        name: vector
        for name, vector in stored.items()
        if vector.dtype == np.float32
        and vector.shape == (len(anchors.images),)
        and np.isfinite(vector).all()
    }


def _write(path: Path, vectors: dict[str, NDArray[np.float32]], anchors: AnchorSet) -> None:
    try:
        write_atomically(path, save(vectors, metadata={"anchors": _source(anchors)}))
    except OSError:
        return  # a read-only zoo works as well, only slower
