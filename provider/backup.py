"""A copy of a site's ledger and identity, and the way back from it."""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocols.ids import ProviderId
from provider.chain import Head
from provider.journal import last_head
from provider.ledger_head import HeadFile
from synlearn.errors import InputError

LEDGER, HEAD, IDENTITY = "ledger.db", "ledger.head", "identity.pem"
SHORTEST_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back.

    Attributes:
        identity: The private key, 32 bytes.
        head: Where the restored chain ends.
        missing: How many later entries the head file that was still there knows of: 0 where all
            came back. The journal puts them on record when the node starts.
    """

    identity: bytes
    head: Head
    missing: int


def backup(
    ledger: Path, provider: ProviderId, identity: bytes, target: Path, passphrase: str
) -> Head:
    """Copy a ledger, also of a node that runs, and its identity into a new folder.

    The ledger itself is not encrypted: it has stored answers and no secret key.

    Args:
        ledger: The file.
        provider: Whose it is.
        identity: The private key, 32 bytes; written encrypted.
        target: A folder that does not exist yet.
        passphrase: Of at least `SHORTEST_PASSPHRASE` characters.

    Returns:
        Where the copied chain ends: print it, and keep it elsewhere.

    Raises:
        InputError: The target exists or cannot be written, or the passphrase is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise InputError(f"the passphrase needs at least {SHORTEST_PASSPHRASE} characters")
    if target.exists():
        raise InputError(f"{target} exists already; name a new folder for the backup")
    if not ledger.is_file():
        raise InputError(f"{ledger} does not exist; give the ledger file of a node")
    unfinished = target.with_name(f".{target.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        head = _copy(ledger, unfinished / LEDGER, provider)
        HeadFile(unfinished / HEAD).write(head)
        key = Ed25519PrivateKey.from_private_bytes(identity).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(passphrase.encode())
        )
        _write(unfinished / IDENTITY, key)
        _to_disk(unfinished)
        unfinished.rename(target)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise InputError(f"the backup in {target} could not be written: {error}") from error
    return head


def restore(
    source: Path, provider: ProviderId, passphrase: str, *, ledger: Path, head: Path
) -> Restored:
    """Bring a ledger back, and read its identity.

    Args:
        source: The folder that `backup` wrote.
        provider: Whose it is.
        passphrase: As given to `backup`.
        ledger: Where the file goes; nothing may be there.
        head: The head file; one that is there stays, and says what is missing.

    Raises:
        InputError: The backup cannot be read, the passphrase is wrong, or `ledger` exists.
    """
    if ledger.exists():
        raise InputError(f"{ledger} exists; restore never overwrites a ledger: move it away first")
    identity = _identity(source / IDENTITY, passphrase)
    unfinished = ledger.with_name(f".{ledger.name}.unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        end = _copy(source / LEDGER, unfinished, provider)
        os.link(unfinished, ledger)  # unlike a rename, it fails where somebody was faster
        unfinished.unlink()
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(f"{source} could not be restored to {ledger}: {error}") from error
    known = HeadFile(head).read()
    if known is None:
        HeadFile(head).write(end)
    return Restored(identity, end, max(0, known.seq - end.seq) if known else 0)


def _copy(source: Path, target: Path, provider: ProviderId) -> Head:
    """Copy by SQLite itself, which knows what is still in the write-ahead log."""
    uri = f"{source.resolve().as_uri()}?mode=ro"
    with (
        closing(sqlite3.connect(uri, uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")
        target.chmod(0o600)
        return last_head(new, provider)


def _identity(path: Path, passphrase: str) -> bytes:
    try:
        key = load_pem_private_key(path.read_bytes(), passphrase.encode())
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} cannot be opened: the passphrase is wrong, or the file is damaged"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError(f"{path} holds a key of another kind than an identity's (Ed25519)")
    return key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "wb") as stream:
        stream.write(data)


def _to_disk(folder: Path) -> None:
    for path in (*folder.iterdir(), folder):
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
