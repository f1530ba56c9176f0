"""A fitted fusion on disk, beside the MRE model that it belongs to.

    fusion.json          covariances by K, provenance, digest of the MRE model and of the next file
    fusion.safetensors   target datasets of learning tasks, from which the kernel is computed

Data only. Without these files an MRE model ranks by its metric alone.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.fusion.coregionalisation import Covariances
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.mre.storage import mre_digest

FORMAT: Final = "synlearn-fusion/1"
INDEX: Final = "fusion.json"
TASKS: Final = "fusion.safetensors"


@dataclass(frozen=True, slots=True)
class StoredFusion:
    """What lies in the two files.

    Attributes:
        fitted: Covariances by K.
        tasks: (r, c, f) float32, mean feature of each class of some learning tasks.
    """

    fitted: FittedFusion
    tasks: Tensor


def save_fusion(stored: StoredFusion, path: Path) -> str:
    """Write the fusion into the folder of its MRE model; return the digest of the index."""
    content = save({"tasks": stored.tasks.contiguous()})
    write_atomically(path / TASKS, content)
    fitted = stored.fitted
    index = {
        "format": FORMAT,
        "mre": mre_digest(path),
        "tasks": hashlib.sha256(content).hexdigest(),
        "sources": list(fitted.sources),
        "by_k": {
            str(k): {"shared": own.shared.tolist(), "own": own.own.tolist()}
            for k, own in sorted(fitted.by_k.items())
        },
        "provenance": dict(fitted.provenance),
    }
    text = (json.dumps(index, indent=1, sort_keys=True) + "\n").encode()
    write_atomically(path / INDEX, text)
    return hashlib.sha256(text).hexdigest()


def has_fusion(path: Path) -> bool:
    """Whether there is a fusion in the folder of an MRE model."""
    return (path / INDEX).exists()


def load_fusion(path: Path) -> StoredFusion:
    """Read the fusion of the MRE model in the folder `path`.

    Raises:
        InputError: There is none, it belongs to another model, or a file was damaged or changed.
    """
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
        content = (path / TASKS).read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} holds no fitted fusion ({INDEX}, {TASKS}); rank by the metric alone, or fit "
            "one on learning tasks."
        ) from error
    except ValueError as error:
        raise InputError(f"{path / INDEX} is damaged; copy the model again.") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{path / INDEX} is not in the format {FORMAT}; fit the fusion again.")
    if index.get("mre") != mre_digest(path):
        raise InputError(
            f"the fusion in {path} was fitted for another MRE model; fit it again, or copy the "
            "whole folder."
        )
    if hashlib.sha256(content).hexdigest() != index.get("tasks"):
        raise InputError(f"{path / TASKS} was truncated or changed; copy the model again.")
    try:
        return StoredFusion(_fitted(index), load(content)["tasks"])
    except (LookupError, TypeError, ValueError, SafetensorError) as error:
        raise InputError(f"{path / INDEX} is incomplete; fit the fusion again.") from error


def _fitted(index: dict[str, Any]) -> FittedFusion:
    sources = tuple(str(name) for name in index["sources"])
    rows = len(sources) + 1
    by_k = {}
    for k, matrices in index["by_k"].items():
        parts = [np.array(matrices[name], dtype=np.float64) for name in ("shared", "own")]
        if any(part.shape != (rows, rows) or not np.isfinite(part).all() for part in parts):
            raise ValueError(f"covariances at K = {k} have another shape")
        by_k[int(k)] = Covariances(*parts)
    if not by_k or sources[:1] != (METRIC,) or min(by_k) < 1:
        raise ValueError("no covariances")
    return FittedFusion(sources, by_k, dict(index["provenance"]))


def reference_tasks(features: Tensor, feature_task: Tensor, most: int) -> Tensor:
    """One target dataset of each of some learning tasks, evenly spaced: (r, c, f), r <= `most`."""
    first = np.unique(feature_task.numpy(), return_index=True)[1]
    chosen = first[np.linspace(0, len(first) - 1, min(most, len(first))).round().astype(int)]
    return features[torch.from_numpy(np.unique(chosen))].clone()
