import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from provider.models import ModelCache, as_precision, private_copy
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.classifiers import classifier_file
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


def test_models_of_all_architectures_are_grouped() -> None:
    data = [
        classifier_file("a", classes=3),
        classifier_file("b", classes=4),
        classifier_file("c", classes=3),
        model_file("a"),
        classifier_file("d", classes=4),
    ]
    files: dict[str, bytes] = {digest_of(each): each for each in data}
    names = tuple(files)
    cache = ModelCache()
    groups = cache.groups(names, files)
    assert [group.positions.tolist() for group in groups] == [[0, 2], [1, 4], [3]]
    assert [group.models.architecture.outputs for group in groups] == [3, 4, 2]
    for group in groups:
        assert group.models.ids == tuple(names[i] for i in group.positions)
    assert cache.groups(names, {}) is groups


@pytest.mark.parametrize("data", [b"", model_file("a")[:-1], BACKBONE])
def test_an_unusable_model_of_a_group_is_refused(data: bytes) -> None:
    files = {**FILES, digest_of(data): data}
    with pytest.raises(Refused) as caught:
        ModelCache().groups((*NAMES, digest_of(data)), files)
    assert caught.value.code is Code.MODEL_UNUSABLE


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
