"""Measures the session beside a bare gRPC stream: ``python -m benchmarks.session``.

One coordinator, four providers in processes of their own, TLS on loopback; every kind of stream is
measured in the same run, in turn, and the ratios are taken against the better of the two bare ones.
Prints a table and writes ``<out>/results.json``. A missed target is shown, and is no failure.
"""

import datetime
import json
import multiprocessing
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console
from rich.table import Table

from benchmarks import bare_aio, bare_threads, synlearn_session
from benchmarks.workload import Certificate, Figures, Workload

KINDS = {
    "bare asyncio": bare_aio,
    "bare threads": bare_threads,
    "session": synlearn_session,
}
SPAWN = multiprocessing.get_context("spawn")  # gRPC does not survive a fork


@dataclass(frozen=True)
class Target:
    """How the session has to compare with the better bare stream."""

    name: str
    of: Callable[[Figures], float]
    better: Callable[[float, float], float]
    bound: float

    def met(self, ratio: float) -> bool:
        """Whether the ratio of session to bare keeps the bound."""
        return ratio >= self.bound if self.better is max else ratio <= self.bound


TARGETS = (
    Target("1 KB questions a second", lambda each: each.questions_per_second, max, 0.7),
    Target("question, median ms", lambda each: each.median_ms, min, 2.5),
    Target("20 MB file, median ms", lambda each: each.file_ms, min, 2.0),
)


def self_signed() -> Certificate:
    """A throwaway certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Certificate(
        chain=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )


def coordinate(kind: str, workload: Workload, certificate: Certificate, report: Connection) -> None:
    """Run the coordinator's process: tell the port, then the figures."""
    report.send(KINDS[kind].coordinate(workload, certificate, report.send))


def measure(kind: str, workload: Workload, certificate: Certificate, processes: int) -> Figures:
    """One run of one kind of stream, in fresh processes."""
    ours, theirs = SPAWN.Pipe()
    coordinator = SPAWN.Process(target=coordinate, args=(kind, workload, certificate, theirs))
    coordinator.start()
    theirs.close()
    port = ours.recv()
    share = workload.providers // processes
    nodes = [
        SPAWN.Process(
            target=KINDS[kind].provide,
            args=(workload, port, certificate.chain, range(at, at + share)),
        )
        for at in range(0, workload.providers, share)
    ]
    for node in nodes:
        node.start()
    result: Figures = ours.recv()
    for process in (coordinator, *nodes):
        process.join(20)
        if process.exitcode != 0:
            process.kill()
            raise SystemExit(f"a process of '{kind}' did not end as it should")
    return result


def middle(runs: list[Figures]) -> Figures:
    """The median of every figure over several runs."""
    columns = zip(*(asdict(run).values() for run in runs), strict=True)
    return Figures(*(statistics.median(column) for column in columns))


@dataclass(frozen=True)
class Comparison:
    """The session's ratio to the better bare stream, beside its target."""

    name: str
    ratio: float
    target: float
    higher_is_better: bool
    met: bool


def compare(figures: dict[str, Figures]) -> list[Comparison]:
    """Every target's comparison."""
    compared = []
    for target in TARGETS:
        bare = [target.of(each) for kind, each in figures.items() if kind != "session"]
        ratio = target.of(figures["session"]) / target.better(*bare)
        compared.append(
            Comparison(target.name, ratio, target.bound, target.better is max, target.met(ratio))
        )
    return compared


def show(figures: dict[str, Figures], compared: list[Comparison]) -> None:
    """Print the table."""
    table = Table("TLS, loopback", *figures, "ratio", "target", "")
    for target, row in zip(TARGETS, compared, strict=True):
        table.add_row(
            target.name,
            *(f"{target.of(each):,.2f}" for each in figures.values()),
            f"{row.ratio:.2f}",
            f"{'≥' if row.higher_is_better else '≤'} {row.target}",
            "pass" if row.met else "miss",
        )
    slowest = (f"{each.p99_ms:,.2f}" for each in figures.values())
    table.add_row("question, 99 % ms", *slowest, "", "", "")
    Console(width=96).print(table)


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/session"),
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each kind, in turn.")] = 3,
    processes: Annotated[int, typer.Option(help="Processes for the four providers.")] = 4,
) -> None:
    """Measure the session beside a bare gRPC stream."""
    workload, certificate = Workload(), self_signed()
    if processes not in (1, 2, 4):
        raise typer.BadParameter("four providers share 1, 2 or 4 processes")
    runs: dict[str, list[Figures]] = {kind: [] for kind in KINDS}
    for _ in range(repeats):
        for kind in KINDS:
            runs[kind].append(measure(kind, workload, certificate, processes))
    figures = {kind: middle(each) for kind, each in runs.items()}
    compared = compare(figures)
    show(figures, compared)
    out.mkdir(parents=True, exist_ok=True)
    results = {
        "benchmark": "session",
        "workload": asdict(workload) | {"processes": processes, "tls": True},
        "targets": [asdict(each) for each in compared],
        "figures": {kind: asdict(each) for kind, each in figures.items()},
        "runs": {kind: [asdict(run) for run in each] for kind, each in runs.items()},
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("synlearn", "grpcio", "protobuf")},
        "machine": {
            "system": platform.platform(),
            "processor": platform.processor() or platform.machine(),
            "cores": len(os.sched_getaffinity(0)),
        },
    }
    (out / "results.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
