"""Requests at an even rate, over open connections, and what came of them."""

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import grpc
import numpy as np

from coordinator.service.grpc_server import SERVICE
from protocols import mre_service_pb2 as pb
from synlearn.ranking_reading import read_ranking

ROADS: Final = ("http", "grpc")
CONNECTIONS: Final = 32
DRAIN_SECONDS: Final = 60.0
"""After the last request; what is not answered by then counts as an error."""
READ_EACH: Final = 100
"""Of so many answers one is read as a ranking."""
_TASKS: Final = 50
_WAYS, _EXAMPLES, _FEATURES = 5, 5, 64

Ask = Callable[[int], Awaitable[bytes]]


@dataclass
class Run:
    """What came of it: latencies in seconds from when requests were due."""

    seconds: float = 0.0
    asked: int = 0
    errors: int = 0
    first_error: str = ""
    answer_bytes: int = 0
    latencies: list[float] = field(default_factory=list)

    @property
    def answered(self) -> int:
        """How many requests were."""
        return len(self.latencies)

    def quantile(self, share: float) -> float:
        """Milliseconds."""
        return 1e3 * float(np.quantile(self.latencies, share))


def rank_request(number: int) -> pb.RankRequest:
    """One of some made-up tasks: five classes of five examples each."""
    random = np.random.default_rng(number % _TASKS)
    each = random.normal(size=(_WAYS, _EXAMPLES, _FEATURES)) + 2 * random.normal(
        size=(_WAYS, 1, _FEATURES)
    )
    each /= np.linalg.norm(each, axis=2, keepdims=True)
    means = each.mean(axis=1).astype("<f4")
    task = pb.Task(means=means.tobytes(), features=_FEATURES, counts=[_EXAMPLES] * _WAYS)
    return pb.RankRequest(task=task)


def rank_json(number: int) -> bytes:
    """The same as JSON."""
    task = rank_request(number).task
    means = np.frombuffer(task.means, "<f4").reshape(_WAYS, _FEATURES)
    body = {"task": {"means": means.tolist(), "counts": list(task.counts)}}
    return json.dumps(body).encode()


async def drive(road: str, port: int, seconds: float, rate: float) -> Run:
    """Ask for rankings at an even rate."""
    return await (_over_http if road == "http" else _over_grpc)(port, seconds, rate)


async def _over_http(port: int, seconds: float, rate: float) -> Run:
    bodies = [rank_json(number) for number in range(_TASKS)]
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await _Connection.open(port))

    async def ask(number: int) -> bytes:
        connection = await free.get()
        try:
            data = await connection.post("/v1/rankings", bodies[number % _TASKS])
        except BaseException:
            free.put_nowait(await _Connection.open(port))
            raise
        free.put_nowait(connection)
        if number % READ_EACH == 0:
            ranking = read_ranking(json.loads(data), "the answer")
            assert ranking.best.low is not None
        return data

    return await _evenly(ask, seconds, rate)


async def _over_grpc(port: int, seconds: float, rate: float) -> Run:
    bodies = [rank_request(number).SerializeToString() for number in range(_TASKS)]
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) for _ in range(8)]
    calls = itertools.cycle([channel.unary_unary(f"/{SERVICE}/Rank") for channel in channels])

    async def ask(number: int) -> bytes:
        data: bytes = await next(calls)(bodies[number % _TASKS], timeout=60)
        if number % READ_EACH == 0:
            reply = pb.RankReply.FromString(data)
            assert len(reply.lows) == len(reply.models) == len(reply.best_probabilities)
        return data

    try:
        return await _evenly(ask, seconds, rate)
    finally:
        for channel in channels:
            await channel.close()


async def _evenly(ask: Ask, seconds: float, rate: float) -> Run:
    run, loop, tasks = Run(), asyncio.get_running_loop(), set()
    begun = loop.time()

    async def one(number: int, due: float) -> None:
        try:
            data = await ask(number)
        except Exception as error:
            run.errors += 1
            run.first_error = run.first_error or repr(error)[:300]
        else:
            run.latencies.append(loop.time() - due)
            run.answer_bytes = run.answer_bytes or len(data)

    for number in range(int(seconds * rate)):
        due = begun + number / rate
        await asyncio.sleep(max(due - loop.time(), 0))
        task = asyncio.create_task(one(number, due))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        run.asked += 1
    if tasks:
        _, late = await asyncio.wait(set(tasks), timeout=DRAIN_SECONDS)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
            run.errors += len(late)
            run.first_error = run.first_error or f"{len(late)} were not answered in the end"
    run.seconds = loop.time() - begun
    return run


class _Connection:
    """An open HTTP connection; it reads no more of HTTP than this service needs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "_Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=2**22))

    async def post(self, address: str, body: bytes) -> bytes:
        head = (
            f"POST {address} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        self._writer.write(head.encode() + body)
        said = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(said.partition(b"content-length:")[2].partition(b"\r\n")[0])
        data = await self._reader.readexactly(length)
        if b" 200 " not in said.partition(b"\r\n")[0]:
            raise ConnectionError(f"{said[:40]!r} {data[:200]!r}")
        return data
