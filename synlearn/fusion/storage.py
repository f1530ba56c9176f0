"""A fitted fusion on disk, `fusion.json` beside the MRE model that it belongs to.

Data only: weights by number of examples, where they come from, and the digest of the MRE model.
Without it an MRE model ranks by its metric alone.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import numpy as np

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.fusion.fused import METRIC, FittedFusion
from synlearn.fusion.regression import Weights
from synlearn.mre.storage import mre_digest

FORMAT: Final = "synlearn-fusion/4"
INDEX: Final = "fusion.json"


def save_fusion(fitted: FittedFusion, path: Path) -> str:
    """Write the fusion into the folder of its MRE model; return the digest of the file."""
    content = {
        "format": FORMAT,
        "mre": mre_digest(path),
        "sources": list(fitted.sources),
        "by_k": {
            str(k): {
                "weights": own.weights.tolist(),
                "variance": own.variance,
                "correlation": own.correlation.tolist(),
            }
            for k, own in sorted(fitted.by_k.items())
        },
        "provenance": dict(fitted.provenance),
    }
    text = (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
    write_atomically(path / INDEX, text)
    return hashlib.sha256(text).hexdigest()


def has_fusion(path: Path) -> bool:
    """Whether there is a fusion in the folder of an MRE model."""
    return (path / INDEX).exists()


def load_fusion(path: Path) -> FittedFusion:
    """Read the fusion of the MRE model in the folder `path`.

    Raises:
        InputError: There is none, it belongs to another model, or the file was damaged.
    """
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} holds no fitted fusion ({INDEX}); rank by the metric alone, or fit one on "
            "learning tasks."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path / INDEX} is damaged; copy the model again.") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{path / INDEX} is not in the format {FORMAT}; fit the fusion again.")
    if index.get("mre") != mre_digest(path):
        raise InputError(
            f"the fusion in {path} was fitted for another MRE model; fit it again, or copy the "
            "whole folder."
        )
    try:
        return _fitted(index)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{path / INDEX} is incomplete; fit the fusion again.") from error


def _fitted(index: dict[str, Any]) -> FittedFusion:
    sources = tuple(str(name) for name in index["sources"])
    by_k = {}
    for k, own in index["by_k"].items():
        found = Weights(
            np.array(own["weights"], np.float64),
            float(own["variance"]),
            np.array(own["correlation"], np.float64),
        )
        if found.weights.shape != (len(sources),) or not np.isfinite(found.weights).all():
            raise ValueError(f"weights at K = {k} have another shape")
        if found.correlation.shape != (len(sources),) or not (abs(found.correlation) <= 1).all():
            raise ValueError(f"a correlation at K = {k} is none")
        if not 0 <= found.variance < np.inf:
            raise ValueError(f"the variance at K = {k} is none")
        by_k[int(k)] = found
    if not by_k or sources[:1] != (METRIC,) or min(by_k) < 1:
        raise ValueError("no weights")
    return FittedFusion(sources, by_k, dict(index["provenance"]))
