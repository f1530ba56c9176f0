"""`synlearn rank --strategy`: which models to fine-tune, instead of a ranking of all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Final

from synlearn.datasets.examples import Examples
from synlearn.errors import InputError
from synlearn.mre.storage import mre_digest
from synlearn.strategies.choice import Choice
from synlearn.strategies.command import (
    NAMES,
    WITH_HISTORY,
    WITH_MRE,
    Sources,
    choose_models,
)
from synlearn.zoo.filters import ModelFilter

BUDGET: Final = 3
"""Models to fine-tune, if nothing else is said."""

OF_RANKINGS: Final = ("evidence", "top", "csv", "plot", "html", "explain", "out", "latency")
"""Options that are about a ranking of all models."""
OF_STRATEGIES: Final = ("budget", "history")
"""Options that are about a strategy."""

HELP: Final = f"Choose models to fine-tune: {', '.join(NAMES)}."


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of a strategy.

    Attributes:
        strategy: Its name; empty: none, a ranking is wanted.
        budget: Models to fine-tune; None: `BUDGET`.
        history: File of a history, for Fennec.
    """

    strategy: str
    budget: int | None
    history: Path | None


def check_together(asked: Asked, given: Sequence[str]) -> None:
    """Refuse options that do not go together.

    Args:
        asked: Of a strategy.
        given: Names of the options that the user gave.

    Raises:
        InputError: One is about a ranking, and a strategy was chosen, or the other way round.
    """
    if asked.strategy:
        wrong = [name for name in OF_RANKINGS if name in given]
        if wrong:
            raise InputError(
                f"--{wrong[0]} is about a ranking of all models, and --strategy asks which to "
                "fine-tune; leave out one of the two."
            )
        return
    wrong = [name for name in OF_STRATEGIES if name in given]
    if wrong:
        raise InputError(
            f"--{wrong[0]} is about a search for models to fine-tune; name one with --strategy."
        )


def chosen(asked: Asked, sources: Sources, examples: Examples, where: ModelFilter) -> Choice:
    """Let a strategy choose, and say what the choice was computed from.

    Raises:
        InputError: As `choose_models`.
    """
    budget = BUDGET if asked.budget is None else asked.budget
    found = choose_models(
        asked.strategy, budget, sources, examples.images, examples.named_labels, where=where
    )
    provenance: dict[str, str | int] = {"zoo": sources.zoo.digest, "examples": len(examples)}
    if sources.mre is not None and asked.strategy in WITH_MRE:
        provenance["mre"] = mre_digest(sources.mre)
    if sources.history is not None and asked.strategy in WITH_HISTORY:
        provenance["history"] = sha256(sources.history.read_bytes()).hexdigest()
    return replace(found, provenance={**provenance, "synlearn": version("synlearn")})
