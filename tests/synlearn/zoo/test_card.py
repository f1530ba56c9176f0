import json
from dataclasses import replace

import pytest

from synlearn.datasets.dsprites import Domain
from synlearn.errors import InputError
from synlearn.zoo.card import ModelCard
from tests.synlearn.zoo.small_zoo import small_card


def test_a_card_survives_the_way_to_a_file_and_back() -> None:
    card = small_card(Domain(612))
    data = card.to_json()
    assert ModelCard.from_json(data, "card") == card
    assert ModelCard.from_json(data, "card").to_json() == data


def test_a_card_is_readable_on_its_own() -> None:
    content = json.loads(small_card(Domain(612)).to_json())
    assert list(content) == sorted(content)
    assert content["license"] == "apache-2.0"
    assert content["datasets"] == ["dsprites"]
    assert content["outputs"] == ["posX", "posY"]
    assert content["training_data"]["latents"]["shape"] == "heart"
    assert content["training_data"]["latents"]["scale"] == pytest.approx(0.8)
    assert content["input"]["shape"] == [1, 64, 64]
    assert content["created"] is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"sha256": None}, "the card is not a usable model card: sha256 has a value of the wrong"),
        ({"format": "synlearn-card/9"}, "has format 'synlearn-card/9', but this version reads"),
        ({"id": "../../secrets"}, r"gives a model the id '\.\./\.\./secrets'"),
        ({"surprise": 1}, "field surprise is unknown"),
    ],
)
def test_cards_that_cannot_be_used(changed: dict[str, object], message: str) -> None:
    content = json.loads(small_card(Domain(0)).to_json())
    with pytest.raises(InputError, match=message):
        ModelCard.from_json(json.dumps({**content, **changed}).encode(), "the card")
    with pytest.raises(InputError, match="it is not JSON"):
        ModelCard.from_json(small_card(Domain(0)).to_json()[:-5], "the card")


def test_a_loss_that_is_no_number_never_reaches_a_file() -> None:
    card = small_card(Domain(0))
    broken = replace(card, training=replace(card.recipe[1], loss=float("nan")))
    with pytest.raises(ValueError, match="not JSON compliant"):
        broken.to_json()
