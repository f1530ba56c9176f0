"""How providers are gathered for a job."""

import contextlib
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coordinator.admission import RosterAdmission
from coordinator.blobs import BlobSource
from coordinator.embedded_trust import MASKED_ONLY, embedded_trust
from coordinator.joining import JobTrust
from coordinator.session_events import SessionEvent
from coordinator.session_questions import LEFT
from coordinator.session_server import ProvidersMissing, SessionServer, SessionsStopped
from protocols.ids import JobId, ProviderId
from synlearn.errors import InputError

Share = Mapping[str, int | str]
"""What an embedded provider holds: the fields of a share in `provider/embedded_data.py`."""


@dataclass(frozen=True, slots=True)
class EmbeddedFederation:
    """A federation under way: a `coordinator.membership.Membership`.

    Attributes:
        server: The coordinator's end of the sessions.
        trust: Under the one roster there is.
        workers: Process ids of the workers.
        died: Why, once one of them has ended before its time.
    """

    server: SessionServer
    trust: JobTrust
    workers: tuple[int, ...]
    died: Sequence[str]

    def expected(self) -> frozenset[ProviderId]:
        """All providers."""
        return frozenset(self.trust.manifest.participants)

    def young(self) -> frozenset[ProviderId]:
        """Nobody: all are of the first roster."""
        return frozenset()

    def present(self) -> frozenset[ProviderId]:
        """Who has an open session; SessionsStopped once a worker has died."""
        if self.died:
            raise SessionsStopped(self.died[0])
        return self.server.connected()

    def gone(self) -> Mapping[ProviderId, str]:
        """Who left; no embedded provider has an owner, but the session knows of them."""
        return dict.fromkeys(self.server.left(), LEFT)

    def peak_memory(self) -> int:
        """Bytes: the sum of the largest resident sizes of this process and of the workers."""
        return sum(_peak_resident(Path("/proc", pid)) for pid in ("self", *map(str, self.workers)))


@contextlib.contextmanager
def embedded_federation(
    job: JobId,
    shares: Mapping[ProviderId, Share],
    blobs: BlobSource,
    *,
    folder: Path,
    seed: int,
    workers: int,
    on_event: Callable[[SessionEvent], None],
    masked: Collection[str] = MASKED_ONLY,
    min_parties_per_class: int = 2,
) -> Iterator[EmbeddedFederation]:
    """Run every provider's node in a few local processes, over loopback sessions.

    Args:
        job: Which the nodes answer.
        shares: What each provider holds.
        blobs: Files that the nodes may pull.
        folder: Where the nodes keep their ledgers; a run that is resumed finds them again.
        seed: From which the nodes' secrets are made.
        workers: How many processes, at most one a provider.
        on_event: Told what happens to the sessions.
        masked: Functions whose answers travel under masks; all others travel plain.
        min_parties_per_class: The nodes' floor: fewest parties with rows in each class of a sum.

    Raises:
        InputError: The folder's ledgers are those of another number of processes.
        SessionsStopped: A worker died.
    """
    workers = min(workers, len(shares))  # one without a node would end at once
    _check_workers(folder, workers)
    stopping = threading.Event()
    died: list[str] = []

    def tell(event: SessionEvent) -> None:
        if not stopping.is_set():  # that sessions end is then no news
            on_event(event)

    trust = embedded_trust(job, shares, fresh=secrets.token_bytes, masked=masked)
    tokens = {provider: secrets.token_bytes(32) for provider in shares}
    admission = RosterAdmission(
        tokens, trust.job.identity.public, lambda: trust.job.roster, names_in_certificates=False
    )
    server = SessionServer(job, admission, blobs, on_event=tell)
    port = server.start()
    providers = sorted(shares)
    processes = []
    try:
        for index in range(workers):
            spec = {
                "job": job,
                "address": f"127.0.0.1:{port}",
                "ledger": str(folder / f"worker-{index}-of-{workers}.db"),
                "seed": seed,
                "min_parties_per_class": min_parties_per_class,
                "authority": trust.authority.hex(),
                "coordinator": trust.job.identity.public.hex(),
                "roster": trust.roster.encode().hex(),
                "nodes": [
                    {
                        "provider": name,
                        "token": tokens[name].hex(),
                        "share": dict(shares[name]),
                        "identity": trust.identities[name].hex(),
                    }
                    for name in providers[index::workers]
                ],
            }
            processes.append(_start_worker(spec, folder / f"worker-{index}.log"))
            _watch(processes[-1], f"worker-{index}", server, stopping, died)
        pids = tuple(process.pid for process in processes)
        yield EmbeddedFederation(server, trust.job, pids, died)
    except (SessionsStopped, ProvidersMissing) as error:
        if died:
            raise SessionsStopped(died[0]) from error
        raise
    finally:
        stopping.set()
        server.stop("the job is done")
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(timeout=30)


def _watch(
    process: subprocess.Popen[str],
    name: str,
    server: SessionServer,
    stopping: threading.Event,
    died: list[str],
) -> None:
    """Stop the sessions when a worker ends before its time: nobody would answer."""

    def wait() -> None:
        code = process.wait()
        if not stopping.is_set():
            died.append(f"{name} ended with code {code}; nodes/{name}.log may say why")
            server.stop(died[-1])

    threading.Thread(target=wait, name=f"watch-{name}", daemon=True).start()


def _peak_resident(process: Path) -> int:
    for line in (process / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _check_workers(folder: Path, workers: int) -> None:
    """Refuse to spread the nodes anew: they would not find what they have answered before."""
    for ledger in folder.glob("worker-*-of-*.db"):
        before = ledger.stem.rpartition("-")[2]
        if before != str(workers):
            raise InputError(
                f"the run in {folder.parent} began with {before} local processes, not {workers}; "
                f"resume it with --embedded {before}."
            )


def _start_worker(spec: dict[str, object], log: Path) -> subprocess.Popen[str]:
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "provider.embedded"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None  # noqa: S101  # a pipe was asked for
    process.stdin.write(json.dumps(spec) + "\n")
    process.stdin.flush()
    return process
