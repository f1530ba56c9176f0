"""Which models of a zoo come into question at all: by size, licence, input shape and latency."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from synlearn.errors import InputError
from synlearn.zoo.card import ModelCard, ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.latency import Latencies

ANY: Final = -1
"""In an input shape: any number."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a team asks of a model besides its accuracy.

    Attributes:
        parameters: Trained numbers.
        license: As on its card: an SPDX identifier, as a rule.
        input_shape: Channels, height and width of its images.
        latency_ms: Milliseconds for one image on this machine; None where it was not measured.
    """

    parameters: int
    license: str
    input_shape: tuple[int, int, int]
    latency_ms: float | None = None

    @classmethod
    def of(cls, card: ModelCard, latency_ms: float | None = None) -> "ModelFacts":
        """What a card says."""
        return cls(card.parameters, card.license, card.input.shape, latency_ms)


@dataclass(frozen=True, slots=True)
class Selection:
    """The models that are left, and why the others are not.

    Attributes:
        facts: Of each model that is left, in the zoo's order.
        conditions: In words, such as "at most 100,000 parameters"; none where there were none.
        left_out: How many models the conditions have left out.
        machine: Where latencies were measured, in words; empty where none was.
    """

    facts: Mapping[str, ModelFacts]
    conditions: tuple[str, ...] = ()
    left_out: int = 0
    machine: str = ""

    def in_words(self) -> str:
        """One sentence on the conditions."""
        total = len(self.facts) + self.left_out
        return (
            f"{self.left_out} of the zoo's {total} models were left out; asked for: "
            f"{'; '.join(self.conditions)}."
        )


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """Conditions that a model has to meet; those that are None ask nothing.

    Attributes:
        most_parameters: Largest number of parameters.
        licenses: Allowed ones, as cards name them, in any case; empty asks nothing.
        input_shape: Channels, height and width of the images, `ANY` for any.
        most_milliseconds: Largest latency on this machine.
        latencies: Where latency is measured and kept; with it, it is measured and told of also
            where nothing is asked of it.

    Raises:
        InputError: A bound is not above 0, or latency is asked for without `latencies`.
    """

    most_parameters: int | None = None
    licenses: tuple[str, ...] = ()
    input_shape: tuple[int, int, int] | None = None
    most_milliseconds: float | None = None
    latencies: Latencies | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in ("most_parameters", "most_milliseconds"):
            bound = getattr(self, name)
            if bound is not None and not 0 < bound < float("inf"):
                raise InputError(f"{name} is {bound}: give a number above 0, or leave it out.")
        if self.most_milliseconds is not None and self.latencies is None:
            raise InputError(
                "latency is asked for, but not where it is measured: give latencies, such as "
                "Latencies.here(time.perf_counter)."
            )

    def select(self, zoo: Zoo) -> Selection:
        """Apply all conditions; only models that meet the others are timed.

        Raises:
            InputError: No model is left; the sentence says what each condition has left out.
        """
        left = {model: zoo.card(model) for model in zoo}
        told: list[str] = []
        if self.most_parameters is not None:
            most = self.most_parameters
            told.append(f"at most {most:,} parameters")
            left = {model: card for model, card in left.items() if card.parameters <= most}
            _check_left(zoo, told, len(left))
        if self.licenses:
            allowed = {name.casefold() for name in self.licenses}
            told.append(f"licence {' or '.join(self.licenses)}")
            left = {m: card for m, card in left.items() if card.license.casefold() in allowed}
            _check_left(zoo, told, len(left))
        if self.input_shape is not None:
            told.append(f"input {_shape_in_words(self.input_shape)}")
            wanted = self.input_shape
            left = {m: card for m, card in left.items() if _fits(card.input.shape, wanted)}
            _check_left(zoo, told, len(left))
        took: Mapping[ModelId, float] = {}
        if self.latencies is not None:
            took = self.latencies.milliseconds(zoo, list(left))
        if self.most_milliseconds is not None:
            most_ms = self.most_milliseconds
            told.append(f"at most {most_ms:g} ms an image on this machine")
            left = {model: card for model, card in left.items() if took[model] <= most_ms}
            _check_left(zoo, told, len(left))
        facts: dict[str, ModelFacts] = {
            model: ModelFacts.of(card, took.get(model)) for model, card in left.items()
        }
        machine = "" if self.latencies is None else str(self.latencies.machine)
        return Selection(facts, tuple(told), len(zoo) - len(left), machine)


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read an input shape, channels first, with `*` for any: "3x32x32", "3x*x*".

    Raises:
        InputError: It is none.

    >>> parse_shape("3x32x32"), parse_shape("1x*x*")
    ((3, 32, 32), (1, -1, -1))
    """
    parts = text.lower().split("x")
    if len(parts) != 3 or not all(p == "*" or (p.isdecimal() and int(p) > 0) for p in parts):
        raise InputError(
            f"the input shape {text!r} is none: give channels, height and width, as 3x32x32, with "
            "* for any."
        )
    channels, height, width = (ANY if part == "*" else int(part) for part in parts)
    return channels, height, width


def _fits(shape: Sequence[int], wanted: Sequence[int]) -> bool:
    return all(asked in (ANY, own) for asked, own in zip(wanted, shape, strict=True))


def _shape_in_words(shape: Sequence[int]) -> str:
    return " x ".join("any" if side == ANY else str(side) for side in shape)


def _check_left(zoo: Zoo, told: Sequence[str], left: int) -> None:
    if not left:
        rest = f", after {' and '.join(told[:-1])}" if told[:-1] else ""
        raise InputError(
            f"no model of the {len(zoo)} in {zoo.root} has {told[-1]}{rest}; loosen that condition."
        )
