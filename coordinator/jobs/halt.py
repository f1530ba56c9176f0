"""A request to stop that may come before there is anything to stop."""

import threading
from collections.abc import Callable


class Halt:
    """Carries an operator's word to a running job, whichever of the two is there first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reason = ""
        self._act: Callable[[str], None] | None = None

    @property
    def reason(self) -> str:
        """Why the job is to stop; empty while it may go on."""
        return self._reason

    def ask(self, reason: str) -> None:
        """Have the job stopped."""
        with self._lock:
            self._reason = reason
            act = self._act
        if act is not None:
            act(reason)

    def on(self, act: Callable[[str], None]) -> None:
        """What stops the job; called at once where that was asked for before."""
        with self._lock:
            self._act = act
            reason = self._reason
        if reason:
            act(reason)
