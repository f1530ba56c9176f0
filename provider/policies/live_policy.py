"""The policy in force: follows its file, and keeps the last good one where the file is wrong."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from protocols.ids import Digest, digest_of
from provider.events import PolicyRead, Watcher, ignore
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.policy_file import digests_path, parse_policy
from provider.policies.texts import read_text
from synlearn.errors import InputError

log = logging.getLogger(__name__)

SETTLED = 1.0
"""Seconds for which a changed file has to be left alone before it counts: an editor may be in the
middle of writing it, and half a policy may allow more than the whole."""

_Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """A policy, as one question sees it from its beginning to its end.

    Attributes:
        policy: The rules.
        digest: Of the text that states them, and of the digests' file that it names.
    """

    policy: OwnerPolicy
    digest: Digest


class LivePolicy:
    """A policy file that may change at any time; reads it again only then.

    Ask `current` once for each question: what it returns never changes.

    Args:
        path: Of the policy file.
        now: Unix seconds.
        changed: Told of each new policy in force, the first one included.
        watcher: Told of each reading, of those that failed, too.

    Raises:
        InputError: The file is wrong: without a policy nothing is answered.
    """

    def __init__(
        self,
        path: Path,
        *,
        now: Callable[[], float],
        changed: Callable[[InForce], None] = lambda _: None,
        watcher: Watcher = ignore,
    ) -> None:
        self._path = path
        self._now = now
        self._changed = changed
        self._watcher = watcher
        self._files: tuple[Path, ...] = (path,)
        self._seen: _Stamp = ()
        self._moved: tuple[_Stamp, float] | None = None
        self._problem: str | None = None
        self._current = self._read()
        changed(self._current)
        self._tell(accepted=True)

    @property
    def problem(self) -> str | None:
        """What is wrong with the file as it stands; None while it is in force."""
        return self._problem

    def current(self) -> InForce:
        """The policy in force now."""
        stamp = tuple(map(_stamp_of, self._files))
        if stamp == self._seen:
            self._moved = None
            return self._current
        now = self._now()
        if self._moved is None or self._moved[0] != stamp:
            self._moved = stamp, now
        # By its own times a file may have been alone for long; they may also lie in the future.
        since = min(self._moved[1], max((of[1] / 1e9 for of in stamp if of), default=now))
        if now - since >= SETTLED:
            self._moved = None
            self._reload()
        return self._current

    def _reload(self) -> None:
        before = self._current.digest
        try:
            self._current = self._read()
        except InputError as error:
            if self._problem != str(error):
                log.warning("the policy stays as it was: %s", error)
                self._tell(accepted=False)
            self._problem = str(error)
            return
        self._problem = None
        self._tell(accepted=True)
        if self._current.digest != before:
            log.info("policy %s is in force", self._current.digest[:12])
            self._changed(self._current)

    def _tell(self, *, accepted: bool) -> None:
        privacy = self._current.policy.rules.privacy
        self._watcher(PolicyRead(accepted, privacy.delta, privacy.epsilon_job))

    def _read(self) -> InForce:
        """Read the file; each stamp is older than what was read under it, never newer."""
        self._files, self._seen = (self._path,), (_stamp_of(self._path),)
        text = read_text(self._path)
        digests = digests_path(text, self._path.parent)
        if digests is not None:
            self._files, self._seen = (self._path, digests), (*self._seen, _stamp_of(digests))
        rules = parse_policy(text, str(self._path), self._path.parent)
        listed = "\n".join(sorted(rules.models.digests))
        return InForce(OwnerPolicy(rules), digest_of(f"{text}\0{listed}".encode()))


def _stamp_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino
