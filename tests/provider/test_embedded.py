import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from protocols.ids import ProviderId
from protocols.secagg.roster import sign_roster
from provider import embedded
from provider.embedded import NodeSpec, WorkerSpec
from provider.embedded_data import DspritesShare
from tests.identities import AUTHORITY, COORDINATOR, first_roster

ROSTER = sign_roster(first_roster("alice"), AUTHORITY)
SPEC = {
    "job": "job-1",
    "address": "127.0.0.1:1",
    "ledger": "/nowhere/worker-0-of-1.db",
    "seed": 5,
    "min_parties_per_class": 2,
    "authority": AUTHORITY.public.hex(),
    "coordinator": COORDINATOR.public.hex(),
    "roster": ROSTER.encode().hex(),
    "nodes": [
        {
            "provider": "alice",
            "token": "00ff",
            "share": {"domain": 7, "split_seed": 3},
            "identity": "05" * 32,
        }
    ],
}


def test_a_worker_reads_one_line() -> None:
    stream = io.StringIO(json.dumps(SPEC) + "\nmore")
    spec = WorkerSpec.read(stream)
    assert (spec.job, spec.address, spec.seed) == ("job-1", "127.0.0.1:1", 5)
    assert spec.min_parties_per_class == 2
    assert spec.ledger == Path("/nowhere/worker-0-of-1.db")
    assert (spec.authority, spec.roster) == (AUTHORITY.public, ROSTER)
    assert spec.coordinator == COORDINATOR.public
    assert spec.nodes == (
        NodeSpec(ProviderId("alice"), b"\0\xff", DspritesShare(7, 3), b"\5" * 32),
    )
    assert stream.read() == "more"


def test_every_embedded_node_has_a_secret_of_its_own_and_keeps_it() -> None:
    names = [ProviderId(f"provider-{number}") for number in range(20)]
    secrets = {embedded._secret(seed, name) for seed in (1, 11) for name in names}
    assert len(secrets) == 40
    assert all(len(secret) == 32 for secret in secrets)
    assert embedded._secret(1, names[0]) == embedded._secret(1, names[0])


class Clock:
    """Goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_worker_waits_for_the_one_before_it(tmp_path: Path) -> None:
    clock = Clock()
    path = tmp_path / "worker.lock"
    with path.open("w") as first:
        embedded._lock(first, clock, clock.sleep)
        with path.open("w") as second, pytest.raises(SystemExit, match="another worker still"):
            embedded._lock(second, clock, clock.sleep)
    assert embedded.LOCK_PATIENCE <= clock.now <= embedded.LOCK_PATIENCE + 1
    with path.open("w") as third:
        embedded._lock(third, clock, clock.sleep)


def test_a_worker_ends_with_its_coordinator(tmp_path: Path) -> None:
    """It looks for a coordinator that is not there, until its standard input closes."""
    worker = subprocess.Popen(
        [sys.executable, "-m", "provider.embedded"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert worker.stdin is not None
    spec = {**SPEC, "ledger": str(tmp_path / "worker-0-of-1.db")}
    worker.stdin.write(json.dumps(spec) + "\n")
    worker.stdin.flush()
    with pytest.raises(subprocess.TimeoutExpired):
        worker.wait(1)
    worker.stdin.close()
    assert worker.wait(20) == 0
