"""What all parsers of a user's files have in common: a value, or one sentence in an InputError."""

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from synlearn.errors import InputError

T = TypeVar("T")


@cache
def folder() -> Path:
    """A folder for the files of this process; removed with it."""
    made = tempfile.TemporaryDirectory(prefix="synlearn-fuzz-")
    _KEPT.append(made)
    return Path(made.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


def written(name: str, data: bytes) -> Path:
    """A file of that name with these bytes."""
    path = folder() / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def parsed(parse: Callable[[], T]) -> T | None:
    """What `parse` returns; None where it says what is wrong, in a sentence that can be printed."""
    try:
        return parse()
    except InputError as error:
        sentence = str(error)
        assert sentence.strip()
        sentence.encode()  # a terminal cannot show a lone surrogate
        assert len(sentence) < 20_000
        return None
