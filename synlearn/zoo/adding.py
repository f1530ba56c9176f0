"""Brings a stranger's model into a zoo: checked, tried, described by a card, and specified.

What a zoo keeps is safetensors of an architecture of ours, or ONNX in its normal form; what other
formats hold is converted before. A model stands in the zoo's index once all of it is on disk.
"""

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from synlearn.datasets.loading import data_digest
from synlearn.errors import InputError
from synlearn.process_lock import alone
from synlearn.zoo.addition import Addition
from synlearn.zoo.architectures import Architecture
from synlearn.zoo.card import ADDED_FORMAT, ModelCard, Origin
from synlearn.zoo.catalog import INDEX, Zoo, ZooEntry, add_model, digest_of, write_index
from synlearn.zoo.class_specification import class_specifications_of, keep_specification
from synlearn.zoo.conversion import Converted
from synlearn.zoo.feature_cache import Responses, responses_of
from synlearn.zoo.foreign_files import Kind, kind_of, read_file
from synlearn.zoo.formats import torch as torch_format
from synlearn.zoo.formats.onnx import normal_form
from synlearn.zoo.formats.onnx_ends import find_ends
from synlearn.zoo.formats.onnx_safety import parse_model
from synlearn.zoo.graph_card import described_by, wishes_of
from synlearn.zoo.keras_models import convert
from synlearn.zoo.picture_anchors import picture_anchors
from synlearn.zoo.timm_models import convert_timm
from synlearn.zoo.trial import measure_features, try_model

