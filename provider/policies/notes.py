"""What an owner should know about a policy that is right as it is written."""

from collections.abc import Iterator
from dataclasses import fields

from provider.policies.profiles import FUNCTIONS, GUARDED, KEYS_OF
from provider.policies.rules import FunctionRules, Models, Rules

_FEWER_IS_LOOSER = ("min_", "describe_rounding")
_MORE_IS_LOOSER = (
    "max_",
    "heads_per_row",
    "epsilon_",
    "delta",
    "questions",
    "bytes",
    "allow",
)
_LOOSENESS = {Models.LISTED: 0, Models.SIGNED: 1, Models.ANY: 2}


def notes(rules: Rules) -> tuple[str, ...]:
    """Sentences about a policy: what it answers nothing to, and where it is looser than `guarded`.

    Args:
        rules: Of any profile.
    """
    return (*_empty(rules), *_loose(rules))


def _empty(rules: Rules) -> Iterator[str]:
    """Functions that wait for a list that is empty."""
    models = rules.models
    signed = [name for name in FUNCTIONS if _asks_for(rules, name, Models.SIGNED)]
    if signed and not models.digests and not models.signers:
        yield (
            f"{', '.join(signed)}: answered for no model yet; list signers or digests in [models]."
        )
    listed = [name for name in FUNCTIONS if _asks_for(rules, name, Models.LISTED)]
    if listed and not models.digests:
        yield f"{', '.join(listed)}: answered for no model yet; list digests in [models]."


def _asks_for(rules: Rules, function: str, models: Models) -> bool:
    own = rules.of(function)
    return own.allow and own.models == models


def _loose(rules: Rules) -> Iterator[str]:
    if rules.profile == "open":
        yield 'profile "open": answers are exact; it is for data without secrets only.'
        return
    for function in FUNCTIONS:
        own = rules.of(function)
        if own.allow:
            yield from _looser_function(function, own)
    sections = (
        ("", rules.general, GUARDED.general),
        ("budgets.day.", rules.day, GUARDED.day),
        ("budgets.job.", rules.job, GUARDED.job),
        ("privacy.", rules.privacy, GUARDED.privacy),
    )
    for place, section, guarded in sections:
        for field in fields(section):
            key = field.name
            yield from _looser(place, key, getattr(section, key), getattr(guarded, key))
    if not rules.general.masked_once:
        yield "masked_once is false: a second sum over other survivors tells one party's own part."


def _looser_function(function: str, own: FunctionRules) -> Iterator[str]:
    base = GUARDED.of(function)
    place = f"functions.{function}."
    for key in KEYS_OF[function]:
        if key not in ("transport", "models", "approval", "noise_epsilon", "noise_clip"):
            yield from _looser(place, key, getattr(own, key), getattr(base, key))
    if _LOOSENESS[Models(own.models)] > _LOOSENESS[Models(base.models)]:
        yield f"{place}models is {own.models}; guarded has {base.models}: a model is a query."
    exact = own.plain and own.noise_epsilon is None
    if exact and function.startswith("pretraining"):
        yield f"{function} leaves exact and unmasked: whoever makes the backbone can read rows."
    elif exact and not base.plain and base.allow:
        yield f"{function} leaves exact and unmasked; guarded gives it in masked sums alone."


def _looser(place: str, key: str, own: object, base: object) -> Iterator[str]:
    if own == base or not isinstance(base, int | float):
        return
    if own is None:
        yield f"{place}{key} has no limit; guarded has {base}."
    elif isinstance(own, int | float) and (
        (key.startswith(_FEWER_IS_LOOSER) and own < base)
        or (key.startswith(_MORE_IS_LOOSER) and own > base)
    ):
        yield f"{place}{key} is {own}; guarded has {base}."
