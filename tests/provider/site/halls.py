"""Doors of tests."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from protocols.errors import Code, Refused
from provider.events import Knocked, NodeEvent
from provider.site.door import Door
from synlearn.errors import InputError


class Hall:
    """A door in a loop of its own."""

    def __init__(
        self,
        folder: Path,
        users: set[int],
        per_minute: int,
        receive: Callable[[bytes], str] | None,
    ) -> None:
        self.path = folder / "door" / "d.sock"
        self.got: list[bytes] = []
        self.time = 0.0
        self.events: list[NodeEvent] = []
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.door = Door(
            self.path,
            users=users,
            per_minute=per_minute,
            receive=receive or self.receive,
            clock=lambda: self.time,
            watcher=self.events.append,
        )

    def knocks(self) -> list[str]:
        """What came of all who knocked."""
        return [event.verdict.value for event in self.events if isinstance(event, Knocked)]

    def receive(self, data: bytes) -> str:
        self.got.append(data)
        if data == b"refuse":
            raise Refused(Code.ROSTER_NOT_TRUSTED, local="what we believe")
        if data == b"wrong":
            raise InputError("This site left the job.")
        return "It waits for the owner."

    def run(self, work: object) -> None:
        asyncio.run_coroutine_threadsafe(work, self.loop).result(10)  # type: ignore[arg-type]


@contextmanager
def hall(
    folder: Path,
    users: set[int] | None = None,
    per_minute: int = 100,
    receive: Callable[[bytes], str] | None = None,
) -> Iterator[Hall]:
    """A door that is open as long as the test is in it.

    Args:
        folder: Where it is made.
        users: Who may knock; this user unless told otherwise.
        per_minute: Most invitations looked at.
        receive: What takes them in, in the place of a few words that the hall knows.
    """
    made = Hall(folder, {os.getuid()} if users is None else users, per_minute, receive)
    made.run(made.door.open())
    try:
        yield made
    finally:
        made.run(made.door.close())
        made.loop.call_soon_threadsafe(made.loop.stop)
