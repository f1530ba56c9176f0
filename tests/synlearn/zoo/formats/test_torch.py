import json

import pytest
import torch
from safetensors.torch import save
from torch import Tensor

from synlearn.errors import InputError
from synlearn.zoo.formats.torch import METADATA_KEY, ModelFile, from_bytes, to_bytes
from tests.damage import damaged
from tests.models import SMALL, model_file, stacked

TENSORS = stacked(["a"]).tensors_of(0)
HEADER = {
    "format": "synlearn-model/1",
    "architecture": "sprite-cnn",
    "hyperparameters": {"widths": [2, 2, 2], "hidden": 4},
}


def written(header: object = HEADER, **changed: Tensor) -> bytes:
    return save({**TENSORS, **changed}, {METADATA_KEY: json.dumps(header)})


def test_a_model_survives_the_way_to_a_file_and_back() -> None:
    model = from_bytes(model_file("a"), "a")
    assert model.architecture == SMALL
    assert model.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(model.tensors[name], TENSORS[name]) for name in TENSORS)
    module = model.module()
    assert not module.training
    assert all(torch.equal(tensor, TENSORS[name]) for name, tensor in module.state_dict().items())


def test_the_same_model_gives_the_same_bytes() -> None:
    assert len({to_bytes(ModelFile(SMALL, dict(TENSORS))) for _ in range(20)}) == 1


def test_a_hand_written_file_is_read() -> None:
    assert from_bytes(written(), "a").architecture == SMALL


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "truncated or not a safetensors file"),
        (model_file("a")[:-1], "truncated or not a safetensors file"),
        (model_file("a")[:50], "truncated or not a safetensors file"),
        (b"\xff" * 100, "truncated or not a safetensors file"),
        (b"\x08" + bytes(7) + b"[[[[[[[[" + bytes(8), "truncated or not a safetensors file"),
        (save(TENSORS), "not a model of format"),
        (save(TENSORS, {METADATA_KEY: "no JSON"}), "not a model of format"),
        (written({**HEADER, "format": "synlearn-model/9"}), "not a model of format"),
        (written({**HEADER, "code": "import os"}), "not a model of format"),
        (written({**HEADER, "architecture": "os.system"}), "cannot be used: There is no arch"),
        (written({**HEADER, "hyperparameters": {"depth": 1}}), "has no hyperparameter 'depth'"),
        (
            written({**HEADER, "hyperparameters": {"hidden": 4096}}),
            r"tensor conv1.bias has shape \(2,\), expected \(8,\)",
        ),
        (written(extra=torch.zeros(1)), r"tensor extra has shape \(1,\), expected none"),
        (written(**{"head.bias": torch.zeros(3)}), r"head.bias has shape \(3,\)"),
        (written(**{"head.bias": torch.zeros(2).double()}), "as float64; models are float32"),
        (written(**{"head.bias": torch.tensor([0, torch.nan])}), "in head.bias that are not fin"),
        (written(**{"head.bias": torch.tensor([0, torch.inf])}), "in head.bias that are not fin"),
    ],
)
def test_files_that_cannot_be_used(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        from_bytes(data, "the file a")
    assert str(caught.value).startswith("the file a ")


def test_random_damage_is_an_input_error_or_harmless() -> None:
    for data in damaged(model_file("a"), copies=300):
        try:
            model = from_bytes(data, "the file a")
        except InputError as error:
            assert "the file a" in str(error)  # noqa: PT017
        else:
            assert all(bool(torch.isfinite(tensor).all()) for tensor in model.tensors.values())


def test_half_a_character_is_no_header() -> None:
    """JSON can name one in ASCII alone; no text of a file or a terminal can hold it."""
    whole = written()
    size = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + size])
    header["__metadata__"][METADATA_KEY] = "\ud800"
    text = json.dumps(header).encode()
    with pytest.raises(InputError, match="not a model of format"):
        from_bytes(len(text).to_bytes(8, "little") + text + whole[8 + size :], "a")
