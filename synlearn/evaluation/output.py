"""Write what a user asked for to where they asked for it."""

from pathlib import Path

from synlearn.atomic import write_atomically
from synlearn.errors import InputError


def write_output(path: Path, content: bytes) -> None:
    """Write `content` to `path`, completely or not at all.

    Raises:
        InputError: if the place cannot be written to.
    """
    try:
        write_atomically(path, content)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror}; create the folder {path.parent} or choose "
            "another place that you may write to."
        ) from error
