"""An MRE model on disk: `mre.json`, and two safetensors files that it names by digest.

    mre.json               shapes, provenance, SHA-256 of the two files
    backbone.safetensors   `g_mu`
    metric.safetensors     the metric, and what it has seen

Data only: nothing in it is imported or run. The same model gives the same bytes.
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.mre.backbone import load_backbone, save_backbone
from synlearn.mre.metric import Metric, MetricSpec
from synlearn.mre.model import LearnedTasks, MREModel, Provenance

FORMAT = "synlearn-mre/1"
INDEX = "mre.json"
BACKBONE = "backbone.safetensors"
METRIC = "metric.safetensors"


def save_mre(model: MREModel, path: Path) -> str:
    """Write the model into the folder `path`; return the digest that stands for all of it.

    The index is written last, so a folder without one is no model.
    """
    path.mkdir(parents=True, exist_ok=True)
    metric = {f"metric.{name}": value for name, value in model.metric.state_dict().items()}
    files = {
        BACKBONE: save_backbone(model.backbone),
        METRIC: save({**metric, "learned.means": model.learned.means.contiguous()}),
    }
    index = {
        "format": FORMAT,
        "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        "metric": asdict(model.metric.spec),
        "instance_variance": model.learned.instance_variance,
        "provenance": asdict(model.provenance),
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
        spec = MetricSpec(**index["metric"])
        provenance = Provenance(**index["provenance"])
        variance = float(index["instance_variance"])
        tensors = load(files[METRIC])
        metric = Metric(spec, torch.Generator())
        metric.load_state_dict(
            {
                name.removeprefix("metric."): value
                for name, value in tensors.items()
                if name.startswith("metric.")
            }
        )
        learned = LearnedTasks(tensors["learned.means"], variance)
    except InputError:
        raise
    except (LookupError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
        raise InputError(
            f"{path} holds an MRE model that this version cannot read; learn it again, or use the "
            "version that wrote it."
        ) from error
    return MREModel(load_backbone(files[BACKBONE]), metric, learned, provenance, mre_digest(path))


def mre_digest(path: Path) -> str:
    """Return the digest that stands for the model in this folder."""
    return hashlib.sha256((path / INDEX).read_bytes()).hexdigest()


_FILES = (BACKBONE, METRIC)


def _read_index(path: Path) -> dict[str, Any]:
    try:
        index = json.loads((path / INDEX).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"{path} is not an MRE model: it has no readable {INDEX}; give the folder 'mre' that "
            "a job has written."
        ) from error
    except ValueError as error:
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
