"""API keys: made by a command, shown once, kept as digests.

A key is 32 random bytes, so nobody guesses it, and a plain SHA-256 of it can be kept: what makes
digests of passwords slow defends what people choose, and would let strangers keep the service busy.
"""

import hashlib
import hmac
import json
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.strict_json import without_twins

FORMAT: Final = "synlearn-keys/1"
PREFIX: Final = "synlearn_"
LONGEST: Final = 200
"""Characters of a key that are looked at at all."""
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key.

    Attributes:
        name: Whose it is; stands in logs and metrics.
        sha256: Of the key, hex.
        created: ISO 8601 time.
    """

    name: str
    sha256: str
    created: str


def digest(key: str) -> str:
    """SHA-256 of a key, hex."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def read_keys(path: Path) -> tuple[KeyRecord, ...]:
    """Read a file of keys.

    Raises:
        InputError: It cannot be read, or is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=without_twins)
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); make keys with: synlearn-coordinator keys "
            f"add NAME --keys {path}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is damaged; restore it, or make new keys.") from error
    try:
        return _records(content)
    except (LookupError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no file of API keys; restore it, or make new keys.") from error


def add_key(path: Path, name: str, now: datetime) -> str:
    """Make a key and keep its digest; returns the key, which nothing else will ever show.

    Raises:
        InputError: The name is none or taken, or the file cannot be read or written.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a key; use up to 64 letters, digits, . _ -")
    known = read_keys(path) if path.exists() else ()
    if any(each.name == name for each in known):
        raise InputError(f"{path} has a key {name} already; remove it first, or take another name.")
    key = PREFIX + secrets.token_urlsafe(32)
    _write(path, (*known, KeyRecord(name, digest(key), now.isoformat(timespec="seconds"))))
    return key


def remove_key(path: Path, name: str) -> None:
    """Forget a key; a service that runs stops taking it within seconds.

    Raises:
        InputError: There is none of this name, or the file cannot be read or written.
    """
    known = read_keys(path)
    left = tuple(each for each in known if each.name != name)
    if len(left) == len(known):
        raise InputError(f"{path} has no key {name}; see: synlearn-coordinator keys list")
    _write(path, left)


class KeyRing:
    """The keys of a file, read again when it has changed.

    A file that cannot be used leaves the former keys in force, and says so in the log.

    Args:
        path: The file.
        clock: Seconds, rising.

    Raises:
        InputError: The file cannot be used at the start.
    """

    EVERY: Final = 1.0
    """Seconds between looks at the file."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._stamp = self._look()
        self._names = self._read()
        self._next = clock() + self.EVERY

    def name_of(self, key: str) -> str | None:
        """Whose key it is; None where it is nobody's."""
        if self._clock() >= self._next:
            self._renew()
        if not key.startswith(PREFIX) or len(key) > LONGEST:
            return None
        own = digest(key)
        for sha256, name in self._names.items():
            if hmac.compare_digest(sha256, own):
                return name
        return None

    def __len__(self) -> int:
        return len(self._names)

    def _renew(self) -> None:
        self._next = self._clock() + self.EVERY
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._names = self._read()
        except InputError as error:
            _log.warning("the former API keys stay in force: %s", error)
        else:
            _log.info("API keys were read again: %d", len(self._names))

    def _look(self) -> tuple[int, int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0, 0)
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _read(self) -> dict[str, str]:
        return {each.sha256: each.name for each in read_keys(self._path)}


def _records(content: Any) -> tuple[KeyRecord, ...]:  # noqa: ANN401 - any JSON
    if content["format"] != FORMAT:
        raise ValueError("another format")
    found = tuple(KeyRecord(**each) for each in content["keys"])
    for each in found:
        if not _NAME.fullmatch(each.name) or not _DIGEST.fullmatch(each.sha256):
            raise ValueError("no name or no digest")
    if len({each.name for each in found}) < len(found):
        raise ValueError("a name occurs twice")
    return found


def _write(path: Path, records: tuple[KeyRecord, ...]) -> None:
    content = {"format": FORMAT, "keys": [asdict(each) for each in records]}
    try:
        write_atomically(path, (json.dumps(content, indent=1) + "\n").encode())
        path.chmod(0o600)
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); check its folder."
        ) from error
