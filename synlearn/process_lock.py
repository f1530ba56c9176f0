"""Which process does a job that only one may do at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from synlearn.errors import InputError


@contextlib.contextmanager
def alone(path: Path, who: str) -> Iterator[None]:
    """Hold a lock.

    Args:
        path: Of the lock's file.
        who: As a sentence about another process names it: "This node".

    Raises:
        InputError: Another process holds it.
    """
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{who} is started already (it holds {path}); stop that process first."
            ) from error
        yield


def is_held(path: Path) -> bool:
    """Whether a process holds the lock."""
    if not path.exists():
        return False
    with path.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
