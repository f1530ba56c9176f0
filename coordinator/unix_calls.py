"""Calls over a Unix socket: one JSON object in, one out, from users that the kernel names.

What arrives is data to be checked, never code; a call has a size and a time, and so has its answer.
"""

import contextlib
import json
import logging
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, TypeAlias

from synlearn.errors import InputError

Call: TypeAlias = dict[str, Any]
"""A JSON object."""

_MOST = 2**26
"""Bytes of a call or an answer: invitations of thousands of sites go in pieces of this size."""
_PATIENCE = 20.0
"""Seconds for a call to arrive, and for its answer to be taken."""
_LENGTH = struct.Struct(">I")
_CREDENTIALS = struct.Struct("3i")

_log = logging.getLogger(__name__)


@contextlib.contextmanager
def calls_served(
    path: Path, answer: Callable[[Call], Call], *, users: Collection[int] = (), mode: int = 0o600
) -> Iterator[None]:
    """Answer calls until the block ends.

    Args:
        path: Of the socket. Its folder is made, closed to others than owner and group.
        answer: Called in a thread for each call; an InputError of it goes to the caller.
        users: Numbers of users that may call, besides this process's own and root.
        mode: Of the socket.

    Raises:
        InputError: The socket cannot be made.
    """
    allowed = frozenset(users) | {os.getuid(), 0}  # root could become any of them

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.settimeout(_PATIENCE)
            with contextlib.suppress(OSError):  # the caller is gone, or too slow
                _send(self.request, _answered(self.request, answer, allowed))

    try:
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        server = _Server(os.fspath(path), Handler)
        path.chmod(mode)
    except OSError as error:
        raise InputError(
            f"{path} cannot be listened on ({error}); name a folder with a shorter path, or that "
            "this user may write, as `sockets` in federation.toml."
        ) from error
    thread = threading.Thread(target=server.serve_forever, name=f"calls at {path}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        path.unlink(missing_ok=True)


def call(path: Path, asked: Call) -> Call:
    """Call, and return the answer.

    Raises:
        InputError: Nobody answers there, or the answer is that the call is wrong.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        try:
            connection.connect(os.fspath(path))
            _send(connection, asked)
            answer = _receive(connection)
        except (OSError, ValueError) as error:
            raise InputError(
                f"no coordinator answers at {path} ({error}); start one: synlearn-coordinator up"
            ) from error
    if "error" in answer:
        raise InputError(str(answer["error"]))
    return answer


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 32


def _answered(
    connection: socket.socket, answer: Callable[[Call], Call], allowed: frozenset[int]
) -> Call:
    """What to say to a caller; OSError when it went away before it had said anything."""
    user = peer_user(connection)
    if user not in allowed:
        _log.warning("user %d called and was turned away", user)
        return {"error": "this user may not call here."}
    try:
        asked = _receive(connection)
    except ValueError as error:
        return {"error": str(error)}
    try:
        return answer(asked)
    except (ValueError, InputError) as error:
        return {"error": str(error)}
    except Exception:
        _log.exception("a call failed")
        return {"error": "the coordinator failed at this call; its log says why."}


def peer_user(connection: socket.socket) -> int:
    """The user at the other end of a Unix socket, as the kernel knows it."""
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(data)
    return int(user)


def _send(connection: socket.socket, what: Call) -> None:
    data = json.dumps(what).encode()
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _receive(connection: socket.socket) -> Call:
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    if length > _MOST:
        raise ValueError(f"a call has at most {_MOST} bytes, not {length}")
    try:
        received = json.loads(_exactly(connection, length))
    except RecursionError as error:
        raise ValueError("a call is nested too deeply") from error
    if not isinstance(received, dict):
        raise ValueError("a call is a JSON object")
    return received


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(min(count - len(data), 2**20))
        if not piece:
            raise ConnectionError("the other end closed in the middle")
        data += piece
    return bytes(data)
