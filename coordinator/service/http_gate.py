"""What every HTTP request passes before anything of it is read: key, rate, size, patience."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from coordinator.service.front import Front
from coordinator.service.http_app import Stopped, said
from coordinator.service.problems import CODES, Code, Problem

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROAD: Final = "http"
SLOW: Final = ("/v1/pictures", "/v1/maps", "/v1/exports")
"""Addresses whose requests cost more."""
_API: Final = "/v1/"
_NOWHERE: Final = "none"
"""Endpoint of a request that leads nowhere; what was asked for is a stranger's text."""
_SAFE: Final = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
_log = logging.getLogger(__name__)


class HttpGate:
    """Wraps the application.

    Args:
        app: What is behind it.
        front: Keys, rates, limits, metrics.
    """

    def __init__(self, app: App, front: Front) -> None:
        self._app = app
        self._front = front

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        await _Passage(self._app, self._front, scope, receive, send).pass_through()


class _Passage:
    """One request."""

    def __init__(self, app: App, front: Front, scope: Scope, receive: Receive, send: Send) -> None:
        self._app = app
        self._front = front
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = dict(scope["headers"])
        self._left = self._most = 0
        self._deadline = 0.0
        self._status = 0
        self._caller = ""
        self._sent = 0

    async def pass_through(self) -> None:
        began = time.monotonic()
        with self._front.metrics.in_flight(ROAD):
            try:
                self._enter()
            except Problem as problem:
                await said(problem)(self._scope, self._receive, self._answer)
            else:
                await self._inside()
        self._tell(time.monotonic() - began)

    async def _inside(self) -> None:
        try:
            await self._app(self._scope, self._body, self._answer)
        except asyncio.CancelledError:
            raise
        except Exception:  # the answer of it has been sent
            _log.exception("a request could not be answered")

    def _enter(self) -> None:
        """Check what the headers say.

        Raises:
            Problem: The request is not let in.
        """
        limits, path = self._front.limits, self._scope["path"]
        slow = path.startswith(SLOW)
        if path.startswith(_API):
            sent = self._headers.get(b"authorization", b"").decode("latin-1")
            self._caller = self._front.gate.caller(sent)
            self._front.gate.charge(self._caller, limits.slow_cost if slow else 1.0)
        self._most = self._left = limits.upload_bytes if slow else limits.body_bytes
        length = self._headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > self._most:
            raise self._too_large()
        self._deadline = time.monotonic() + limits.send_seconds

    def _too_large(self) -> Problem:
        return Problem(
            Code.TOO_LARGE,
            f"the request is larger than the {self._most:,} bytes that are taken; send less.",
        )

    async def _body(self) -> Message:
        """The next piece of the request."""
        try:
            async with asyncio.timeout(max(self._deadline - time.monotonic(), 0.0)):
                message = await self._receive()
        except TimeoutError as error:
            raise Stopped(Problem(Code.TOO_SLOW, "the request took too long to arrive.")) from error
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise Stopped(self._too_large())
        return message

    async def _answer(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            known = {name for name, _ in message["headers"]}
            message["headers"] = [
                *message["headers"],
                *(each for each in _SAFE if each[0] not in known),
            ]
        elif message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        await self._send(message)

    def _tell(self, seconds: float) -> None:
        route = self._scope.get("route")
        endpoint = getattr(route, "path", _NOWHERE)
        self._front.metrics.done(ROAD, endpoint, str(self._status), seconds)
        level = logging.DEBUG
        if self._status >= CODES[Code.BROKEN].http:
            level = logging.ERROR
        elif self._status >= 400:
            level = logging.INFO
        if _log.isEnabledFor(level):
            _log.log(
                level,
                "%s %s",
                self._scope["method"],
                endpoint,
                extra={
                    "code": self._status,
                    "peer": self._caller or "nobody",
                    "bytes": self._sent,
                    "seconds": round(seconds, 4),
                },
            )
