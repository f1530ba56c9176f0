"""The node's key: made on site, never sent anywhere."""

import hashlib
import os
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from protocols.secagg.keys import Identity, derive
from provider.site.home import open_to_others
from synlearn.errors import InputError


class SiteKey:
    """The identity of a site, and the secret that its drawing of rows is keyed by.

    Both come from one private key, so that one backup keeps both: who loses the secret draws
    other rows for the same questions.
    """

    __slots__ = ("_private", "identity")

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.identity = Identity(private)

    @property
    def row_secret(self) -> bytes:
        """32 bytes that no one else can know."""
        return derive(self.private_bytes, salt=b"", info=b"synlearn/rows/v1")

    @property
    def private_bytes(self) -> bytes:
        """The private key, 32 bytes."""
        return self._private.private_bytes_raw()

    @classmethod
    def of(cls, private: bytes) -> Self:
        """The key of 32 private bytes."""
        return cls(Ed25519PrivateKey.from_private_bytes(private))

    def pem(self) -> bytes:
        """The private key, not encrypted."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_key(path: Path) -> SiteKey:
    """Make a key and keep it in a new file that only its owner can read.

    Raises:
        InputError: The file is there already, or cannot be written.
    """
    key = SiteKey(Ed25519PrivateKey.generate())
    keep_key(path, key)
    return key


def keep_key(path: Path, key: SiteKey) -> None:
    """Write a key into a new file that only its owner can read.

    Raises:
        InputError: The file is there already, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key.pem())
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError as error:
        raise InputError(f"{path} is there already; an identity is never overwritten.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}).") from error


def load_key(path: Path) -> SiteKey:
    """Read the key that `make_key` kept.

    Raises:
        InputError: The file is missing, damaged, or readable by others.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); restore the identity from a backup."
        ) from error
    if open_to_others(path):
        raise InputError(f"{path} is open to other users; close it with: chmod 600 {path}")
    try:
        private = load_pem_private_key(data, None)
    except (ValueError, TypeError) as error:
        raise InputError(f"{path} holds no private key; restore it from a backup.") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise InputError(f"{path} holds another kind of key than Ed25519; restore it.")
    return SiteKey(private)


def fingerprint(public: bytes) -> str:
    """A public key's digest, to be read to somebody: SHA-256 in groups of four digits.

    >>> fingerprint(bytes(32))[:24]
    '6668 7aad f862 bd77 6c8f'
    """
    digits = hashlib.sha256(public).hexdigest()
    return " ".join(digits[first : first + 4] for first in range(0, 64, 4))
