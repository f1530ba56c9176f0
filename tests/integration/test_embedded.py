"""The embedded federation when its processes do not do what they should."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.checkpoint import RunFolder
from coordinator.cli import app
from coordinator.job import read_job
from synlearn.zoo.catalog import Zoo
from tests.integration.jobs import RunningJob, answered, ledgers, model, records, write_job

pytestmark = pytest.mark.integration


@pytest.fixture
def runs() -> Iterator[list[RunningJob]]:
    """Jobs put in here leave no process behind."""
    started: list[RunningJob] = []
    yield started
    for run in started:
        run.stop()


def test_a_worker_that_dies_stops_the_job_which_can_be_resumed(
    tiny_zoo: Path, tmp_path: Path, runs: list[RunningJob]
) -> None:
    job, out = write_job(tmp_path, tiny_zoo), tmp_path / "out"
    run = RunningJob(job, out, embedded=2)
    runs.append(run)
    run.until(answered(1, 0, 0))
    dead, other = run.workers()
    os.kill(dead, signal.SIGKILL)
    code, output = run.finish()
    assert code == 3
    assert "The job stopped: worker-" in output
    assert f"synlearn-coordinator run {job} --out {out} --resume" in output
    assert "Traceback" not in output
    with pytest.raises(ProcessLookupError):
        os.kill(other, 0)
    resumed = RunningJob(job, out, resume=True, embedded=2)
    runs.append(resumed)
    code, output = resumed.finish()
    assert code == 0, output
    assert set(model(out)) == {"mre.json", "backbone.safetensors", "metric.safetensors"}
    assert len({provider for provider, *_ in records(out)}) == 6


def test_a_worker_that_cannot_start_is_not_waited_for(
    tiny_zoo: Path, tmp_path: Path, runs: list[RunningJob]
) -> None:
    job, out = write_job(tmp_path, tiny_zoo), tmp_path / "out"
    RunFolder(out).open(read_job(job), Zoo.open(tiny_zoo).digest, resume=False)
    ledger = out / "nodes" / "worker-0-of-1.db"
    ledger.write_bytes(b"this is no database")
    run = RunningJob(job, out, resume=True)
    runs.append(run)
    code, output = run.finish()  # well before the 120 s in which nodes have to join
    assert code == 3
    assert "worker-0 ended with code 1" in output
    assert "file is not a database" in (out / "nodes" / "worker-0.log").read_text()
    assert ledger.read_bytes() == b"this is no database"


def test_more_processes_than_providers_are_as_many_as_providers(
    tiny_zoo: Path, tmp_path: Path, runs: list[RunningJob]
) -> None:
    job, out = write_job(tmp_path, tiny_zoo, providers=2), tmp_path / "out"
    run = RunningJob(job, out, embedded=3)
    runs.append(run)
    code, output = run.finish()
    assert code == 0, output
    assert [path.name for path in ledgers(out)] == ["worker-0-of-2.db", "worker-1-of-2.db"]
    # Spread over another number, the nodes would not find what they have answered before.
    again = CliRunner().invoke(
        app, ["run", str(job), "--out", str(out), "--embedded=1", "--resume"]
    )
    assert again.exit_code == 2
    assert again.stderr.endswith(
        f"Error: the run in {out} began with 2 local processes, not 1; resume it with "
        "--embedded 2.\n"
    )