LOCK: Final = ".zoo.lock"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A model that may enter a zoo. responses: to the anchors, where it was run already."""

    card: ModelCard
    data: bytes
    responses: Responses | None


def add_to_zoo(root: Path, addition: Addition, *, overwrite: bool = False) -> ModelCard:
    """Add a model to the zoo in a folder, which is made where it is missing.

    Args:
        root: The zoo's folder.
        addition: The model.
        overwrite: Exchange a model of the same id instead of refusing.

    Raises:
        InputError: The model cannot be used, or the zoo cannot be written to; the zoo is as before.
    """
    _check_free(root, addition, overwrite=overwrite)
    return write_prepared(root, prepare(addition), overwrite=overwrite)


def prepare(addition: Addition) -> Prepared:
    """Check a model, try it and write its card, without touching a zoo.

    Raises:
        InputError: It cannot be used.
    """
    match kind_of(addition.file):
        case Kind.SAFETENSORS if addition.timm is not None:
            return _prepare_timm(addition, addition.timm)
        case Kind.SAFETENSORS:
            data = read_file(addition.file)
            return _prepare_ours(addition, data, _origin(addition, data))
        case Kind.ONNX:
            data = read_file(addition.file)
            return prepare_graph(addition, data, _origin(addition, data))
        case Kind.KERAS | Kind.SAVED_MODEL as kind:
            made = convert(addition.file, kind, addition.size, addition.python)
            prepared = prepare_graph(addition, made.data, _converted(addition, made))
            card = replace(prepared.card, library_name="keras", versions=made.versions)
            return replace(prepared, card=card)


def write_prepared(root: Path, prepared: Prepared, *, overwrite: bool = False) -> ModelCard:
    """Write a model into a zoo's folder, with its specification.

    Raises:
        InputError: The zoo has a model of this id, or cannot be written to.
    """
    card = prepared.card
    try:
        root.mkdir(parents=True, exist_ok=True)
        with alone(root / LOCK, f"A change of the zoo {root}"):
            entries = _entries(root)
            if card.id in entries and not overwrite:
                raise _taken(root, card.id)
            entries[card.id] = add_model(root, card, prepared.data)
            write_index(root, entries)
            zoo = Zoo.open(root)
            if prepared.responses is not None:
                keep_specification(zoo, card.id, prepared.responses)
    except OSError as error:
        raise InputError(
            f"Cannot write the zoo {root} ({error.strerror}); make room, or choose another folder."
        ) from error
    if card.pipeline_tag == "image-classification":
        class_specifications_of(zoo)
    return card


def prepare_graph(addition: Addition, data: bytes, origin: Origin) -> Prepared:
    """As `prepare`, of the bytes of an ONNX file that `origin` became.

    Raises:
        InputError: It cannot be used.
    """
    where = str(addition.file)
    model = parse_model(data, where)
    ends = find_ends(model, wishes_of(addition), where)
    form, classes = addition.input_format(ends.shape), len(addition.classes)
    width = ends.width or measure_features(normal_form(model, ends, form, (classes, 1)), where)
    kept = normal_form(model, ends, form, (classes, width))
    answer = try_model(kept, picture_anchors().pictures, where)
    if answer.logits.shape[1] != classes or answer.features.shape[1] != width:
        raise InputError(f"{where} made its trial answer nonsense; do not use it.")
    card = replace(_card(addition, kept, origin), library_name="onnx")
    card = described_by(card, model, ends, form, width=width, classes=classes)
    return Prepared(card, kept, responses_of(answer.logits, answer.features))


def _prepare_ours(addition: Addition, data: bytes, origin: Origin) -> Prepared:
    if not torch_format.is_ours(data):
        raise InputError(
            f"{addition.file} names no architecture of this version in its header, so that nobody "
            "knows what its tensors are; export the model to ONNX where it was trained "
            "(torch.onnx.export), and add that."
        )
    model = torch_format.from_bytes(data, str(addition.file))
    network = model.architecture
    if network.features is None or network.outputs != len(addition.classes):
        raise InputError(
            f"{addition.file} gives {network.outputs} numbers an image, and the list names "
            f"{len(addition.classes)} classes; correct the list."
        )
    _check_pictures(network, addition)
    card = replace(
        _card(addition, data, origin),
        architecture=network.name,
        hyperparameters=dict(network.hyperparameters),
        parameters=network.parameter_count(),
        input=addition.input_format(network.input_shape),
    )
    return Prepared(card, data, None)


def _check_pictures(network: Architecture, addition: Addition) -> None:
    plain = replace(addition, pixels=type(addition.pixels).UNIT, mean=(), std=())
    if addition.input_format(network.input_shape) != plain.input_format(network.input_shape):
        raise InputError(
            f"{addition.file} is of architecture {network.name}, which takes pixels in [0, 1]; "
            "leave --pixels, --mean and --std out."
        )
    if network.input_shape[0] != 3:
        raise InputError(
            f"{addition.file} is of architecture {network.name}, which takes images of one "
            "channel; only models of colour images can be added."
        )


def _card(addition: Addition, data: bytes, origin: Origin) -> ModelCard:
    """A card with what does not depend on the format."""
    return ModelCard(
        format=ADDED_FORMAT,
        id=addition.id,
        license=addition.license,
        library_name="synlearn",
        pipeline_tag="image-classification",
        tags=("image-classification", "synlearn"),
        datasets=addition.datasets,
        metrics=(),
        architecture="",
        hyperparameters={},
        parameters=0,
        sha256=hashlib.sha256(data).hexdigest(),
        file_size=len(data),
        input=addition.input_format((3, 1, 1)),
        outputs=addition.classes,
        training_data=None,
        training=None,
        versions=addition.versions,
        created=None,
        base_model=addition.base_model,
        origin=origin,
    )


def _entries(root: Path) -> dict[Any, ZooEntry]:
    return dict(Zoo.open(root).entries) if (root / INDEX).is_file() else {}


def _check_free(root: Path, addition: Addition, *, overwrite: bool) -> None:
    """Refuse an id that is taken before anything takes long."""
    if addition.id in _entries(root) and not overwrite:
        raise _taken(root, addition.id)


def _taken(root: Path, model: str) -> InputError:
    return InputError(
        f"The zoo {root} has a model {model!r} already; choose another --id, or --overwrite it."
    )


def _prepare_timm(addition: Addition, name: str) -> Prepared:
    made = convert_timm(addition.file, name, len(addition.classes), addition.size, addition.python)
    normalised = replace(
        addition, mean=addition.mean or made.mean, std=addition.std or made.std, size=None
    )
    origin = _converted(addition, made.converted)
    prepared = prepare_graph(normalised, made.converted.data, origin)
    base = addition.base_model or f"timm/{name}"
    card = replace(
        prepared.card,
        library_name="timm",
        versions=made.converted.versions,
        base_model=base,
    )
    return replace(prepared, card=card)


def _converted(addition: Addition, made: Converted) -> Origin:
    path = addition.file
    digest = data_digest(path)
    by = ", ".join(f"{name} {number}" for name, number in sorted(made.versions.items()))
    return Origin(path.name, digest, by)


def _origin(addition: Addition, data: bytes) -> Origin:
    return Origin(addition.file.name, digest_of(data), f"synlearn {version('synlearn')}")
