"""A worker process of the embedded federation: many nodes, one event loop, one computing thread.

Started by the coordinator as `python -m provider.embedded`, with one JSON object on standard input
(`WorkerSpec`). The same session code as a deployed node; only policy (`open`) and data are given
instead of being the owner's.

Standard input stays open for as long as the coordinator lives: when it closes, whatever the
reason, the worker ends at once.
"""

import asyncio
import fcntl
import hashlib
import hmac
import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import torch

from protocols.ids import JobId, ProviderId
from protocols.proof import Prover
from protocols.secagg.keys import Identity
from protocols.secagg.roster import SignedRoster
from provider.aggregation import MaskedAnswers
from provider.blobs import BlobCache
from provider.dataset import Dataset
from provider.embedded_data import Share, open_shares, read_share
from provider.gate import FixedGate
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.masked_rules import MaskedRules
from provider.models import ModelCache
from provider.node import Node
from provider.session import Connections, NodeSession
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import SqliteLedger
from provider.trust import Federation, MemoryTrust, Trust
from provider.workbench import Workbench
from synlearn.logs import LogFormat, start_logs

LOCK_PATIENCE = 30.0
"""Seconds to wait for an earlier worker of the same run to be gone."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: its name, its one-time token, its data, its private signing key."""

    provider: ProviderId
    token: bytes = field(repr=False)
    share: Share
    identity: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What the coordinator tells a worker.

    Attributes:
        job: The job to answer.
        address: Of the session server, host:port.
        ledger: File in which the nodes keep their records.
        seed: From which the embedded nodes' secrets are made; a deployed node draws its own.
        min_parties_per_class: The nodes' floor; 1 lets a sum be one party's own part.
        authority: Public key of the federation's authority.
        coordinator: Public key of the coordinator.
        roster: Signed by the authority.
        nodes: Who answers.
    """

    job: JobId
    address: str
    ledger: Path
    seed: int
    min_parties_per_class: int
    authority: bytes
    coordinator: bytes
    roster: SignedRoster
    nodes: tuple[NodeSpec, ...]

    @classmethod
    def read(cls, stream: IO[str]) -> "WorkerSpec":
        """Read the one line of JSON that the coordinator writes."""
        table: dict[str, Any] = json.loads(stream.readline())
        return cls(
            job=JobId(table["job"]),
            address=table["address"],
            ledger=Path(table["ledger"]),
            seed=table["seed"],
            min_parties_per_class=table["min_parties_per_class"],
            authority=bytes.fromhex(table["authority"]),
            coordinator=bytes.fromhex(table["coordinator"]),
            roster=SignedRoster.decode(bytes.fromhex(table["roster"])),
            nodes=tuple(
                NodeSpec(
                    ProviderId(node["provider"]),
                    bytes.fromhex(node["token"]),
                    read_share(node["share"]),
                    bytes.fromhex(node["identity"]),
                )
                for node in table["nodes"]
            ),
        )


def main() -> None:
    """Run the worker until the coordinator says goodbye or is gone."""
    start_logs(LogFormat.TEXT, logging.WARNING)
    spec = WorkerSpec.read(sys.stdin)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    torch.set_num_threads(1)  # same sums however many workers there are
    with spec.ledger.with_suffix(".lock").open("w") as lock:
        _lock(lock, time.monotonic, time.sleep)
        ledger = LedgerFile(spec.ledger)
        asyncio.run(_serve(spec, ledger))
        ledger.close()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the nodes of a process have in common."""

    ledger: LedgerFile
    federation: Federation
    models: ModelCache
    executor: Executor


async def _serve(spec: WorkerSpec, ledger: LedgerFile) -> None:
    federation = Federation(spec.authority, MemoryTrust(), now=time.time)
    federation.follow((spec.roster,))
    connections, cache = Connections(), BlobCache()
    with ThreadPoolExecutor(1, thread_name_prefix="answers") as executor:
        shared = _Shared(ledger, federation, ModelCache(), executor)
        datasets = open_shares([node.share for node in spec.nodes])
        sessions = [
            NodeSession(
                node.provider,
                spec.job,
                node.token,
                spec.address,
                _node(node, dataset, spec, shared),
                cache,
                prover=Prover(Identity.from_bytes(node.identity), spec.coordinator),
                connections=connections,
            )
            for node, dataset in zip(spec.nodes, datasets, strict=True)
        ]
        await asyncio.gather(*(session.run() for session in sessions))


def _node(node: NodeSpec, dataset: Dataset, spec: WorkerSpec, shared: _Shared) -> Node:
    provider, job = node.provider, spec.job
    secret = _secret(spec.seed, provider)
    gate = FixedGate(
        rules=MaskedRules(
            min_parties_per_class=spec.min_parties_per_class,
            wholes_once=False,  # nothing to hide
        )
    )
    bench = Workbench(dataset, secret, shared.models, shared.executor)
    identity = Identity.from_bytes(node.identity)
    journal = Journal(shared.ledger, provider, identity)
    masked = MaskedAnswers(
        provider,
        job,
        gate=gate,
        trust=Trust(provider, job, identity, shared.federation),
        attempts=SqliteAttempts(journal, job),
        bench=bench,
        fresh=os.urandom,
    )
    return Node(
        provider,
        job,
        gate=gate,
        ledger=SqliteLedger(journal, job),
        bench=bench,
        masked=masked,
    )


def _secret(seed: int, provider: ProviderId) -> bytes:
    """Key of a node's row drawing, reproducible: an embedded federation has nothing to hide."""
    return hmac.new(b"synlearn/embedded/v1", f"{seed}|{provider}".encode(), hashlib.sha256).digest()


def _lock(file: IO[str], clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    """Wait until no other worker uses this ledger."""
    deadline = clock() + LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if clock() > deadline:
                sys.exit(f"another worker still holds {file.name}; stop that run first")
            sleep(0.1)
        else:
            return


def _leave_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
