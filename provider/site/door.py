"""The door: where the bridge hands in invitations, and where it can do nothing else.

A Unix socket in a folder of its own. Whoever connects is known by the kernel (peer credentials);
each connection brings one invitation and gets one verdict. What comes in is bytes to be checked:
never code, and never a command.
"""

import asyncio
import contextlib
import json
import logging
import os
import socket
import struct
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path

from protocols.errors import Refused
from protocols.invitation import MAX_BYTES
from provider.events import Knock, Knocked, Watcher, ignore
from synlearn.errors import InputError

_PATIENCE = 10.0
"""Seconds for an invitation to arrive."""
_FAREWELL = 1.0
"""Seconds for what comes after the verdict, which nobody reads."""
_AT_ONCE = 4
"""Connections served at a time; more wait."""
_WAITING = 32
"""Connections that are kept, those that wait included: each takes a file descriptor of the node."""
_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")

_log = logging.getLogger(__name__)


class Door:
    """Serves the socket.

    Args:
        path: Of the socket; its folder is made, closed to others than owner and group.
        users: Numbers of the users that may knock.
        per_minute: Most invitations looked at; more are turned away unread.
        receive: Checks an invitation and puts it down; returns what to say.
        clock: Seconds, from any start.
        watcher: Told of everybody who knocks.
    """

    def __init__(
        self,
        path: Path,
        *,
        users: Collection[int],
        per_minute: int,
        receive: Callable[[bytes], str],
        clock: Callable[[], float],
        watcher: Watcher = ignore,
    ) -> None:
        self._path = path
        self._users = frozenset(users)
        self._per_minute = per_minute
        self._receive = receive
        self._clock = clock
        self._watcher = watcher
        self._lately: deque[float] = deque()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._here = 0
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        """Begin to listen.

        Raises:
            InputError: The path is too long for a socket, or cannot be used.
        """
        folder = self._path.parent
        try:
            folder.mkdir(mode=0o750, exist_ok=True)
            folder.chmod(0o750)
            # It gets its name once it listens, and is open to no others: nobody knocks in vain.
            hidden = self._path.with_name(".s")
            hidden.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, hidden)
            hidden.chmod(0o660)
            hidden.replace(self._path)
        except OSError as error:
            raise InputError(
                f"{self._path} cannot be opened for invitations ({error}); choose a shorter --home "
                "or check who owns it."
            ) from error

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            self._server.close()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._here >= _WAITING:
            self._watcher(Knocked(Knock.TOO_MANY))
            writer.close()
            return
        self._here += 1
        try:
            await self._receive_one(reader, writer)
        finally:
            self._here -= 1

    async def _receive_one(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            async with self._turn:
                knock, sentence = await asyncio.wait_for(self._answer(reader, writer), _PATIENCE)
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            knock, sentence = Knock.INCOMPLETE, "No whole invitation came."
        self._watcher(Knocked(knock))
        accepted = knock is Knock.ACCEPTED
        try:
            writer.write(json.dumps({"accepted": accepted, "sentence": sentence}).encode())
            writer.write_eof()
            # Closed with bytes unread, the socket would drop the verdict that is on its way.
            await asyncio.wait_for(_throw_away(reader), _FAREWELL)
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> tuple[Knock, str]:
        user = peer_user(writer.get_extra_info("socket"))
        if user not in self._users:
            _log.warning("user %d knocked at the door and was turned away", user)
            return Knock.WRONG_USER, "This user may not hand in invitations."
        if not self._in_time():
            return Knock.TOO_MANY, "Too many invitations came; try again in a minute."
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_BYTES:
            return Knock.TOO_LARGE, f"An invitation has at most {MAX_BYTES} bytes."
        try:
            return Knock.ACCEPTED, self._receive(await reader.readexactly(length))
        except InputError as error:
            return Knock.UNUSABLE, str(error)
        except Refused as refused:  # its reason stays here: a bundle is not told what we believe
            return Knock.REFUSED, refused.code.sentence

    def _in_time(self) -> bool:
        now = self._clock()
        while self._lately and now - self._lately[0] > 60:
            self._lately.popleft()
        if len(self._lately) >= self._per_minute:
            return False
        self._lately.append(now)
        return True


async def _throw_away(reader: asyncio.StreamReader) -> None:
    left = MAX_BYTES
    while left > 0 and (piece := await reader.read(65536)):
        left -= len(piece)


def peer_user(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket, as the kernel knows it."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(data)
    return int(user)


def hand_in(path: Path, invitation: bytes, patience: float = _PATIENCE) -> tuple[bool, str]:
    """Hand in an invitation, as the bridge does: whether it was accepted, and what was said.

    Raises:
        InputError: Nobody listens.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        try:
            connection.connect(os.fspath(path))
            with contextlib.suppress(BrokenPipeError):  # turned away already; the verdict is there
                connection.sendall(_LENGTH.pack(len(invitation)) + invitation)
            connection.shutdown(socket.SHUT_WR)
            said = bytearray()
            while piece := connection.recv(4096):
                said += piece
            verdict = json.loads(said)
        except (OSError, ValueError) as error:
            raise InputError(
                f"No node took the invitation at {path} ({error}); is it started?"
            ) from error
    return bool(verdict["accepted"]), str(verdict["sentence"])
