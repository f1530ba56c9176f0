"""What whoever hands a node a model file can put into it; a test is an attack.

Each file is given to the loaders of this process, and to a worker, which has to outlive it.
"""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.queries import ClassOutputs, HeadCorrect
from provider.answers import Context, answer
from provider.answers.limits import RowLimits
from provider.models import ModelCache
from provider.rows import RowSplit
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker, WorkerLimits
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.tensor_header import HEADER_LIMIT
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import METADATA_KEY, ModelFile, to_bytes
from tests.labelled import provider_with
from tests.models import model_file

MODEL = model_file("a")
BACKBONE = save_backbone(Backbone(BackboneSpec(width=2, features=4)))
IMAGES = np.ones((20, 3, 32, 32), np.float32)


@pytest.fixture(scope="module")
def worker() -> Iterator[ModelWorker]:
    """A short-tempered one."""
    own = ModelWorker(WorkerLimits(seconds=3, memory=80 * 2**20))
    yield own
    own.close()


@pytest.fixture(scope="module")
def models(worker: ModelWorker) -> SandboxedModels:
    return SandboxedModels(worker)


def classifier(fill: float = 0.01, **hyperparameters: int | tuple[int, ...]) -> bytes:
    network = architecture("picture-cnn", hyperparameters)
    shapes = network.tensor_shapes()
    return to_bytes(ModelFile(network, {name: torch.full(s, fill) for name, s in shapes.items()}))


def parts(file: bytes) -> tuple[dict[str, Any], bytes]:
    length = int.from_bytes(file[:8], "little")
    return json.loads(file[8 : 8 + length]), file[8 + length :]


