"""The same job in an embedded federation, over the data and the secrets of real sites."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from coordinator import federation, grouped_launch
from coordinator.job import GroupedJob, read_job
from coordinator.launch import Finished, run_embedded
from tests.integration.region import Region


def run_twin(region: Region, job: Path, out: Path, *, workers: int = 2) -> Finished:
    """Run a job of a region's sites, which do not take part, in local worker processes."""
    shares: dict[str, federation.Share] = {
        owner.name: {"pool": str(owner.home.folder), "split": "", "number": place}
        for place, owner in enumerate(region.owners)
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(federation, "_start_worker", _start_worker)
        patch.setattr(grouped_launch, "_embedded_shares", lambda _: ("", shares))
        read = read_job(job)
        assert isinstance(read, GroupedJob)
        return run_embedded(read, out, resume=False, workers=workers, console=Console(quiet=True))


def _start_worker(spec: dict[str, object], log: Path) -> "subprocess.Popen[str]":
    with log.open("a") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.twin_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None
    process.stdin.write(json.dumps(spec) + "\n")
    process.stdin.flush()
    return process
