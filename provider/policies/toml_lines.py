"""Where a key stands in a TOML text, for error messages; the parser itself does not say."""

import tomllib
from collections.abc import Sequence


def line_of(text: str, path: Sequence[str]) -> int | None:
    """The line, from 1, that gives the key at `path`, or its nearest parent; None if not found.

    Good for messages only: a text of several lines that looks like TOML may mislead it.
    """
    best: tuple[int, int] | None = None
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped.startswith("["):
            table = _key(stripped.strip("[ ").split("]")[0]) or table
            found = table
        else:
            key = _key(stripped.split("=")[0]) if "=" in stripped else ()
            found = (*table, *key) if key else ()
        depth = len(found)
        wanted = found and tuple(path[:depth]) == found
        if wanted and (best is None or depth > best[0]):
            best = (depth, number)
    return best[1] if best else None


def _key(text: str) -> tuple[str, ...]:
    """A key's parts, quoted ones too; empty for what is none."""
    try:
        value: object = tomllib.loads(f"{text} = 0")
    except (ValueError, RecursionError):
        return ()
    parts = []
    while isinstance(value, dict) and len(value) == 1:
        ((part, value),) = value.items()
        parts.append(str(part))
    return tuple(parts)
