"""What open sessions take of a coordinator: opened by the hundred, then idle, over mutual TLS.

The coordinator is a process of its own, so that its memory and time are those of sessions alone.
Each provider has a connection of its own, as providers at different sites have; its node answers
no question. Heartbeats come oftener than they would, and are counted.
"""

import asyncio
import gc
import multiprocessing
import os
import resource
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import numpy as np
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from coordinator.admission import RosterAdmission
from coordinator.authority.certificates import (
    KeyPair,
    issue_server,
    issue_site,
    make_authority,
    new_key,
)
from coordinator.blobs import MemoryBlobs
from coordinator.embedded_trust import embedded_trust
from coordinator.session_server import SessionServer
from coordinator.tls import ServerTls
from protocols.ids import JobId, ProviderId, QueryId
from protocols.limits import Limits
from protocols.proof import Prover
from protocols.secagg.keys import Identity
from protocols.secagg.roster import Roster
from provider.blobs import BlobCache
from provider.session import BlobFetcher, ClientTls, Connections, NodeSession, PendingUntil

JOB: Final = JobId("sessions")
SPAWN: Final = multiprocessing.get_context("spawn")  # gRPC does not survive a fork
LIMITS: Final = Limits(handshake=60.0, heartbeat=2.0, silence=120.0)
"""Patient: hundreds of handshakes wait for one core."""
PATIENCE: Final = 240.0
AT_ONCE: Final = 32
"""Handshakes under way at a time in one process of nodes."""


@dataclass(frozen=True)
class Certificates:
    """PEM texts: the authority's, the coordinator's, and one that all sites show."""

    authority: bytes
    server: KeyPair
    site: KeyPair


@dataclass(frozen=True)
class Look:
    """At the coordinator, while so many sessions are open.

    Attributes:
        sessions: How many.
        memory: Resident bytes.
        files: Open descriptors.
        threads: Of the process.
        seconds: Of its processor so far.
    """

    sessions: int
    memory: int
    files: int
    threads: int
    seconds: float


@dataclass(frozen=True)
class SessionCosts:
    """What was found.

    Attributes:
        looks: When so many had joined, rising; the first with none.
        join_seconds: Of the coordinator's processor for each that joined.
        session_bytes, session_files: Slopes over the looks.
        heartbeat_seconds: Of the coordinator's processor for each heartbeat, sent or heard.
        idle_seconds: For how long heartbeats were watched.
    """

    looks: tuple[Look, ...]
    join_seconds: float
    session_bytes: float
    session_files: float
    heartbeat_seconds: float
    idle_seconds: float


def measure_sessions(counts: Sequence[int], idle: float) -> SessionCosts:
    """Open so many sessions, step by step, and look on while nothing is asked.

    Args:
        counts: Rising.
        idle: Seconds to watch heartbeats for, at the last count.
    """
    allow_files(4 * counts[-1] + 1000)
    names = [ProviderId(f"provider-{number:06d}") for number in range(counts[-1])]
    trust = embedded_trust(JOB, names, fresh=secrets.token_bytes)
    certificates = _certificates()
    ours, theirs = SPAWN.Pipe()
    roster = trust.roster.body
    coordinator = SPAWN.Process(
        target=_coordinate, args=(roster, trust.job.identity.public, certificates, theirs)
    )
    coordinator.start()
    port, looks, nodes = ours.recv(), [ours.recv()], []
    try:
        for before, count in zip((0, *counts), counts, strict=False):
            own = [(name, trust.identities[name]) for name in names[before:count]]
            nodes += [
                SPAWN.Process(
                    target=_provide,
                    args=(port, own, trust.job.identity.public, certificates),
                    daemon=True,
                )
            ]
            nodes[-1].start()
            ours.send(count)
            if not ours.poll(PATIENCE):
                raise SystemExit(f"not all of {count} providers have joined in {PATIENCE:g} s")
            looks.append(ours.recv())
        time.sleep(2 * LIMITS.heartbeat)
        ours.send(-idle)
        first, last = ours.recv()
    finally:
        ours.send(0)
        coordinator.join(60)
        for node in nodes:
            node.kill()
    count = counts[-1]
    beats = 2 * count * idle / LIMITS.heartbeat
    return SessionCosts(
        looks=tuple(looks),
        join_seconds=(looks[-1].seconds - looks[0].seconds) / count,
        session_bytes=_slope(looks, lambda look: look.memory),
        session_files=_slope(looks, lambda look: look.files),
        heartbeat_seconds=(last.seconds - first.seconds) / beats,
        idle_seconds=idle,
    )


