"""Files that only their owner reads, whatever the umask, and folders that appear whole."""

import errno
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from synlearn.errors import InputError

PARTIAL: Final = ".partial-"
"""How folders begin that are being written; one that is left over was never finished."""


class BusyError(InputError):
    """Another process is at work here."""


def private_folder(path: Path) -> Path:
    """Make a folder of mode 0700 where there is none.

    Raises:
        InputError: It cannot be made, or others may look into the one that is there.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise InputError(
            f"The folder {path} cannot be made ({error.strerror}); choose another place."
        ) from error
    if mode & 0o077:
        raise InputError(
            f"Others than the owner may use {path} (mode {mode:04o}); run chmod 700 on it."
        )
    return path


def create(path: Path) -> BinaryIO:
    """Open a new file of mode 0600 for writing."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b")


def write_private(path: Path, data: bytes) -> None:
    """Write a file of mode 0600 that is whole, and on disk, or not there."""
    partial = path.with_name(f"{PARTIAL}{path.name}-{secrets.token_hex(4)}")
    try:
        with create(partial) as file:
            file.write(data)
            synchronise(file)
        partial.replace(path)
        synchronise_folder(path.parent)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def folder_that_appears_whole(path: Path) -> Iterator[Path]:
    """Give a temporary neighbour to write into, and rename it to `path` when all went well.

    Where `path` is there already, what was written is thrown away: only equal content may have
    equal names.
    """
    partial = path.with_name(f"{PARTIAL}{path.name}-{secrets.token_hex(4)}")
    partial.mkdir(mode=0o700)
    try:
        yield partial
        for file in partial.iterdir():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
        synchronise_folder(partial)
        if not path.exists():
            partial.rename(path)
        synchronise_folder(path.parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def synchronise(file: BinaryIO) -> None:
    """Bring a file's content to the disk."""
    file.flush()
    os.fsync(file.fileno())


def synchronise_folder(folder: Path) -> None:
    """Bring a folder's list of names to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_partial(folder: Path) -> None:
    """Remove what was being written when a process ended."""
    for left in folder.glob(f"{PARTIAL}*"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()


@contextmanager
def only_one(lock: Path) -> Iterator[None]:
    """Hold a lock that ends with the process.

    Raises:
        BusyError: Another process has it.
    """
    with os.fdopen(os.open(lock, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise BusyError(
                f"Another process is writing to {lock.parent}; wait until it is done."
            ) from error
        yield


@contextmanager
def full_disk_said_plainly(folder: Path) -> Iterator[None]:
    """Turn a disk that is full, or cannot be written to, into one sentence (InputError)."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
            raise
        raise InputError(
            f"{folder} could not be written to ({error.strerror}); what was there before is "
            "unharmed: make room and try again."
        ) from error


def check_room(folder: Path, needed: int) -> None:
    """Check that this many bytes fit on the disk of a folder, and some more.

    Raises:
        InputError: They do not.
    """
    free = shutil.disk_usage(folder).free
    if needed + _SPARE > free:
        raise InputError(
            f"The rows take {needed / 1e6:,.0f} MB, but the disk of {folder} has room for "
            f"{max(0, free - _SPARE) / 1e6:,.0f} MB; make room, or choose another disk."
        )


_SPARE: Final = 64 * 2**20
"""Bytes left for the ledger and others on the same disk."""
