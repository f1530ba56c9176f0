"""The session of this project, measured through the interfaces that a job and a node use."""

import asyncio
import itertools
import os
import time
from collections.abc import Callable

from benchmarks.workload import MESSAGE, Certificate, Figures, Workload, figures, time_each
from coordinator.admission import TokenAdmission
from coordinator.blobs import MemoryBlobs
from coordinator.session_server import Question, SessionServer
from coordinator.tls import ServerTls
from protocols.ids import JobId, ProviderId, QueryId, digest
from provider.blobs import BlobCache
from provider.session import (
    BlobFetcher,
    ClientTls,
    Connections,
    NodeSession,
    PendingUntil,
)

_JOB = JobId("benchmark")
_TOKEN = b"benchmark"
_TIMEOUT = 60.0


class _Echo:
    """Answers a question with itself, and pulls the file that a question names."""

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        if len(body) == len(MESSAGE):
            return body
        return len(await blobs.fetch(digest(body.decode()), 10**9)).to_bytes(8, "big")

    def acknowledge(self, up_to: QueryId) -> None:
        pass


def coordinate(
    workload: Workload, certificate: Certificate, started: Callable[[int], None]
) -> Figures:
    """Serve, and measure once all providers are there."""
    providers = [ProviderId(f"p{number}") for number in range(workload.providers)]
    blobs = MemoryBlobs()
    server = SessionServer(
        _JOB,
        TokenAdmission(dict.fromkeys(providers, _TOKEN)),
        blobs,
        tls=ServerTls(certificate.chain, certificate.key),
    )
    started(server.start())
    server.wait_for(providers, _TIMEOUT)
    ids = (QueryId(0, step, 0) for step in itertools.count())
    singles = time_each(
        lambda: server.ask(providers[0], next(ids), MESSAGE, _TIMEOUT).result(),
        workload.single_questions,
    )
    questions = [
        Question(provider, query, MESSAGE, _TIMEOUT)
        for query in itertools.islice(ids, workload.rate_questions)
        for provider in providers
    ]
    began = time.perf_counter()
    for future in server.ask_many(questions):
        future.result()
    rate = len(questions) / (time.perf_counter() - began)
    files = [
        _pull(server, blobs, providers[0], next(ids), workload)
        for _ in range(workload.file_pulls + 1)
    ]
    server.stop("measured")
    return figures(rate, singles, files[1:])


def _pull(
    server: SessionServer,
    blobs: MemoryBlobs,
    provider: ProviderId,
    query: QueryId,
    workload: Workload,
) -> float:
    """Seconds from a question that names a new file to its answer."""
    name = blobs.publish(os.urandom(workload.file_bytes))
    began = time.perf_counter()
    body = server.ask(provider, query, name.encode(), _TIMEOUT).result()
    seconds = time.perf_counter() - began
    assert int.from_bytes(body, "big") == workload.file_bytes
    blobs.withdraw(name)
    return seconds


def provide(workload: Workload, port: int, authority: bytes, providers: range) -> None:
    """Run these providers until the coordinator says goodbye."""

    async def run() -> None:
        connections, cache = Connections(), BlobCache(max_bytes=0)
        await asyncio.gather(
            *(
                NodeSession(
                    ProviderId(f"p{number}"),
                    _JOB,
                    _TOKEN,
                    f"localhost:{port}",
                    _Echo(),
                    cache,
                    prover=None,
                    connections=connections,
                    tls=ClientTls(authority),
                ).run()
                for number in providers
            )
        )

    asyncio.run(run())
