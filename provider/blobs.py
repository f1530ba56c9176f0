"""Files that were pulled, shared by all nodes of a process and named by their digest."""

import asyncio
import hashlib
import io
from collections import OrderedDict
from collections.abc import Awaitable, Callable

from protocols.errors import Code, Refused
from protocols.ids import Digest
from protocols.limits import KEPT_FILES

_MAX_ABANDONED = 4  # unfinished files kept for a later question, so that their bytes serve it


class Arriving:
    """A file that has arrived as far as `len(self)`; hashed as it comes."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.total: int | None = None
        self._data = io.BytesIO()  # its value is taken without a copy
        self._hash = hashlib.sha256()

    def __len__(self) -> int:
        return self._data.tell()

    @property
    def complete(self) -> bool:
        """Whether the last byte has come."""
        return len(self) == self.total

    def add(self, piece: bytes | memoryview) -> None:
        """Append the next piece."""
        self._data.write(piece)
        self._hash.update(piece)

    def verified(self) -> bytes:
        """The whole file; Refused (FILE_WRONG_DIGEST) when it is not the one asked for."""
        came = self._hash.hexdigest()
        if came != self.digest:
            raise Refused(
                Code.FILE_WRONG_DIGEST, local=f"asked for {self.digest}, got {came}: not used"
            )
        return self._data.getvalue()


class _Turn:
    """Those who wait for one file: one pulls, the others wait for it."""

    def __init__(self, digest: Digest) -> None:
        self.lock = asyncio.Lock()
        self.file = Arriving(digest)
        self.users = 0


class BlobCache:
    """Keeps the files used last, up to `max_bytes`; one event loop only.

    A file is pulled once, whoever asks, and only a file with the right digest is kept or returned.
    """

    def __init__(self, max_bytes: int = KEPT_FILES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._files: OrderedDict[Digest, bytes] = OrderedDict()
        self._turns: OrderedDict[Digest, _Turn] = OrderedDict()

    async def fetch(
        self, digest: Digest, max_bytes: int, pull: Callable[[Arriving], Awaitable[None]]
    ) -> bytes:
        """The file, from here or by `pull`, which completes what has arrived of it.

        A caller cancelled while pulling leaves what has arrived to the next.

        Raises:
            Refused: FILE_TOO_LARGE, FILE_WRONG_DIGEST, or what `pull` raises.
        """
        data = self._get(digest)
        if data is None:
            turn = self._turns.setdefault(digest, _Turn(digest))
            turn.users += 1
            try:
                async with turn.lock:
                    data = self._get(digest)  # somebody else may have pulled it meanwhile
                    if data is None:
                        data = await self._pull(turn, pull)
            finally:
                turn.users -= 1
                self._tidy()
        if len(data) > max_bytes:
            raise Refused(Code.FILE_TOO_LARGE, local=f"{len(data)} bytes, limit {max_bytes}")
        return data

    async def _pull(self, turn: _Turn, pull: Callable[[Arriving], Awaitable[None]]) -> bytes:
        try:
            await pull(turn.file)
            data = turn.file.verified()
        except Refused:
            turn.file = Arriving(turn.file.digest)  # the next one starts afresh
            raise
        turn.file = Arriving(turn.file.digest)
        self._keep(turn.file.digest, data)
        return data

    def _get(self, digest: Digest) -> bytes | None:
        data = self._files.get(digest)
        if data is not None:
            self._files.move_to_end(digest)
        return data

    def _keep(self, digest: Digest, data: bytes) -> None:
        if len(data) > self._max_bytes:
            return
        self._files[digest] = data
        self._bytes += len(data)
        while self._bytes > self._max_bytes:
            self._bytes -= len(self._files.popitem(last=False)[1])

    def _tidy(self) -> None:
        """Forget turns that nobody waits for, but the last few with bytes in them."""
        idle = [digest for digest, turn in self._turns.items() if not turn.users]
        partial = [digest for digest in idle if len(self._turns[digest].file)]
        for digest in set(idle) - set(partial[-_MAX_ABANDONED:]):
            del self._turns[digest]
