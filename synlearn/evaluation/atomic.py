"""Write a file completely or not at all."""

import os
import tempfile
from pathlib import Path

from synlearn.errors import InputError


def write_atomically(path: Path, content: bytes) -> None:
    """Put `content` at `path`; a crash leaves the old file or the new one, never half of one.

    Raises:
        InputError: if the folder does not exist or cannot be written to.
    """
    try:
        # In the same folder, since a rename is atomic only within one file system.
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror}; create the folder {path.parent} or choose one "
            "that you may write to."
        ) from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp makes private files; results are meant to be read
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
