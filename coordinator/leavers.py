"""Whose owners left a job for good, kept in the run's folder: no later process waits for them."""

import json
import logging
import threading
from pathlib import Path

from coordinator.session_events import Joined, Left, SessionEvent
from protocols.ids import ProviderId
from synlearn.atomic import write_atomically
from synlearn.errors import InputError

FILE = "left.json"

_log = logging.getLogger(__name__)


class Leavers:
    """Follows the events of a job's sessions; for any thread.

    Args:
        out: Folder of the run.

    Raises:
        InputError: What an earlier process of the run has kept cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self._path = out / FILE
        self._lock = threading.Lock()
        self._names = _kept(self._path)

    def names(self) -> frozenset[ProviderId]:
        """Those who left, and have not come again since, with another node."""
        with self._lock:
            return frozenset(self._names)

    def event(self, event: SessionEvent) -> None:
        """Take notice of an event, before anybody else does."""
        if not isinstance(event, Left | Joined):
            return
        with self._lock:
            after = (
                self._names | {event.provider}
                if isinstance(event, Left)
                else self._names - {event.provider}
            )
            if after == self._names:
                return
            self._names = after
            try:
                write_atomically(self._path, json.dumps(sorted(after)).encode())
            except OSError as error:  # the job stops for want of room at its next checkpoint
                _log.warning("%s cannot be written (%s)", self._path, error.strerror)


def _kept(path: Path) -> frozenset[ProviderId]:
    try:
        kept = json.loads(path.read_text())
        if not isinstance(kept, list):
            raise ValueError("it holds no list")
        return frozenset(ProviderId(str(name)) for name in kept)
    except FileNotFoundError:
        return frozenset()
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be used ({error}); delete it, and the job waits for those who left."
        ) from error