def allow_files(wanted: int) -> None:
    """Raise this process's limit on open files, and that of those it starts, as far as it goes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _slope(looks: Sequence[Look], of: Callable[[Look], float]) -> float:
    sessions = [look.sessions for look in looks]
    return float(np.polyfit(sessions, [of(look) for look in looks], 1)[0])


def _coordinate(
    roster: bytes, identity: bytes, certificates: Certificates, report: Connection
) -> None:
    """The coordinator's process: tells its port, and looks when it is told to."""
    members = Roster.decode(roster)
    names = sorted(members.by_name)
    server = SessionServer(
        JOB,
        RosterAdmission(
            dict.fromkeys(names, b"token"), identity, lambda: members, names_in_certificates=False
        ),
        MemoryBlobs(),
        tls=ServerTls(
            certificates.server.certificate, certificates.server.key, certificates.authority
        ),
        limits=LIMITS,
    )
    report.send(server.start())
    report.send(_look(0))
    while wish := report.recv():
        if wish > 0:
            server.wait_for(names[:wish], PATIENCE)
            time.sleep(1.0)
            report.send(_look(wish))
        else:
            first = _look(len(names))
            time.sleep(-wish)
            report.send((first, _look(len(names))))
    server.stop("measured")


def _look(sessions: int) -> Look:
    gc.collect()
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":", 1) for line in lines)
    return Look(
        sessions,
        1024 * int(status["VmRSS"].split()[0]),
        len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - of many, and only counted
        int(status["Threads"]),
        time.process_time(),
    )


class _Silent:
    """Is asked nothing."""

    async def answer(
        self,
        query_id: QueryId,
        body: bytes,
        blobs: BlobFetcher,
        tell: Callable[[PendingUntil], None],
    ) -> bytes:
        raise NotImplementedError

    def acknowledge(self, up_to: QueryId) -> None:
        pass


def _provide(
    port: int,
    nodes: Sequence[tuple[ProviderId, bytes]],
    coordinator: bytes,
    certificates: Certificates,
) -> None:
    """A process of nodes, each with a connection of its own; a few of them dial at a time."""
    tls = ClientTls(certificates.authority, certificates.site.certificate, certificates.site.key)

    async def run() -> None:
        sessions = []
        for number, (name, private) in enumerate(nodes):
            session = NodeSession(
                name,
                JOB,
                b"token",
                f"localhost:{port}",
                _Silent(),
                BlobCache(),
                prover=Prover(Identity.from_bytes(private), coordinator),
                connections=Connections(LIMITS),
                tls=tls,
                limits=LIMITS,
            )
            sessions.append(asyncio.create_task(session.run()))
            if number % AT_ONCE == AT_ONCE - 1:
                await asyncio.sleep(0.2)
        await asyncio.gather(*sessions)

    asyncio.run(run())


def _certificates() -> Certificates:
    now = datetime.now(UTC)
    authority = make_authority("benchmark", now)
    key = new_key()
    private = load_pem_private_key(key, None)
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "site")]))
        .sign(private, hashes.SHA256())  # type: ignore[arg-type]  # it is an EC key
        .public_bytes(Encoding.PEM)
    )
    return Certificates(
        authority.certificate,
        issue_server(authority, ("localhost",), now),
        KeyPair(issue_site(authority, request, "site", now), key),
    )
