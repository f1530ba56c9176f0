import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from provider.models import ModelCache, as_precision, private_copy
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.models import model_file

BACKBONE = save_backbone(Backbone(BackboneSpec(width=2, features=4)))
FILES: dict[str, bytes] = {digest_of(data): data for data in (model_file(name) for name in "abc")}
NAMES = tuple(FILES)


def test_a_file_is_parsed_once() -> None:
    cache = ModelCache()
    assert cache.backbone("one", BACKBONE) is cache.backbone("one", b"not looked at again")
    assert cache.stack(NAMES, FILES) is cache.stack(NAMES, {})


def test_models_come_in_the_order_they_were_asked_for() -> None:
    cache = ModelCache()
    backwards = NAMES[::-1]
    assert cache.stack(NAMES, FILES).ids == NAMES
    assert cache.stack(backwards, FILES).ids == backwards


def test_only_the_last_few_are_kept() -> None:
    cache = ModelCache(backbones=2)
    first = cache.backbone("1", BACKBONE)
    cache.backbone("2", BACKBONE)
    assert cache.backbone("1", BACKBONE) is first  # now the most recent one
    cache.backbone("3", BACKBONE)
    assert cache.backbone("1", BACKBONE) is first
    with pytest.raises(Refused):
        cache.backbone("2", b"forgotten, so parsed again")


@pytest.mark.parametrize("data", [b"", b"\x80\x04}.", BACKBONE[:-1], model_file("a")])
def test_an_unusable_backbone_is_refused(data: bytes) -> None:
    with pytest.raises(Refused) as caught:
        ModelCache().backbone("digest", data)
    assert caught.value.code is Code.MODEL_UNUSABLE


@pytest.mark.parametrize("data", [b"", b"\x80\x04}.", model_file("a")[:-1], BACKBONE])
def test_an_unusable_model_is_refused(data: bytes) -> None:
    files = {**FILES, digest_of(data): data}
    with pytest.raises(Refused) as caught:
        ModelCache().stack((*NAMES, digest_of(data)), files)
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_a_refused_file_is_not_kept() -> None:
    cache = ModelCache()
    with pytest.raises(Refused):
        cache.backbone("digest", b"")
    assert isinstance(cache.backbone("digest", BACKBONE), Backbone)


def test_a_precision_that_is_there_costs_no_copy() -> None:
    backbone = ModelCache().backbone("digest", BACKBONE)
    assert as_precision(backbone, "float32") is backbone
    precise = as_precision(backbone, "float64")
    for mine, theirs in zip(precise.parameters(), backbone.parameters(), strict=True):
        assert (mine.dtype, theirs.dtype) == (torch.float64, torch.float32)
        assert torch.equal(mine, theirs.double())


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_private_copy_leaves_the_cached_backbone_alone(precision: str) -> None:
    backbone = ModelCache().backbone("digest", BACKBONE)
    with torch.no_grad():
        for parameter in private_copy(as_precision(backbone, precision)).parameters():
            parameter.zero_()
    assert save_backbone(backbone) == BACKBONE
