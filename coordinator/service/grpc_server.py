"""The gRPC road: the service of protocols/mre_service.proto, health and reflection."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from grpc_health.v1 import health, health_pb2
from grpc_health.v1 import health_pb2_grpc as health_grpc
from grpc_reflection.v1alpha import reflection

from coordinator.service.desk import Work
from coordinator.service.front import Front
from coordinator.service.problems import CODES, Code, Problem, broken
from coordinator.service.settings import GrpcSettings, TlsSettings
from coordinator.service.tls_files import TlsFiles
from protocols import mre_service_pb2 as pb
from synlearn.errors import InputError

ROAD: Final = "grpc"
SERVICE: Final = pb.DESCRIPTOR.services_by_name["MreService"].full_name
CHUNK: Final = 2**18
"""Bytes of one piece of a file."""
RETRY: Final = "retry-after-ms"
"""Trailing metadata, where waiting helps."""
_FAREWELL_SECONDS: Final = 10.0

_log = logging.getLogger(__name__)

M = TypeVar("M", bound=Message)
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Unary = Callable[[bytes], Awaitable[bytes]]
Stream = Callable[[bytes], AsyncIterator[bytes]]


@asynccontextmanager
async def grpc_served(front: Front, settings: GrpcSettings, tls: TlsSettings) -> AsyncIterator[int]:
    """Serve gRPC; yields the port.

    Raises:
        InputError: The address cannot be listened on, or the certificate cannot be used.
    """
    limits = front.limits
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", limits.body_bytes),
            ("grpc.max_send_message_length", -1),
            ("grpc.max_metadata_size", 2**14),
            ("grpc.max_concurrent_streams", 256),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.http2.max_ping_strikes", 3),
            ("grpc.max_connection_idle_ms", 600_000),
        ],
        maximum_concurrent_rpcs=limits.connections,
    )
    server.add_generic_rpc_handlers((_Calls(front).handler(),))
    healthy = health.aio.HealthServicer()
    health_grpc.add_HealthServicer_to_server(healthy, server)
    for name in ("", SERVICE):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    names = (SERVICE, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    port = _bound(server, settings, TlsFiles.of(tls))
    await server.start()
    _log.info("gRPC on %s, port %d", settings.address[0], port)
    try:
        yield port
    finally:
        await healthy.enter_graceful_shutdown()
        await server.stop(_FAREWELL_SECONDS)


def _bound(server: grpc.aio.Server, settings: GrpcSettings, files: TlsFiles | None) -> int:
    host, number = settings.address
    address = f"[{host}]:{number}" if ":" in host else f"{host}:{number}"
    try:
        if files is None:
            port: int = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, files.credentials())
    except RuntimeError as error:
        raise InputError(
            f"gRPC cannot be served on {settings.listen}; choose another address."
        ) from error
    return port


class _Calls:
    """What each method does: bytes in, bytes out."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def handler(self) -> grpc.GenericRpcHandler:
        unary: dict[str, Unary] = {
            "Describe": self._describe,
            "ListModels": self._list_models,
            "Rank": self._rank,
            "Explain": self._explain,
        }
        streams: dict[str, Stream] = {
            "FetchFile": self._fetch_file,
            "FetchModel": self._fetch_model,
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(self._answered(name, call))
            for name, call in unary.items()
        } | {
            name: grpc.unary_stream_rpc_method_handler(self._streamed(name, call))
            for name, call in streams.items()
        }
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    async def _describe(self, request: bytes) -> bytes:
        _read(pb.DescribeRequest, request)
        return self._front.catalogue.about.SerializeToString()

    async def _list_models(self, request: bytes) -> bytes:
        asked = _read(pb.ListModelsRequest, request)
        page = await asyncio.to_thread(self._front.catalogue.page, asked.after, asked.limit)
        return page.SerializeToString()

    async def _rank(self, request: bytes) -> bytes:
        return await self._front.rank(Work.RANK, request)

    async def _explain(self, request: bytes) -> bytes:
        return await self._front.rank(Work.EXPLAIN, request)

    async def _fetch_file(self, request: bytes) -> AsyncIterator[bytes]:
        data = self._front.catalogue.file(_read(pb.FetchFileRequest, request).name)
        for piece in _pieces(data):
            yield piece

    async def _fetch_model(self, request: bytes) -> AsyncIterator[bytes]:
        model = _read(pb.FetchModelRequest, request).model
        for piece in _pieces(await self._front.card(model), card=True):
            yield piece
        for piece in _pieces(await self._front.model(model)):
            yield piece

    def _answered(self, name: str, call: Unary) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def answer(request: bytes, context: Context) -> bytes:
            async with self._passage(name, context) as passage:
                found = await call(request)
                passage.sent = len(found)
            return found

        return answer

    def _streamed(
        self, name: str, call: Stream
    ) -> Callable[[bytes, Context], AsyncIterator[bytes]]:
        async def answer(request: bytes, context: Context) -> AsyncIterator[bytes]:
            async with self._passage(name, context) as passage:
                async for piece in call(request):
                    passage.sent += len(piece)
                    yield piece

        return answer

    @asynccontextmanager
    async def _passage(self, name: str, context: Context) -> AsyncIterator["_Passage"]:
        """Let a call in, end it as gRPC wants, and count it."""
        began, passage, code = time.monotonic(), _Passage(), "OK"
        problem: Problem | None = None
        with self._front.metrics.in_flight(ROAD):
            try:
                sent = dict(context.invocation_metadata() or ()).get("authorization", "")
                passage.caller = self._front.gate.caller(str(sent))
                self._front.gate.charge(passage.caller, 1.0)
                yield passage
            except Problem as found:
                problem = found
            except asyncio.CancelledError:
                code = "CANCELLED"
                raise
            except Exception:
                _log.exception("a call could not be answered", extra={"function": name})
                problem = broken()
            finally:
                if problem is not None:
                    code = CODES[problem.code].grpc
                self._tell(name, code, passage, time.monotonic() - began)
        if problem is not None:
            trailing = ((RETRY, str(round(1000 * problem.wait))),) if problem.wait else ()
            await context.abort(getattr(grpc.StatusCode, code), problem.sentence, trailing)

    def _tell(self, name: str, code: str, passage: "_Passage", seconds: float) -> None:
        self._front.metrics.done(ROAD, name, code, seconds)
        level = logging.DEBUG if code in ("OK", "CANCELLED") else logging.INFO
        if code == CODES[Code.BROKEN].grpc:
            level = logging.ERROR
        if _log.isEnabledFor(level):
            about: dict[str, Any] = {
                "code": code,
                "peer": passage.caller or "nobody",
                "bytes": passage.sent,
                "seconds": round(seconds, 4),
            }
            _log.log(level, "%s", name, extra=about)


class _Passage:
    """Who called, and what they were sent."""

    def __init__(self) -> None:
        self.caller = ""
        self.sent = 0


def _read(kind: type[M], data: bytes) -> M:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise Problem(
            Code.INVALID, f"the request is no {kind.DESCRIPTOR.name}; send one."
        ) from error


def _pieces(data: bytes, *, card: bool = False) -> Iterator[bytes]:
    for begin in range(0, len(data), CHUNK):
        yield pb.Chunk(data=data[begin : begin + CHUNK], card=card).SerializeToString()
