"""Which members are so new that nodes do not count them yet.

A node counts an identity that is new to it only after a grace time (`protocols.secagg.standing`),
and refuses a sum that has too few rows of those that it counts. It learns of identities from the
rosters that a coordinator hands over. So the coordinator keeps when it first made papers for each.
"""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

from protocols.ids import ProviderId
from protocols.secagg.roster import Roster
from protocols.secagg.standing import GRACE
from synlearn.atomic import write_atomically
from synlearn.errors import InputError

_LOCK = threading.Lock()
"""Jobs of one coordinator share the file."""


class Seniority:
    """When each identity of a federation was first shown to its nodes; for any thread.

    Those of the first roster that is ever shown count at once, as they do at a node.

    Args:
        path: Of the file.
        now: Unix seconds.
    """

    def __init__(self, path: Path, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._now = now

    def show(self, roster: Roster) -> None:
        """Take down that papers are made under a roster; whoever is not in it is forgotten.

        Raises:
            InputError: The file is damaged, or cannot be written.
        """
        with _LOCK:
            known = self._read()
            since = 0.0 if known is None else self._now()
            keys = sorted(key.hex() for key in roster.identities.values())
            shown = {key: (known or {}).get(key, since) for key in keys}
            if shown == known:
                return
            try:
                write_atomically(self._path, json.dumps(shown).encode())
            except OSError as error:
                raise InputError(
                    f"{self._path} cannot be written ({error.strerror}); make room."
                ) from error

    def young(self, roster: Roster) -> frozenset[ProviderId]:
        """Members that nodes do not count yet, unless their owners have approved of them.

        Raises:
            InputError: The file is damaged.
        """
        with _LOCK:
            known = self._read() or {}
        old = self._now() - GRACE
        return frozenset(
            name for name, key in roster.identities.items() if known.get(key.hex(), 0.0) > old
        )

    def _read(self) -> dict[str, float] | None:
        try:
            kept = json.loads(self._path.read_text())
            return {str(key): float(since) for key, since in kept.items()}
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                f"{self._path} cannot be used ({error}); delete it, and all members count as old."
            ) from error