def joined(header: object, tensors: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def refused_as_model(file: bytes, models: SandboxedModels, why: str = ".") -> None:
    files: dict[str, bytes] = {digest_of(file): file}
    for place in (ModelCache(), models):
        with pytest.raises(Refused, match=why) as caught:
            place.stack(tuple(files), files)
        assert caught.value.code is Code.MODEL_UNUSABLE


def refused_as_backbone(file: bytes, models: SandboxedModels, why: str = ".") -> None:
    for place in (ModelCache(), models):
        with pytest.raises(Refused, match=why) as caught:
            place.backbone(digest_of(file), file)
        assert caught.value.code is Code.MODEL_UNUSABLE


class Payload:
    """Whoever unpickles it leaves a file behind."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_in_disguise(tmp_path: Path, models: SandboxedModels) -> None:
    mark = tmp_path / "ran"
    file = pickle.dumps(Payload(mark))
    refused_as_model(file, models, "not a safetensors file")
    refused_as_backbone(file, models)
    assert not mark.exists()
    pickle.loads(file)  # noqa: S301 - the attack itself is sound
    assert mark.exists()


def test_a_torch_archive_in_disguise(tmp_path: Path, models: SandboxedModels) -> None:
    mark, file = tmp_path / "ran", io.BytesIO()
    torch.save({"weights": Payload(mark)}, file)
    refused_as_model(file.getvalue(), models, "not a safetensors file")
    refused_as_backbone(file.getvalue(), models)
    assert not mark.exists()


def test_an_onnx_file_that_points_to_other_files(models: SandboxedModels) -> None:
    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    # A tensor whose data is external, at /etc/passwd: ModelProto.graph.initializer.external_data.
    entry = field(1, b"location") + field(2, b"/etc/passwd")
    tensor = field(8, b"weights") + field(13, entry) + bytes([14 << 3, 1])
    file = b"\x08\x08" + field(7, field(5, tensor))
    refused_as_model(file, models, r"cannot be read as an ONNX model|synlearn\[onnx\]")
    refused_as_backbone(file, models)


def test_a_zip_bomb(models: SandboxedModels) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.pkl", bytes(300 * 2**20))
    assert len(file.getvalue()) < 2**20
    refused_as_model(file.getvalue(), models, "not a safetensors file")
    refused_as_backbone(file.getvalue(), models)


def test_a_header_that_claims_oversized_tensors(models: SandboxedModels) -> None:
    for file, refused in ((MODEL, refused_as_model), (BACKBONE, refused_as_backbone)):
        header, tensors = parts(file)
        name = next(name for name in header if name != "__metadata__")
        header[name]["shape"] = [2**20, 2**20]
        refused(joined(header, tensors), models)
        header[name]["data_offsets"] = [0, 2**42]
        refused(joined(header, tensors), models)


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, len(MODEL), len(BACKBONE)])
def test_a_header_longer_than_the_file(length: int, models: SandboxedModels) -> None:
    refused_as_model(struct.pack("<Q", length) + MODEL[8:], models, "not a safetensors file")
    refused_as_backbone(struct.pack("<Q", length) + BACKBONE[8:], models)


def test_a_header_so_long_that_parsing_it_fills_the_memory(models: SandboxedModels) -> None:
    filler = b'{"a":[' + b"[],[]," * HEADER_LIMIT + b"[]]}"
    refused_as_model(joined(filler, b""), models, "not a safetensors file")
    starts = models.worker.starts
    refused_as_backbone(joined(filler, b""), models, "damaged")
    assert models.worker.starts == starts


def test_tensors_that_overlap(models: SandboxedModels) -> None:
    for file, refused in ((MODEL, refused_as_model), (BACKBONE, refused_as_backbone)):
        header, tensors = parts(file)
        names = sorted(
            (name for name in header if name != "__metadata__"),
            key=lambda name: header[name]["data_offsets"],
        )
        start, end = header[names[1]]["data_offsets"]
        header[names[1]]["data_offsets"] = [start - 4, end - 4]
        refused(joined(header, tensors), models)


def test_names_that_occur_twice(models: SandboxedModels) -> None:
    """Two readers of such a file may each see another model."""
    for file, refused in ((MODEL, refused_as_model), (BACKBONE, refused_as_backbone)):
        header, tensors = parts(file)
        text = json.dumps(header)
        metadata = json.dumps(header["__metadata__"])
        twice = f'{{"__metadata__": {metadata}, {text[1:]}'.encode()
        assert json.loads(twice) == header
        refused(joined(twice, tensors), models)
    header, tensors = parts(MODEL)
    entry = header["__metadata__"][METADATA_KEY]
    header["__metadata__"][METADATA_KEY] = '{"architecture": "picture-cnn", ' + entry[1:]
    refused_as_model(joined(header, tensors), models)
    header, tensors = parts(BACKBONE)
    header["__metadata__"]["backbone"] = '{"width": 7, ' + header["__metadata__"]["backbone"][1:]
    refused_as_backbone(joined(header, tensors), models)


@pytest.mark.parametrize(
    "sizes", [{"hidden": 4096, "widths": [4096] * 3}, {"hidden": 2**40}, {"hidden": -1}]
)
def test_an_absurd_architecture_in_a_tiny_file(
    sizes: dict[str, Any], models: SandboxedModels
) -> None:
    header, tensors = parts(MODEL)
    said = json.loads(header["__metadata__"][METADATA_KEY])
    said["hyperparameters"] |= sizes
    header["__metadata__"][METADATA_KEY] = json.dumps(said)
    refused_as_model(joined(header, tensors), models)


@pytest.mark.parametrize("sizes", [{"width": 4096, "features": 4096}, {"width": 2**40}])
def test_an_absurd_backbone_in_a_tiny_file(sizes: dict[str, Any], models: SandboxedModels) -> None:
    """16 GB, were it built before its tensors are compared with it."""
    header, tensors = parts(BACKBONE)
    said = json.loads(header["__metadata__"]["backbone"]) | {"architecture": "resnet12"} | sizes
    header["__metadata__"]["backbone"] = json.dumps(said)
    starts = models.worker.starts
    refused_as_backbone(joined(header, tensors), models)
    assert models.worker.starts == starts


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite(value: float, models: SandboxedModels) -> None:
    file = classifier(fill=value, widths=(1, 1, 1), hidden=1)
    refused_as_model(file, models, "not finite")
    header, tensors = parts(BACKBONE)
    poisoned = np.frombuffer(tensors, "<f4").copy()
    poisoned[-1] = value
    refused_as_backbone(joined(header, poisoned.tobytes()), models, "NaN or an infinity")


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "os.system", "__import__"])
def test_a_path_or_an_import_as_architecture(name: str, models: SandboxedModels) -> None:
    header, tensors = parts(MODEL)
    said = json.loads(header["__metadata__"][METADATA_KEY]) | {"architecture": name}
    header["__metadata__"][METADATA_KEY] = json.dumps(said)
    refused_as_model(joined(header, tensors), models, "There is no architecture named")
    header, tensors = parts(BACKBONE)
    said = json.loads(header["__metadata__"]["backbone"]) | {"architecture": name}
    header["__metadata__"]["backbone"] = json.dumps(said)
    refused_as_backbone(joined(header, tensors), models, "there is no backbone")


def works(models: SandboxedModels) -> None:
    file = classifier(widths=(2, 2, 2))
    stack = models.stack((digest_of(file),), {digest_of(file): file})
    assert stack.predict(IMAGES).shape == (1, 20, 10)


def test_finite_weights_that_overflow(models: SandboxedModels) -> None:
    """An exact answer is refused; under noise, where a refusal would tell of a row, it is not."""
    file = classifier(fill=3e38, widths=(1, 1, 1), hidden=1)
    digest = digest_of(file)
    data = provider_with({"ant": 4}, side=32, channels=3)
    exact = Context(
        dataset=data,
        files={digest: file},
        models=models,
        random=np.random.default_rng(0),
        split=RowSplit(bytes(32)),
        random_about=lambda _: np.random.default_rng(0),
    )
    weights = np.ones((1, 1, 1, 1), np.float32)
    task = np.zeros((1, 1), np.int32)
    outputs = exact.models.stack((digest,), exact.files).architecture.outputs
    for query in (
        ClassOutputs((digest,), ("ant",), outputs),
        HeadCorrect((digest,), ("ant",), False, task, weights, weights[..., 0]),
    ):
        with pytest.raises(Refused, match="not finite") as caught:
            answer(query, exact)
        assert caught.value.code is Code.MODEL_UNUSABLE
        found = answer(query, replace(exact, limits=RowLimits(squared_error=1.0)))
        assert all(np.isfinite(array).all() for array in found.values())
    works(models)


def test_a_model_that_hangs(models: SandboxedModels) -> None:
    """Legal, 12 MB small, and 0.8 billion products for each image."""
    works(models)
    file = classifier(kernel=1023, widths=(1, 1, 1))
    stack = models.stack((digest_of(file),), {digest_of(file): file})
    starts = models.worker.starts
    with pytest.raises(Refused, match="took longer than 3 s") as caught:
        stack.predict(IMAGES)
    assert caught.value.code is Code.MODEL_UNUSABLE
    works(models)
    assert models.worker.starts == starts + 1


def test_a_model_that_fills_the_memory(models: SandboxedModels) -> None:
    """A file of 220 kB whose first layer makes 84 MB of twenty images."""
    works(models)
    file = classifier(kernel=1, widths=(4096, 1, 1))
    stack = models.stack((digest_of(file),), {digest_of(file): file})
    with pytest.raises(Refused, match="allocate memory") as caught:
        stack.predict(IMAGES)
    assert caught.value.code is Code.MODEL_UNUSABLE
    works(models)
