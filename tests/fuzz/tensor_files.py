"""Safetensors that others hand over: models, backbones, metrics, stored specifications, pools."""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from random import Random

import numpy as np
import torch
from safetensors.numpy import save

from synlearn.datasets.mixed_pool_file import read_pool, write_pool
from synlearn.mre.backbone import Backbone, BackboneSpec, load_backbone, save_backbone
from synlearn.mre.storage import load_mre, save_mre
from synlearn.zoo import class_specification, specification
from synlearn.zoo.anchors import sprite_anchors
from synlearn.zoo.formats.torch import from_bytes, to_bytes
from synlearn.zoo.picture_anchors import picture_anchors
from tests.classifiers import classifier_file
from tests.fuzz.mutation import edited, json_document
from tests.fuzz.parsers import folder, parsed, written
from tests.fuzz.target import Target
from tests.mixed import pool
from tests.models import model_file
from tests.mre_models import classification_mre, mre_model


def safetensors(data: bytes, random: Random) -> bytes:
    """Another file: its header changed as JSON, or its metadata's own JSON, or bytes of it."""
    size = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + size])
        metadata = header.get("__metadata__", {})
        inner = [name for name in metadata if metadata[name].startswith("{")]
    except (ValueError, AttributeError, TypeError, LookupError, RecursionError):
        return edited(data, random)
    body = data[8 + size :]
    match random.randrange(4):
        case 0:
            return data[: 8 + size] + edited(body, random)
        case 1 if inner:
            name = random.choice(inner)
            metadata[name] = json_document(metadata[name].encode(), random).decode(errors="replace")
            text = json.dumps(header).encode()
        case 2:
            return edited(data[: 8 + size], random) + body
        case _:
            text = json_document(data[8 : 8 + size], random)
    return len(text).to_bytes(8, "little") + text + body


def _target(
    name: str, run: Callable[[bytes], None], seeds: Callable[[], Sequence[bytes]]
) -> Target:
    return Target(name, run, seeds, safetensors, largest=2**20)


def run_model(data: bytes) -> None:
    """A model that was read makes numbers of images, and has no other encoding of its weights."""
    model = parsed(lambda: from_bytes(data, "the model"))
    if model is None:
        return
    again = from_bytes(to_bytes(model), "again")
    assert again.architecture == model.architecture
    assert all(torch.equal(again.tensors[name], model.tensors[name]) for name in model.tensors)
    with torch.inference_mode():
        outputs = model.module()(torch.zeros(1, *model.architecture.input_shape))
    assert outputs.shape == (1, model.architecture.outputs)


def run_backbone(data: bytes) -> None:
    """A backbone that was read makes unit vectors of images."""
    backbone = parsed(lambda: load_backbone(data))
    if backbone is None:
        return
    assert load_backbone(save_backbone(backbone)).spec == backbone.spec
    dtype = next(backbone.parameters()).dtype
    with torch.inference_mode():
        features = backbone(torch.zeros(1, backbone.spec.channels, 32, 32, dtype=dtype))
    assert features.shape == (1, backbone.spec.features)


def _backbones() -> list[bytes]:
    specs = (BackboneSpec(width=2, features=6), BackboneSpec("resnet12", 3, 2, 4))
    return [save_backbone(Backbone(spec)) for spec in specs]


@cache
def _mre_folder() -> Path:
    save_mre(mre_model(), folder() / "metric-isolated")
    save_mre(classification_mre(), folder() / "metric-grouped")
    return folder()


def run_metric(data: bytes) -> None:
    """A metric of either kind, whose digest the index names."""
    for kind in ("isolated", "grouped"):
        place = _mre_folder() / f"metric-{kind}"
        index = json.loads((place / "mre.json").read_text())
        index["files"]["metric.safetensors"] = hashlib.sha256(data).hexdigest()
        (place / "mre.json").write_text(json.dumps(index))
        (place / "metric.safetensors").write_bytes(data)
        model = parsed(partial(load_mre, place))
        if model is not None:
            assert bool(torch.isfinite(model.learned.means).all())
            for tensor in model.metric.state_dict().values():  # type: ignore[attr-defined]
                assert bool(torch.isfinite(tensor).all())


def _metrics() -> list[bytes]:
    kinds = ("isolated", "grouped")
    return [
        (_mre_folder() / f"metric-{kind}" / "metric.safetensors").read_bytes() for kind in kinds
    ]


def run_stored(data: bytes) -> None:
    """What is stored beside a zoo is used where it is right, and computed again where it is not."""
    path = written("stored.safetensors", data)
    anchors = picture_anchors()
    for view in class_specification._read(path, anchors).values():
        assert view.probabilities.shape[1:] == (len(anchors.groups),)
        for generator in class_specification.Generator:
            made = class_specification.class_vectors(
                view.probabilities.astype(np.float32), view.profile, anchors, generator
            )
            assert np.isfinite(made).all()
    sprites = sprite_anchors()
    for vector in specification._read(path, sprites).values():
        assert vector.shape == (len(sprites.images),)


def _stored() -> list[bytes]:
    anchors, sprites = picture_anchors(), sprite_anchors()
    classes: dict[str, np.ndarray] = {
        "a" * 64: np.full((2, len(anchors.groups)), 0.5, np.float16),
        "a" * 64 + ".profile": np.zeros(
            sum(class_specification.profile_blocks(anchors)), np.float32
        ),
    }
    vectors = {"b" * 64: np.zeros(len(sprites.images), np.float32)}
    return [
        save(classes, {"anchors": class_specification._source(anchors)}),
        save(vectors, {"anchors": specification._source(sprites)}),
    ]


def run_pool(data: bytes) -> None:
    """A pool of images, if it is one."""
    found = parsed(lambda: read_pool(written("pool.safetensors", data), "digest"))
    if found is not None:
        assert len(found.pictures)


def _pools() -> list[bytes]:
    path = folder() / "seed.safetensors"
    write_pool(path, pool(), "digest")
    return [path.read_bytes()]


MODELS = _target("models", run_model, lambda: [model_file("a"), classifier_file("b")])
BACKBONES = _target("backbones", run_backbone, _backbones)
METRICS = Target("metrics", run_metric, _metrics, safetensors, examples=30, largest=2**20)
STORED = _target("stored-specifications", run_stored, _stored)
POOLS = Target("pools", run_pool, _pools, safetensors, examples=30, largest=2**23)
