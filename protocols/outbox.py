"""What waits to be sent on one stream, and how it is packed into messages.

Frames that wait together travel in one message: in gRPC for Python a message costs far more than
its bytes. Pieces of files have a lane of their own, read only when their turn comes, one to a
message: so they never hold up a frame of the other lane for longer than one piece, and a slow peer
never makes them pile up in memory.
"""

from collections import deque
from collections.abc import Callable

from protocols.frames import Answer, Frame, Question
from protocols.framing import encode
from protocols.limits import BATCH, MAX_FRAMES


class Outbox:
    """Frames in order, packed on demand. `wake` is called when there is something to take."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._prompt: deque[Frame] = deque()
        self._bulk: deque[Callable[[], Frame]] = deque()
        self.waiting = 0
        """Bytes of the questions and answers that wait; other frames are small and few."""

    def put(self, frame: Frame) -> None:
        """Queue a frame behind those put before it."""
        self._prompt.append(frame)
        self.waiting += _weight(frame)
        self._wake()

    def put_bulk(self, read: Callable[[], Frame]) -> None:
        """Queue a frame that `read` makes when its turn comes, after the prompt ones."""
        self._bulk.append(read)
        self._wake()

    def drop_bulk(self) -> None:
        """Forget the pieces of files: no peer needs them after the last frame."""
        self._bulk.clear()

    def take(self) -> bytes:
        """The next message; empty when nothing waits."""
        parts: list[bytes] = []
        size, prompt = 0, self._prompt
        while prompt and size < BATCH and len(parts) < MAX_FRAMES - 1:
            frame = prompt.popleft()
            self.waiting -= _weight(frame)
            part = encode(frame)
            parts.append(part)
            size += len(part)
        if self._bulk and size < BATCH:
            parts.append(encode(self._bulk.popleft()()))
        return parts[0] if len(parts) == 1 else b"".join(parts)


def _weight(frame: Frame) -> int:
    return len(frame.body) if isinstance(frame, Question | Answer) else 0
