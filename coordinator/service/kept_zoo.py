"""A zoo whose cards are read once: a service is asked about the same ones again and again."""

from collections.abc import Mapping
from pathlib import Path

from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.catalog import Zoo, ZooEntry


class KeptZoo(Zoo):
    """The same zoo; what was once read and verified is kept."""

    def __init__(self, root: Path, entries: Mapping[ModelId, ZooEntry], digest: str) -> None:
        super().__init__(root, entries, digest)
        self._cards: dict[ModelId, ModelCard] = {}

    def card(self, model: ModelId) -> ModelCard:
        """Return the model's card; raises InputError when it is missing or was changed."""
        known = self._cards.get(model)
        if known is None:
            known = self._cards[model] = super().card(model)
        return known

    def entry(self, model: ModelId) -> ZooEntry:
        """Return its digests; raises InputError for an unknown id."""
        return self._entry(model)
