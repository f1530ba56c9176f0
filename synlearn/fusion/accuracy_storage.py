"""A map from posteriors to accuracies on disk, `accuracy.json` beside the MRE model it belongs to.

Data only. It was fitted to the fusion in the same folder, and names both by digest. Without it a
model ranks all the same, and says nothing of accuracies.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.fusion.accuracy import UNREST, AccuracyMap, ModeMap
from synlearn.fusion.linear_map import LinearMap
from synlearn.fusion.standard import Float64
from synlearn.fusion.storage import INDEX as FUSION
from synlearn.fusion.task_traits import TRAITS
from synlearn.mre.storage import mre_digest

FORMAT: Final = "synlearn-accuracy/1"
INDEX: Final = "accuracy.json"

_MOST_WAYS: Final = 10_000
_LARGEST: Final = 1e6
"""Of any number of a map; logits and logarithms are far smaller."""


def save_accuracy(fitted: AccuracyMap, path: Path) -> str:
    """Write the map into the folder of its MRE model and fusion; return the digest of the file."""
    content = {
        "format": FORMAT,
        "mre": mre_digest(path),
        "fusion": _fusion_digest(path),
        "traits": list(TRAITS),
        "unrest": list(UNREST),
        "direct": list(fitted.direct),
        "ways": fitted.ways,
        "difficulty": fitted.difficulty.tolist(),
        "confidence": fitted.confidence,
        "by_k": {
            str(k): {
                "metric": _plain_mode(fitted.metric[k]),
                "evidence": _plain_mode(fitted.evidence[k]),
                "correlation": fitted.correlation[k].tolist(),
                "constant": list(fitted.constant[k]),
            }
            for k in fitted.ks
        },
        "provenance": dict(fitted.provenance),
    }
    text = (json.dumps(content, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()
    write_atomically(path / INDEX, text)
    return hashlib.sha256(text).hexdigest()


def has_accuracy(path: Path) -> bool:
    """Whether there is such a map in the folder of an MRE model."""
    return (path / INDEX).exists()


def load_accuracy(path: Path) -> AccuracyMap:
    """Read the map of the MRE model in the folder `path`.

    Raises:
        InputError: There is none, it belongs to another model or fusion, or the file was damaged.
    """
    where = path / INDEX
    try:
        index = json.loads(where.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} holds no map to accuracies ({INDEX}); rank without it, or learn one."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where} is damaged; copy the model again.") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{where} is not in the format {FORMAT}; fit the fusion again.")
    if index.get("mre") != mre_digest(path) or index.get("fusion") != _fusion_digest(path):
        raise InputError(
            f"the map to accuracies in {path} was fitted for another MRE model or fusion; fit both "
            "again, or copy the whole folder."
        )
    try:
        return _fitted(index)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise InputError(f"{where} is incomplete; fit the fusion again.") from error


def _fusion_digest(path: Path) -> str:
    try:
        return hashlib.sha256((path / FUSION).read_bytes()).hexdigest()
    except OSError:
        return ""


def _plain_mode(own: ModeMap) -> dict[str, Any]:
    return {
        "level": _plain_map(own.level),
        "spread": _plain_map(own.spread),
        "own": _plain_map(own.own),
        "shared": own.shared,
        "reach": own.reach,
    }


def _plain_map(own: LinearMap) -> dict[str, Any]:
    return {
        "centre": own.centre.tolist(),
        "slopes": own.slopes.tolist(),
        "intercept": own.intercept,
    }


def _fitted(index: Mapping[str, Any]) -> AccuracyMap:
    if tuple(index["traits"]) != TRAITS or tuple(index["unrest"]) != UNREST:
        raise ValueError("what is known of a task has other names")
    direct = tuple(str(name) for name in index["direct"])
    ways, confidence = index["ways"], float(index["confidence"])
    if type(ways) is not int or not 2 <= ways <= _MOST_WAYS or not 0 < confidence < 1:
        raise ValueError("ways or confidence out of range")
    alone, both = len(TRAITS), len(TRAITS) + len(direct)
    by_k = {int(k): own for k, own in index["by_k"].items()}
    if not by_k or min(by_k) < 1:
        raise ValueError("no K")
    constant = {k: _ends(own["constant"]) for k, own in by_k.items()}
    return AccuracyMap(
        ways=ways,
        difficulty=_numbers(index["difficulty"], len(index["difficulty"])),
        direct=direct,
        correlation={k: _numbers(own["correlation"], len(direct)) for k, own in by_k.items()},
        metric={k: _mode(own["metric"], alone) for k, own in by_k.items()},
        evidence={k: _mode(own["evidence"], both) for k, own in by_k.items()},
        constant=constant,
        confidence=confidence,
        provenance=dict(index["provenance"]),
    )


def _mode(own: Mapping[str, Any], features: int) -> ModeMap:
    shared, reach = float(own["shared"]), float(own["reach"])
    if not (0 <= shared <= _LARGEST and 0 <= reach <= _LARGEST):
        raise ValueError("an error is none")
    return ModeMap(
        _map(own["level"], features),
        _map(own["spread"], features),
        _map(own["own"], len(UNREST)),
        shared,
        reach,
    )


def _map(own: Mapping[str, Any], features: int) -> LinearMap:
    (intercept,) = _numbers([own["intercept"]], 1).tolist()
    return LinearMap(
        _numbers(own["centre"], features), _numbers(own["slopes"], features), intercept
    )


def _numbers(values: object, count: int) -> Float64:
    found = np.array(values, np.float64)
    if found.shape != (count,) or not (np.abs(found) <= _LARGEST).all():
        raise ValueError(f"{count} numbers of an ordinary size are needed")
    return found


def _ends(values: object) -> tuple[float, float]:
    low, high = _numbers(values, 2).tolist()
    if not 0 <= low <= high <= 1:
        raise ValueError("an interval of accuracies is none")
    return low, high
