"""A job on eight nodes, deployed with Flower and embedded: the time of both, on one machine.

Deployed: eight nodes in processes of their own, each with the worker that its models run in, TLS,
node authentication, ledgers on disk, real SuperLink, proxy and SuperNodes. Embedded: eight local
processes with a node each. Same data, same row secrets, same questions, one thread everywhere.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.record import Plain, write_record
from protocols.ids import ProviderId
from synlearn.datasets.mixed_pool import MixedPool
from synlearn.datasets.mixed_providers import provider_images, provider_rows
from synlearn.datasets.mixed_split import read_split
from synlearn.evaluation.experiments.mixed_data import prepare_mini
from synlearn.step_bars import StepBars
from tests.integration.flower_region import FlowerRegion, flower_region
from tests.integration.region import Region, join_all, standing
from tests.integration.twin import run_twin

SITES = tuple(ProviderId(f"site-{number}") for number in range(1, 9))
MINI = Path(__file__).parents[1] / "examples" / "mini"
_JOB = """
closure = "grouped"
name = "overhead"
zoo = "zoo"
threads = 1
[providers]
min_parties_per_class = 2
dropouts = 1
[pretraining]
rounds = {pretraining}
classes = 5
rows_per_class = 4
[learning]
models = "mixed-learning-*"
rounds = {learning}
tasks_per_round = 120
k_least = 2
k_most = 4
draws = 6
updates_per_round = 120
[validation]
models_per_question = 24
[fusion]
folds = 4
examples = [1, 2, 4]
draws = 4
[session]
join_timeout = 600.0
"""


def main() -> None:
    """Measure, print, and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--pretraining", type=int, default=460, help="rounds; 460 take five minutes"
    )
    parser.add_argument("--learning", type=int, default=22, help="rounds")
    parser.add_argument("--out", type=Path, default=Path("runs/deployed_overhead"))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="so-") as scratch:
        folder = Path(scratch)
        with StepBars(Console(stderr=True)) as steps:
            data = prepare_mini(MINI, folder / "mini", steps, time.monotonic, workers=2)
        job = folder / "mini" / "job.toml"
        job.write_text(_JOB.format(pretraining=given.pretraining, learning=given.learning))

        def write_share(place: Path, number: int) -> None:
            _write_share(data.pool, place, number)

        with flower_region(folder, SITES, job=job, write=write_share) as made:
            deployed = _deployed(made)
            twin = folder / "twin"
            run_twin(made.region, job, twin, workers=len(SITES))
        embedded = _seconds(_lines(twin))
    ratio = deployed["job_seconds"] / embedded["job_seconds"]
    content: dict[str, Plain | list[dict[str, Plain]]] = {
        "nodes": len(SITES),
        "pretraining_rounds": given.pretraining,
        "learning_rounds": given.learning,
        "embedded_seconds": embedded["job_seconds"],
        "deployed_seconds": deployed["job_seconds"],
        "ratio": round(ratio, 3),
        "start_seconds": deployed["start_seconds"],
        "embedded_start_seconds": embedded["start_seconds"],
        "memory": deployed["memory"],
    }
    write_record(given.out, "deployed_overhead", content, packages=("flwr", "grpcio"))
    print(json.dumps(content, indent=2))


def _deployed(made: FlowerRegion) -> dict[str, Any]:
    """Run the job at the sites; its times, and the memory of each process at its end."""
    region = made.region
    region.submit("job", None, "--detach").communicate()
    for owner in region.owners:
        while not standing(owner, "invited"):
            time.sleep(0.2)
    join_all(region)
    memory: dict[str, int] = {}
    while region.status("job")["state"] == "running":
        memory |= _memory(made)
        time.sleep(2.0)
    told = region.status("job")
    if told["state"] != "finished":
        raise SystemExit(f"the job is {told['state']}: {told['sentence']}")
    rows: list[dict[str, Plain]] = [
        {"process": name, "mib": round(size / 2**20, 1)} for name, size in memory.items()
    ]
    return _seconds(_lines(region.runs / "job")) | {"memory": rows}


def _memory(made: FlowerRegion) -> dict[str, int]:
    """Resident bytes by process; of the nodes, those of their workers included."""
    region: Region = made.region
    found = dict(made.flower.memory())
    if region.up is not None:
        found["coordinator"] = _resident(region.up.pid)
    for owner in region.owners:
        found[f"{owner.name}-node"] = _resident(owner.pid)
    return found


def _resident(pid: int) -> int:
    """Of a process and its children."""
    total = 0
    for text in Path(f"/proc/{pid}/status").read_text().splitlines():
        if text.startswith("VmRSS:"):
            total += int(text.split()[1]) * 1024
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(_resident(int(child)) for child in children.read_text().split())
    return total


def _lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def _seconds(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Until all have joined and answered the first question, and from then to the end."""
    began = next(line["time"] for line in lines if line["event"] == "started")
    first = next(line["time"] for line in lines if line["event"] == "questions")
    ended = next(line["time"] for line in lines if line["event"] == "finished")
    return {"start_seconds": round(first - began, 1), "job_seconds": round(ended - first, 1)}


def _write_share(pool: MixedPool, folder: Path, number: int) -> None:
    """What every eighth of the shipped providers holds, together, as arrays."""
    rows = provider_rows(pool, read_split(MINI / "split.json"))[number :: len(SITES)]
    images = provider_images(pool, np.unique(np.concatenate(rows)))
    folder.mkdir(parents=True)
    np.save(folder / "images.npy", images.images)
    np.save(folder / "labels.npy", np.array(images.class_names)[images.labels])


if __name__ == "__main__":
    main()
