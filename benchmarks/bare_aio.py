"""One gRPC stream with nothing on top of it, by grpcio's asyncio: a yardstick.

The server sends a message, the client returns it: no frames, ids, deadlines or checks.
"""

import asyncio
import os
import time
from collections.abc import Callable

import grpc
import grpc.aio

from benchmarks.workload import MESSAGE, Certificate, Figures, Workload, figures

OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
METHOD = "/bare.Stream/Open"
PIECES = (256 * 1024, 1024 * 1024, 4 * 1024 * 1024)
"""Sizes to send the file in; the fastest counts."""


def coordinate(
    workload: Workload, certificate: Certificate, started: Callable[[int], None]
) -> Figures:
    """Serve, and measure once all providers are there."""
    return asyncio.run(_coordinate(workload, certificate, started))


async def _coordinate(
    workload: Workload, certificate: Certificate, started: Callable[[int], None]
) -> Figures:
    contexts: list[grpc.aio.ServicerContext] = []
    everyone, done = asyncio.Event(), asyncio.Event()

    async def handle(_: object, context: grpc.aio.ServicerContext) -> None:
        contexts.append(context)
        if len(contexts) == workload.providers:
            everyone.set()
        await done.wait()

    server = grpc.aio.server(options=OPTIONS)
    method = grpc.stream_stream_rpc_method_handler(handle)
    handlers = grpc.method_handlers_generic_handler("bare.Stream", {"Open": method})
    server.add_generic_rpc_handlers((handlers,))
    credentials = grpc.ssl_server_credentials([(certificate.key, certificate.chain)])
    started(server.add_secure_port("127.0.0.1:0", credentials))
    await server.start()
    await everyone.wait()
    singles = await _singles(contexts[0], workload.single_questions)
    rate = await _rate(contexts, workload.rate_questions)
    files = [await _files(contexts[0], workload, piece) for piece in PIECES]
    done.set()
    await server.stop(1)
    return figures(rate, singles, min(files, key=sum))


async def _singles(context: grpc.aio.ServicerContext, times: int) -> list[float]:
    seconds = []
    for _ in range(times + times // 10):
        began = time.perf_counter()
        await context.write(MESSAGE)
        await context.read()
        seconds.append(time.perf_counter() - began)
    return seconds[times // 10 :]


async def _rate(contexts: list[grpc.aio.ServicerContext], questions: int) -> float:
    async def write(context: grpc.aio.ServicerContext) -> None:
        for _ in range(questions):
            await context.write(MESSAGE)

    async def read(context: grpc.aio.ServicerContext) -> None:
        for _ in range(questions):
            await context.read()

    began = time.perf_counter()
    await asyncio.gather(*(half(context) for context in contexts for half in (write, read)))
    return questions * len(contexts) / (time.perf_counter() - began)


async def _files(context: grpc.aio.ServicerContext, workload: Workload, piece: int) -> list[float]:
    seconds = []
    for _ in range(workload.file_pulls + 1):
        data = os.urandom(workload.file_bytes)
        began = time.perf_counter()
        await context.write(b"file")
        await context.read()
        for start in range(0, len(data), piece):
            await context.write(data[start : start + piece])
        await context.read()
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def provide(workload: Workload, port: int, authority: bytes, providers: range) -> None:
    """Run these providers until the server goes."""

    async def run() -> None:
        credentials = grpc.ssl_channel_credentials(authority)
        address = f"localhost:{port}"
        async with grpc.aio.secure_channel(address, credentials, options=OPTIONS) as channel:
            await asyncio.gather(*(_provide(channel, workload) for _ in providers))

    asyncio.run(run())


async def _provide(channel: grpc.aio.Channel, workload: Workload) -> None:
    call = channel.stream_stream(METHOD)()
    while (message := await call.read()) is not grpc.aio.EOF:
        await call.write(message)
        if message == b"file":
            pieces: list[bytes] = []
            while sum(map(len, pieces)) < workload.file_bytes:
                pieces.append(await call.read())
            file = b"".join(pieces)  # a file that was pulled is one that can be used
            await call.write(len(file).to_bytes(8, "big"))
