import json
import tracemalloc
from dataclasses import asdict

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import Tensor

from synlearn.errors import InputError
from synlearn.mre.backbone import (
    BACKBONES,
    LEAST_SIDE,
    Backbone,
    BackboneSpec,
    load_backbone,
    save_backbone,
)

SPEC = BackboneSpec(width=2, features=6)


def backbone(spec: BackboneSpec = SPEC) -> Backbone:
    torch.manual_seed(0)
    return Backbone(spec)


DATA = save_backbone(backbone())


def file(tensors: dict[str, Tensor], spec: object) -> bytes:
    return save(tensors, {"backbone": json.dumps(spec)})


@pytest.mark.parametrize("architecture", sorted(BACKBONES))
@pytest.mark.parametrize("channels", [1, 3])
def test_features_have_unit_length(architecture: str, channels: int) -> None:
    model = backbone(BackboneSpec(architecture, channels, width=2, features=7))
    images = torch.rand(5, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    features = model(images)
    assert features.shape == (5, 7)
    torch.testing.assert_close(features.norm(dim=1), torch.ones(5))


def test_an_image_has_the_same_feature_whatever_is_beside_it() -> None:
    """No statistics of the batch: they would neither decompose nor travel."""
    model = backbone()
    images = torch.rand(5, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(model(images)[3:4], model(images[3:4]))


@pytest.mark.parametrize("architecture", sorted(BACKBONES))
@pytest.mark.parametrize("width", [*range(1, 17), 37, 100, 255, 256])
def test_every_width_can_be_built(architecture: str, width: int) -> None:
    with torch.device("meta"):
        Backbone(BackboneSpec(architecture, width=width))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_backbone_survives_the_file(dtype: torch.dtype) -> None:
    model = backbone().to(dtype)
    data = save_backbone(model)
    back = load_backbone(data)
    assert back.spec == SPEC
    assert save_backbone(back) == data
    images = torch.rand(3, 1, 64, 64).to(dtype)
    assert torch.equal(model(images), back(images))


def test_the_same_backbone_gives_the_same_bytes() -> None:
    """Its digest names it, on the wire and in checkpoints."""
    assert len({save_backbone(backbone()) for _ in range(20)}) == 1


def test_a_loaded_backbone_can_be_trained() -> None:
    model = load_backbone(DATA)
    model(torch.rand(2, 1, 16, 16)).sum().backward()
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert save_backbone(model) != DATA


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"architecture": "\ud800"}, r"there is no backbone '\\ud800'; choose from"),
        ({"architecture": "vgg"}, "there is no backbone 'vgg'; choose from conv4, resnet12."),
        ({"width": 0}, r"backbone width is 0; it must lie in 1\.\.4096\."),
        ({"features": 5000}, "backbone features is 5000"),
        ({"channels": 1.0}, "backbone channels is 1.0"),
        ({"features": True}, "backbone features is True"),
    ],
)
def test_a_backbone_that_cannot_be_is_named(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        BackboneSpec(**values)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=sentence):
        load_backbone(file(load(DATA), {**asdict(SPEC), **values}))


def _without(name: str) -> dict[str, Tensor]:
    return {key: tensor for key, tensor in load(DATA).items() if key != name}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04K\x01.",
        DATA[:-1],
        DATA[:100],
        DATA + b"\0",
        b"\xff" * 8 + DATA[8:],
        save(load(DATA)),
        save(load(DATA), {"backbone": "no JSON"}),
        file(load(DATA), []),
        file(load(DATA), {**asdict(SPEC), "code": "import os"}),
        file(load(DATA), {**asdict(SPEC), "architecture": ["conv4"]}),
        save(load(DATA), {"backbone": "[" * 100_000}),
    ],
)
def test_what_is_no_backbone_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="damaged or is no backbone"):
        load_backbone(data)


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ({}, "float32"),
        (_without("head.bias"), "do not fit"),
        ({**load(DATA), "more": torch.ones(1)}, "do not fit"),
        ({**load(DATA), "head.bias": torch.ones(7)}, "do not fit"),
        ({**load(DATA), "head.bias": torch.full((6,), torch.nan)}, "NaN or an infinity"),
        ({**load(DATA), "head.bias": torch.full((6,), torch.inf)}, "NaN or an infinity"),
        ({**load(DATA), "head.bias": torch.ones(6, dtype=torch.int64)}, "float32"),
        ({**load(DATA), "head.bias": torch.ones(6, dtype=torch.float64)}, "float32"),
        ({name: tensor.half() for name, tensor in load(DATA).items()}, "float32"),
    ],
)
def test_tensors_that_cannot_be_used_are_refused(tensors: dict[str, Tensor], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        load_backbone(file(tensors, asdict(SPEC)))


@given(st.data())
def test_whatever_the_bytes_a_backbone_is_loaded_or_refused(data: st.DataObject) -> None:
    spoilt = bytearray(DATA)
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt[data.draw(st.integers(0, 1200))] = data.draw(st.integers(0, 255))
    try:
        load_backbone(bytes(spoilt))
    except InputError:
        return


def test_a_small_file_cannot_ask_for_much_memory() -> None:
    """Of a backbone of 15 thousand million parameters, the name alone costs nothing."""
    tracemalloc.start()
    huge = file({"head.bias": torch.ones(4096)}, asdict(BackboneSpec("resnet12", 1, 4096, 4096)))
    with pytest.raises(InputError, match="do not fit"):
        load_backbone(huge)
    assert tracemalloc.get_traced_memory()[1] < 50e6
    tracemalloc.stop()


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (SPEC, (3, 32, 32)),
        (BackboneSpec(channels=3, width=2, features=6), (1, 32, 32)),
        (BackboneSpec("resnet12", 1, 2, 6), (1, 15, 32)),
    ],
)
def test_images_that_it_does_not_take_are_named(
    spec: BackboneSpec, shape: tuple[int, int, int]
) -> None:
    with pytest.raises(InputError, match=r"the backbone takes images of . channel"):
        backbone(spec)(torch.zeros(2, *shape))


@pytest.mark.parametrize("architecture", sorted(BACKBONES))
def test_the_least_image_is_taken(architecture: str) -> None:
    spec = BackboneSpec(architecture, 1, 2, 6)
    least = LEAST_SIDE[architecture]
    assert backbone(spec)(torch.zeros(1, 1, least, least)).shape == (1, 6)
