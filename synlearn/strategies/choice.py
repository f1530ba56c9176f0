"""Which models a strategy chose to fine-tune, in words and as data."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from synlearn.ranking_words import number
from synlearn.zoo.card import ModelId

FORMAT: Final = "synlearn.choice/1"


@dataclass(frozen=True, slots=True)
class Choice:
    """What a search came to.

    Attributes:
        strategy: Its name.
        models: To fine-tune, best guess first.
        candidates: How many models there were to choose from.
        notes: Sentences that a reader should know, such as which models were left out.
        provenance: What it was computed from: digests, version.
    """

    strategy: str
    models: tuple[ModelId, ...]
    candidates: int
    notes: tuple[str, ...] = ()
    provenance: Mapping[str, str | int] = field(default_factory=dict)

    @property
    def budget(self) -> int:
        """How many models, B."""
        return len(self.models)

    def summary(self) -> str:
        """What to do, a model a line, in order.

        >>> print(Choice("knn", (ModelId("b"), ModelId("a")), candidates=9).summary())
        Of 9 models, fine-tune these two, in this order (strategy knn):
          1. b
          2. a
        """
        head = f"Of {_models(self.candidates)}, fine-tune {_these(self.budget)} (strategy "
        lines = [f"{place:>3}. {model}" for place, model in enumerate(self.models, start=1)]
        return "\n".join([f"{head}{self.strategy}):", *lines, *self.notes])

    def to_json(self) -> str:
        """All of it as JSON."""
        content = {
            "format": FORMAT,
            "strategy": self.strategy,
            "budget": self.budget,
            "candidates": self.candidates,
            "models": list(self.models),
            "notes": list(self.notes),
            "provenance": dict(self.provenance),
        }
        return json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _models(count: int) -> str:
    return f"{count} model{'' if count == 1 else 's'}"


def _these(count: int) -> str:
    return "this one" if count == 1 else f"these {number(count)}, in this order"
