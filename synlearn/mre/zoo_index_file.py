"""Writing and opening the index of a large zoo; see `zoo_index.py`."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.packed_models import PackedModels, pack_models
from synlearn.mre.packed_tasks import pack_tasks
from synlearn.mre.zoo_index import ZooIndex, segments_of
from synlearn.strict_json import without_twins
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import class_specifications_of

FORMAT: Final = "synlearn-zoo-index/1"
INDEX: Final = "index.json"

_TENSORS: Final = {
    "keys": (torch.float32, 4),
    "values": (torch.float32, 2),
    "starts": (torch.int32, 2),
    "head": (torch.float32, 3),
    "places": (torch.int64, 1),
}
"""Type and number of axes of each."""


def index_zoo(model: ClassificationMRE, zoo: Zoo, folder: Path) -> None:
    """Make the index of a zoo for an MRE model.

    Raises:
        InputError: The zoo's specifications are of another kind than the model learned with, the
            metric has no such layout, or the folder cannot be written to.
    """
    specifications = class_specifications_of(zoo)
    model.check_anchors(specifications.source(model.generator))
    vectors = specifications.vectors(model.generator)
    parts = (
        (specifications.ids[part.start : part.stop], ClassSets.of(vectors[part.start : part.stop]))
        for part in segments_of(specifications.ids)
    )
    write_index(model, zoo.digest, parts, folder)


def write_index(
    model: ClassificationMRE,
    digest: str,
    parts: Iterable[tuple[Sequence[str], ClassSets]],
    folder: Path,
) -> None:
    """Write an index, segment by segment; never more than one is in memory.

    Args:
        model: The MRE model.
        digest: Of the zoo.
        parts: Names of a segment's models, and the classes of each.
        folder: Where to.

    Raises:
        InputError: As `index_zoo`.
    """
    ids: list[str] = []
    segments = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / INDEX).unlink(missing_ok=True)
        for number, (names, sets) in enumerate(parts):
            with torch.inference_mode():
                projected = model.metric.project_models(sets)
                packed = pack_models(model.metric.model_transform, projected)
            if packed is None or pack_tasks(model.metric) is None:
                raise InputError(
                    "The metric's blocks have no layout for an index; rank without one."
                )
            data = save({name: getattr(packed, name).contiguous() for name in _TENSORS})
            name = f"segment-{number:05d}.safetensors"
            write_atomically(folder / name, data)
            ids += names
            segments.append(
                {
                    "file": name,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "bytes": len(data),
                    "models": len(names),
                }
            )
        content = {
            "format": FORMAT,
            "mre": model.digest,
            "zoo": digest,
            "segments": segments,
            "models": ids,
        }
        write_atomically(folder / INDEX, json.dumps(content).encode())
    except OSError as error:
        raise InputError(
            f"Cannot write the index {folder} ({error.strerror}); make room, or choose another "
            "folder."
        ) from error


def open_index(
    model: ClassificationMRE, folder: Path, *, threads: int = 1, verify: bool = False
) -> ZooIndex:
    """Open an index; its numbers are mapped into memory, and read when they are used.

    Args:
        model: That it was made for.
        folder: Where it lies.
        threads: See `ZooIndex`.
        verify: Whether all of it is read and compared with its digests, which takes a second a
            gigabyte or so; without, sizes alone are checked.

    Raises:
        InputError: There is no index, it is for another MRE model, or a part of it is missing or
            was changed.
    """
    tasks = pack_tasks(model.metric)
    try:
        content = json.loads((folder / INDEX).read_bytes(), object_pairs_hook=without_twins)
        if content["format"] != FORMAT:
            raise ValueError("another format")
        if content["mre"] != model.digest or tasks is None:
            raise InputError(
                f"{folder} is an index for another MRE model; make one for this model."
            )
        ids = tuple(map(str, content["models"]))
        segments = tuple(_opened(model, folder, own, verify) for own in content["segments"])
        if sum(len(own.places) for own in segments) != len(ids) or not ids:
            raise ValueError("other models than named")
        return ZooIndex(model, ids, str(content["zoo"]), tasks, segments, threads)
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no whole index of a zoo ({Path(str(error.filename)).name} is missing);"
            " make it again."
        ) from error
    except (OSError, LookupError, TypeError, ValueError, RecursionError, SafetensorError) as error:
        raise InputError(
            f"The index {folder} cannot be read or was changed; make it again."
        ) from error


def _opened(
    model: ClassificationMRE, folder: Path, described: dict[str, Any], verify: bool
) -> PackedModels:
    name = str(described["file"])
    path = folder / name
    if path.name != name:
        raise ValueError("a segment lies elsewhere")
    if path.stat().st_size != described["bytes"]:
        raise ValueError("a segment has another size")
    if verify:
        with path.open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != described["sha256"]:
                raise ValueError("a segment was changed")
    tensors: dict[str, Tensor] = {}
    with safe_open(path, framework="pt") as file:
        for key, (kind, axes) in _TENSORS.items():
            tensors[key] = file.get_tensor(key)
            if tensors[key].dtype != kind or tensors[key].ndim != axes:
                raise ValueError("a tensor of another kind")
    keys, values, starts, head, places = (tensors[key] for key in _TENSORS)
    packed = PackedModels(keys, values, starts, head, places)
    if len(packed.places) != described["models"] or not _fits(packed, model):
        raise ValueError("tensors that do not fit")
    return packed


def _fits(packed: PackedModels, model: ClassificationMRE) -> bool:
    """Whether every place and row that is named exists: what is summed is found by them."""
    members, width = model.metric.spec.members, model.metric.spec.width
    blocks, rows = packed.keys.shape[1], packed.keys.shape[3]
    places = packed.starts.shape[1]
    starts = packed.starts
    return (
        packed.keys.shape == (members, blocks, width, rows)
        and packed.values.shape == (members * blocks * rows, width + 1)
        and packed.head.shape == (members, width + 1, width)
        and packed.starts.shape == (blocks, places)
        and min(blocks, places, rows, len(packed.places)) > 0
        and bool(((starts >= 0) & (starts < rows)).all())
        and bool((starts[:, :1] == 0).all())
        and bool((starts[:, 1:] > starts[:, :-1]).all())
        and bool(((packed.places >= 0) & (packed.places < blocks * places)).all())
    )
