"""What a question asks for, in a few words for the owner."""

import dataclasses

import numpy as np

from provider.policies.question_limits import AnyQuery

_NAMES_SHOWN = 3
_WORDS = {
    "models": "models",
    "classes": "classes",
    "tasks": "tasks",
    "slots": "class slots",
    "ks": "sizes of target datasets",
    "scores": "scores",
}


def shape_of(query: AnyQuery) -> str:
    """Sizes and names of what is asked, on one line.

    >>> from protocols.queries import SquaredError
    >>> shape_of(SquaredError(("a" * 64, "b" * 64), rows=5))
    '2 models; rows 5'
    """
    parts = []
    for field in dataclasses.fields(query):
        value = getattr(query, field.name)
        if isinstance(value, tuple):
            names = _names(value) if field.name in ("classes", "slots") else ""
            parts.append(f"{len(value)} {_WORDS.get(field.name, field.name)}{names}")
        elif isinstance(value, np.ndarray):
            sides = "x".join(map(str, value.shape))
            word = _WORDS.get(field.name)
            parts.append(f"{len(value)} {word}" if word else f"{field.name} {sides}")
        elif isinstance(value, str) and len(value) == 64:
            parts.append(f"{field.name} {value[:12]}")
        else:
            parts.append(f"{field.name} {value}")
    return "; ".join(parts)


def _names(classes: tuple[str, ...]) -> str:
    shown = sorted(set(classes))
    more = ", ..." if len(shown) > _NAMES_SHOWN else ""
    return f" ({', '.join(shown[:_NAMES_SHOWN])}{more})"
