"""The files that are being pulled over one stream: what to ask for next, and where it goes."""

from collections import deque
from collections.abc import Callable

from protocols.errors import Code, Refused
from protocols.frames import BlobChunk, BlobError, BlobRequest
from provider.blobs import Arriving


class Pull:
    """One file on its way.

    Args:
        file: What has arrived; pieces are added to it.
        max_bytes: A larger file is refused at its first piece.
        done: Called once: with None when the file is complete, else with why it will not be.
    """

    def __init__(
        self, file: Arriving, max_bytes: int, done: Callable[[Exception | None], None]
    ) -> None:
        self.file = file
        self.max_bytes = max_bytes
        self.asked = len(file)
        self.over = False
        self._done = done

    def finish(self, error: Exception | None) -> None:
        """The file is complete, or will not come this way; what still arrives is dropped."""
        if not self.over:
            self.over = True
            self._done(error)


class Pulls:
    """Shares one stream's window of requests among its pulls, in turn."""

    def __init__(self, window: int, chunk: int) -> None:
        self._window = window
        self._chunk = chunk
        self._pulls: deque[Pull] = deque()
        self._requests: deque[Pull] = deque()  # whose each open request is, oldest first

    def start(self, pull: Pull) -> None:
        """Take on another file."""
        self._pulls.append(pull)

    def stop(self, error: Exception) -> None:
        """The stream is gone."""
        for pull in self._pulls:
            pull.finish(error)
        self._pulls.clear()

    def due(self) -> list[BlobRequest]:
        """The requests to send now."""
        requests: list[BlobRequest] = []
        skipped = 0
        while len(self._requests) < self._window and skipped < len(self._pulls):
            pull = self._pulls[0]
            if pull.over:
                self._pulls.popleft()
                continue
            self._pulls.rotate(-1)
            request = self._next(pull)
            if request is None:
                skipped += 1
                continue
            skipped = 0
            requests.append(request)
            self._requests.append(pull)
        return requests

    def arrived(self, reply: BlobChunk | BlobError) -> None:
        """Take the reply to the oldest request; the session's rules have checked that it is."""
        pull = self._requests.popleft()
        if pull.over:
            return
        if isinstance(reply, BlobError):
            pull.finish(Refused(Code.FILE_UNAVAILABLE, local=reply.code.sentence))
            return
        file = pull.file
        if reply.total > pull.max_bytes:
            pull.finish(
                Refused(Code.FILE_TOO_LARGE, local=f"{reply.total} bytes, limit {pull.max_bytes}")
            )
        elif file.total not in (None, reply.total):
            pull.finish(Refused(Code.FILE_WRONG_DIGEST, local="its size changed on the way"))
        else:
            file.total = reply.total
            file.add(reply.data)
            if file.complete:
                pull.finish(None)

    def _next(self, pull: Pull) -> BlobRequest | None:
        """The next piece to ask for; a single one until the size is known."""
        file = pull.file
        if file.total is None:
            if pull.asked > len(file) or pull in self._requests:
                return None
        elif pull.asked >= file.total:
            return None
        request = BlobRequest(file.digest, pull.asked, self._chunk)
        pull.asked += self._chunk
        return request
