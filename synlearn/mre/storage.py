"""An MRE model on disk: `mre.json`, and two safetensors files that it names by digest.

    mre.json               kind, shapes, provenance, SHA-256 of the two files
    backbone.safetensors   `g_mu`
    metric.safetensors     the metric, and what it has seen

Data only: nothing in it is imported or run. The same model gives the same bytes.
"""

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.mre.backbone import Backbone, load_backbone, save_backbone
from synlearn.mre.blocks import Blocks
from synlearn.mre.classification_metric import ClassificationMetric, ClassificationMetricSpec
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.model import MREModel, Provenance
from synlearn.mre.stored_spec import check_spec
from synlearn.zoo.class_specification import Generator

FORMAT: Final = "synlearn-mre/2"
INDEX: Final = "mre.json"
BACKBONE: Final = "backbone.safetensors"
METRIC: Final = "metric.safetensors"

_FILES: Final = (BACKBONE, METRIC)
_ISOLATED, _CLASSIFICATION = "isolated", "classification"

M = TypeVar("M", bound=nn.Module)
S = TypeVar("S")


def save_mre(model: MREModel, path: Path) -> str:
    """Write the model into the folder `path`; return the digest that stands for all of it.

    The index is written last, so a folder without one is no model.
    """
    path.mkdir(parents=True, exist_ok=True)
    metric, described = _described(model)
    tensors = {f"metric.{name}": value for name, value in metric.state_dict().items()}
    files = {
        BACKBONE: save_backbone(model.backbone),
        METRIC: save({**tensors, "learned.means": model.learned.means.contiguous()}),
    }
    index = {
        "format": FORMAT,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "instance_variance": model.learned.instance_variance,
        "provenance": asdict(model.provenance),
        **described,
    }
    for name, data in files.items():
        write_atomically(path / name, data)
    text = json.dumps(index, indent=2, sort_keys=True).encode() + b"\n"
    write_atomically(path / INDEX, text)
    return hashlib.sha256(text).hexdigest()


def load_mre(path: Path) -> MREModel:
    """Read a model that `save_mre` wrote; every digest is checked before a file is parsed.

    Raises:
        InputError: The folder holds no model, or a file of it is missing, truncated or changed.
    """
    index = _read_index(path)
    try:
        files = {name: _read_verified(path / name, index["files"][name]) for name in _FILES}
        return _built(index, load_backbone(files[BACKBONE]), load(files[METRIC]), mre_digest(path))
    except InputError:
        raise
    except (
        LookupError,
        TypeError,
        ValueError,
        OverflowError,
        RuntimeError,
        SafetensorError,
    ) as error:
        raise InputError(
            f"{path} holds an MRE model that this version cannot read; learn it again, or use the "
            "version that wrote it."
        ) from error


def mre_digest(path: Path) -> str:
    """Return the digest that stands for the model in this folder."""
    return hashlib.sha256((path / INDEX).read_bytes()).hexdigest()


def _described(model: MREModel) -> tuple[nn.Module, dict[str, Any]]:
    """The model's metric, and what the index says of it."""
    match model:
        case IsolatedMRE():
            return model.metric, {"kind": _ISOLATED, "metric": asdict(model.metric.spec)}
        case ClassificationMRE():
            return model.metric, {
                "kind": _CLASSIFICATION,
                "metric": asdict(model.metric.spec),
                "generator": model.generator.value,
            }
        case _:
            raise TypeError(f"a {type(model).__name__} cannot be stored")


def _built(
    index: Mapping[str, Any], backbone: Backbone, tensors: Mapping[str, Tensor], digest: str
) -> MREModel:
    """Undo `_described`; whatever does not fit raises one of the errors that `load_mre` names."""
    learned = LearnedTasks(tensors["learned.means"], float(index["instance_variance"]))
    if not 0 <= learned.instance_variance < math.inf:
        raise ValueError("the variance of instances is none")
    if learned.means.ndim != 2 or learned.means.shape[1] != backbone.spec.features:
        raise ValueError("the learning tasks' means are not features of the backbone")
    for name, tensor in tensors.items():
        if tensor.dtype != torch.float32 or not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"{name} holds what is no number of 32 bits")
    provenance = Provenance(**index["provenance"])
    check_spec(provenance, least=0)
    values = dict(index["metric"])
    kind = index.get("kind", _ISOLATED)  # the first models had none
    if kind == _ISOLATED:
        return IsolatedMRE(
            backbone=backbone,
            learned=learned,
            provenance=provenance,
            digest=digest,
            metric=_restored(Metric, MetricSpec(**values), tensors),
        )
    if kind != _CLASSIFICATION:
        raise ValueError(f"kind {kind!r}")
    blocks, kinds = Blocks(**values["blocks"]), tuple(map(int, values["model_blocks"]))
    spec = ClassificationMetricSpec(**{**values, "blocks": blocks, "model_blocks": kinds})
    metric = _restored(ClassificationMetric, spec, tensors)
    return ClassificationMRE(
        backbone=backbone,
        learned=learned,
        provenance=provenance,
        digest=digest,
        metric=metric.eval(),
        generator=Generator(index["generator"]),
    )


def _restored(kind: Callable[[S, torch.Generator], M], spec: S, tensors: Mapping[str, Tensor]) -> M:
    check_spec(spec, least=1)
    # On the meta device first: a spec that names a huge metric must not cost its memory.
    with torch.device("meta"):
        shapes = {
            name: value.shape
            for name, value in kind(spec, torch.Generator("cpu")).state_dict().items()
        }
    own = {
        name.removeprefix("metric."): value
        for name, value in tensors.items()
        if name.startswith("metric.")
    }
    if shapes != {name: value.shape for name, value in own.items()}:
        raise ValueError("the metric's tensors do not fit its description")
    metric = kind(spec, torch.Generator())
    metric.load_state_dict(own)
    return metric


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} is not an MRE model: it has no readable {INDEX}; give the folder 'mre' that "
            "a job has written."
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path / INDEX} is damaged; copy the model again.") from error
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise InputError(f"{path / INDEX} is not in the format {FORMAT}; learn the model again.")
    return index


def _read_verified(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} is missing; copy the whole folder of the MRE model.") from error
    if hashlib.sha256(data).hexdigest() != digest:
        raise InputError(f"{path} is truncated or was changed; copy the MRE model again.")
    return data
