"""One gRPC stream with nothing on top of it, by grpcio's threads: a yardstick.

The server sends a message, the client returns it: no frames, ids, deadlines or checks.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TypeAlias

import grpc

from benchmarks.bare_aio import METHOD, OPTIONS, PIECES
from benchmarks.workload import MESSAGE, Certificate, Figures, Workload, figures, time_each

_Queue: TypeAlias = "SimpleQueue[bytes | None]"


class _Stream:
    """The server's end of one stream."""

    def __init__(self, incoming: Iterator[bytes]) -> None:
        self.incoming = incoming
        self.outgoing: _Queue = SimpleQueue()

    def exchange(self) -> None:
        """One question and its answer."""
        self.outgoing.put(MESSAGE)
        next(self.incoming)


def coordinate(
    workload: Workload, certificate: Certificate, started: Callable[[int], None]
) -> Figures:
    """Serve, and measure once all providers are there."""
    streams: SimpleQueue[_Stream] = SimpleQueue()

    def handle(incoming: Iterator[bytes], _: grpc.ServicerContext) -> Iterator[bytes]:
        stream = _Stream(incoming)
        streams.put(stream)
        return iter(stream.outgoing.get, None)

    server = grpc.server(ThreadPoolExecutor(workload.providers), options=OPTIONS)
    method = grpc.stream_stream_rpc_method_handler(handle)
    handlers = grpc.method_handlers_generic_handler("bare.Stream", {"Open": method})
    server.add_generic_rpc_handlers((handlers,))
    credentials = grpc.ssl_server_credentials([(certificate.key, certificate.chain)])
    started(server.add_secure_port("127.0.0.1:0", credentials))
    server.start()
    everyone = [streams.get() for _ in range(workload.providers)]
    singles = time_each(everyone[0].exchange, workload.single_questions)
    rate = _rate(everyone, workload.rate_questions)
    files = [_files(everyone[0], workload, piece) for piece in PIECES]
    for stream in everyone:
        stream.outgoing.put(None)
    server.stop(1).wait()
    return figures(rate, singles, min(files, key=sum))


def _rate(streams: list[_Stream], questions: int) -> float:
    def read(stream: _Stream) -> None:
        for _ in range(questions):
            next(stream.incoming)

    readers = [threading.Thread(target=read, args=(stream,)) for stream in streams]
    began = time.perf_counter()
    for reader in readers:
        reader.start()
    for _ in range(questions):
        for stream in streams:
            stream.outgoing.put(MESSAGE)
    for reader in readers:
        reader.join()
    return questions * len(streams) / (time.perf_counter() - began)


def _files(stream: _Stream, workload: Workload, piece: int) -> list[float]:
    seconds = []
    for _ in range(workload.file_pulls + 1):
        data = os.urandom(workload.file_bytes)
        began = time.perf_counter()
        stream.outgoing.put(b"file")
        next(stream.incoming)
        for start in range(0, len(data), piece):
            stream.outgoing.put(data[start : start + piece])
        next(stream.incoming)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def provide(workload: Workload, port: int, authority: bytes, providers: range) -> None:
    """Run these providers until the server goes."""
    credentials = grpc.ssl_channel_credentials(authority)
    with grpc.secure_channel(f"localhost:{port}", credentials, options=OPTIONS) as channel:
        threads = [threading.Thread(target=_provide, args=(channel, workload)) for _ in providers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def _provide(channel: grpc.Channel, workload: Workload) -> None:
    outgoing: _Queue = SimpleQueue()
    incoming = channel.stream_stream(METHOD)(iter(outgoing.get, None))
    for message in incoming:
        outgoing.put(message)
        if message == b"file":
            pieces: list[bytes] = []
            while sum(map(len, pieces)) < workload.file_bytes:
                pieces.append(next(incoming))
            file = b"".join(pieces)  # a file that was pulled is one that can be used
            outgoing.put(len(file).to_bytes(8, "big"))
    outgoing.put(None)
