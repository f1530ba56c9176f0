"""An event loop in a thread of its own, and the way in for all other threads."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Coroutine


class LoopThread:
    """Runs one coroutine to its end.

    Attributes:
        loop: The event loop; its methods, and all that lives in it, belong to this thread alone.
    """

    def __init__(
        self,
        name: str,
        main: Callable[[], Coroutine[None, None, None]],
        after: Callable[[], None],
    ) -> None:
        """Make the thread, without starting it.

        Args:
            name: Of the thread.
            main: What it runs.
            after: Called in it when the loop is closed, whatever happened.
        """
        self.loop = asyncio.new_event_loop()
        self._main = main
        self._after = after
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def running(self) -> bool:
        """Whether the thread was started and is not over."""
        return self._thread.is_alive()

    def start(self) -> None:
        """Begin; once only."""
        self._thread.start()

    def call(self, action: Callable[[], None]) -> None:
        """Have the loop do something soon, after the start at the earliest.

        Nothing happens when the loop is closed; `after` has then been called, or soon is.
        """
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(action)

    def join(self) -> None:
        """Wait until `after` has returned; at once when the thread was never started."""
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                runner.run(self._main())
        finally:
            self._after()
