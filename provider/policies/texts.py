"""Text files of an owner, of bounded size."""

from pathlib import Path

from synlearn.errors import InputError

MAX_BYTES = 2**20
"""Of a policy file; of the file of digests that it names, sixteen times as much."""


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """A text file of at most so many bytes.

    Raises:
        InputError: It cannot be read, is too large, or is no UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise InputError(f"{path} has more than {most} bytes; is it the right file?")
        return data.decode()
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"{path} cannot be read ({why}); check path and permissions.") from error
