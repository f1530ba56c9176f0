import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load

from synlearn.datasets.dsprites import Domain, domain_images
from synlearn.errors import InputError
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo, card_path, finished_model, model_path, write_index
from tests.models import model_file
from tests.synlearn.zoo.small_zoo import exchange_file, small_card, small_zoo

FIRST = ModelId("dsprites-003-square-s0-o03")


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return small_zoo(tmp_path / "zoo")


def test_models_come_in_sorted_order(zoo: Zoo) -> None:
    expected = (FIRST, "dsprites-040-square-s1-o00", "dsprites-612-heart-s3-o12")
    assert tuple(zoo) == zoo.ids == expected
    assert len(zoo) == 3
    assert FIRST in zoo
    assert "other" not in zoo


def test_a_model_and_its_card(zoo: Zoo) -> None:
    assert zoo.card(FIRST) == small_card(Domain(3))
    assert zoo.weights(FIRST) == model_file(FIRST)
    assert zoo.model_digest(FIRST) == hashlib.sha256(model_file(FIRST)).hexdigest()
    loaded = zoo.load(FIRST).state_dict()
    assert all(torch.equal(loaded[name], each) for name, each in load(model_file(FIRST)).items())


def test_a_stack_has_the_order_asked_for(zoo: Zoo) -> None:
    images = domain_images(Domain(0))[:3]
    stack = zoo.stack(reversed(zoo.ids))
    assert stack.ids == zoo.ids[::-1]
    np.testing.assert_allclose(stack.predict(images), zoo.stack().predict(images)[::-1], atol=1e-6)
    alone = zoo.load(FIRST)(torch.from_numpy(images[:, None]).float()).detach().numpy()
    np.testing.assert_allclose(stack.predict(images)[2], alone, atol=1e-6)


def test_the_same_models_give_the_same_index(zoo: Zoo, tmp_path: Path) -> None:
    again = small_zoo(tmp_path / "again", domains=(40, 612, 3))
    assert again.digest == zoo.digest
    assert small_zoo(tmp_path / "fewer", domains=(40, 612)).digest != zoo.digest


def test_a_folder_that_is_no_zoo(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no folder"):
        Zoo.open(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"not a model zoo: it has no zoo\.json"):
        Zoo.open(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "it is not JSON"),
        (b"{}", "field format is missing"),
        (b'{"format": "synlearn-zoo/9", "models": {}}', "has format 'synlearn-zoo/9'"),
        (b'{"format": "synlearn-zoo/1", "models": {"a": {"model": "x"}}}', "models.a.card is miss"),
        (
            b'{"format": "synlearn-zoo/1", "models": {"../a": {"model": "x", "card": "y"}}}',
            r"gives a model the id '\.\./a'",
        ),
    ],
)
def test_an_index_that_cannot_be_used(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "zoo.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        Zoo.open(tmp_path)


def test_an_unknown_model(zoo: Zoo) -> None:
    with pytest.raises(InputError, match="has no model 'other'"):
        zoo.weights(ModelId("other"))


def test_damage_is_found_before_anything_is_parsed(
    zoo: Zoo, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = model_path(zoo.root, FIRST)
    monkeypatch.setattr("synlearn.zoo.formats.torch.from_bytes", pytest.fail)
    for data in (path.read_bytes()[:-1], b"", model_file("another")):
        path.write_bytes(data)
        with pytest.raises(InputError, match=r"003-square-s0-o03\.safetensors is truncated or was"):
            zoo.load(FIRST)
    path.unlink()
    with pytest.raises(InputError, match=r"Cannot read .*003-square-s0-o03\.safetensors \(No such"):
        zoo.load(FIRST)


def test_a_changed_card_is_found(zoo: Zoo) -> None:
    path = card_path(zoo.root, FIRST)
    path.write_bytes(path.read_bytes().replace(b"apache-2.0", b"apache-2.1"))
    with pytest.raises(InputError, match=r"003-square-s0-o03\.json is truncated or was changed"):
        zoo.card(FIRST)


def test_cards_that_were_swapped_are_found(zoo: Zoo) -> None:
    index = json.loads((zoo.root / "zoo.json").read_bytes())
    first, second, _ = zoo.ids
    other = card_path(zoo.root, second).read_bytes()
    card_path(zoo.root, first).write_bytes(other)
    index["models"][first]["card"] = hashlib.sha256(other).hexdigest()
    (zoo.root / "zoo.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="is the card of another model"):
        Zoo.open(zoo.root).card(first)


def test_verification_names_each_damaged_model(zoo: Zoo) -> None:
    assert [problem for _, problem in zoo.verify()] == [None, None, None]
    changed = exchange_file(zoo, 40, model_file("x")[:-1])
    model_path(zoo.root, FIRST).write_bytes(b"")
    found = dict(changed.verify())
    assert "was changed" in str(found[FIRST])
    assert "truncated or not a safetensors file" in str(found[zoo.ids[1]])
    assert found[zoo.ids[2]] is None


def test_a_model_is_finished_once_file_and_card_agree(zoo: Zoo) -> None:
    finished = finished_model(zoo.root, FIRST)
    assert finished is not None
    assert finished[1].model == zoo.model_digest(FIRST)
    model_path(zoo.root, FIRST).write_bytes(model_file("x"))
    assert finished_model(zoo.root, FIRST) is None
    card_path(zoo.root, FIRST).write_bytes(b"{")
    assert finished_model(zoo.root, FIRST) is None
    assert finished_model(zoo.root, ModelId("other")) is None


def test_an_empty_zoo_says_so(tmp_path: Path) -> None:
    write_index(tmp_path, {})
    with pytest.raises(InputError, match="no model to evaluate"):
        Zoo.open(tmp_path).stack()
