"""A worker process of the embedded federation: many nodes, one event loop, one computing thread.

Started by the coordinator as `python -m provider.embedded`, with one JSON object on standard input
(`WorkerSpec`). The same session code as a deployed node; only policy (`open`) and data (dSprites
domains) are given instead of being the owner's.

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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import torch

from protocols.ids import JobId, ProviderId
from provider.blobs import BlobCache
from provider.dataset import DspritesDomain
from provider.models import ModelCache
from provider.node import Node
from provider.policy import OpenPolicy
from provider.session import Connections, NodeSession
from provider.sqlite_ledger import LedgerFile, SqliteLedger

LOCK_PATIENCE = 30.0
"""Seconds to wait for an earlier worker of the same run to be gone."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: its name, its one-time token, and its dSprites domain."""

    provider: ProviderId
    token: bytes
    domain: int


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """What the coordinator tells a worker.

    Attributes:
        job: The job to answer.
        address: Of the session server, host:port.
        ledger: File in which the nodes keep their records.
        seed: From which the embedded nodes' secrets are made; a deployed node draws its own.
        split_seed: Of the split into training and testing rows.
        nodes: Who answers.
    """

    job: JobId
    address: str
    ledger: Path
    seed: int
    split_seed: int
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
            split_seed=table["split_seed"],
            nodes=tuple(
                NodeSpec(ProviderId(node["provider"]), bytes.fromhex(node["token"]), node["domain"])
                for node in table["nodes"]
            ),
        )


def main() -> None:
    """Run the worker until the coordinator says goodbye or is gone."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    spec = WorkerSpec.read(sys.stdin)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle
    torch.set_num_threads(1)  # same sums however many workers there are
    with spec.ledger.with_suffix(".lock").open("w") as lock:
        _lock(lock, time.monotonic, time.sleep)
        ledger = LedgerFile(spec.ledger)
        asyncio.run(_serve(spec, ledger))
        ledger.close()


async def _serve(spec: WorkerSpec, ledger: LedgerFile) -> None:
    connections, cache, models = Connections(), BlobCache(), ModelCache()
    with ThreadPoolExecutor(1, thread_name_prefix="answers") as executor:
        sessions = [
            NodeSession(
                node.provider,
                spec.job,
                node.token,
                spec.address,
                Node(
                    node.provider,
                    spec.job,
                    policy=OpenPolicy(),
                    ledger=SqliteLedger(ledger, node.provider, spec.job),
                    dataset=DspritesDomain(node.domain, spec.split_seed),
                    secret=_secret(spec.seed, node.provider),
                    models=models,
                    executor=executor,
                ),
                cache,
                connections=connections,
            )
            for node in spec.nodes
        ]
        await asyncio.gather(*(session.run() for session in sessions))


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
