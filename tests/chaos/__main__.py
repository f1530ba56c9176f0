"""`./run chaos`: many schedules, one after the other; what was done is kept, and not done again."""

import argparse
import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from synlearn.atomic import write_atomically
from synlearn.evaluation.provenance import machine_facts
from tests.chaos import network
from tests.chaos.play import Played, play
from tests.chaos.schedule import draw
from tests.chaos.world import SITES, world


def main() -> int:
    """Play the schedules that were not played yet; 1 when something was wrong with one."""
    parser = argparse.ArgumentParser(prog="./run chaos", description=__doc__)
    parser.add_argument("--schedules", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/chaos"))
    parser.add_argument("--only", type=int, help="this one alone, whether it was played or not")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    wanted = range(given.schedules) if given.only is None else [given.only]
    left = [n for n in wanted if given.only is not None or not _path(given.out, n).exists()]
    may = network.can_be_made()
    if left:
        folder = Path(tempfile.mkdtemp(prefix="chaos-"))
        with world(folder, disks=may, partitions=may) as place:
            for number in left:
                drawn = draw(number, given.seed, len(SITES), partitions=may, disks=may)
                played = play(place, drawn)
                _keep(given.out, played)
                print(_line(played), flush=True)
        shutil.rmtree(folder, ignore_errors=True)
    return _summary(given.out, given.seed)


def _keep(out: Path, played: Played) -> None:
    text = json.dumps(asdict(played), indent=1, default=str)
    write_atomically(_path(out, played.schedule.number), text.encode())


def _path(out: Path, number: int) -> Path:
    return out / f"schedule-{number:03d}.json"


def _line(played: Played) -> str:
    what = ", ".join(f"{f.harm} {f.victim} at {f.moment}" for f in played.schedule.faults)
    states = " then ".join(end.partition(":")[0] for end in played.ends)
    verdict = "; ".join(played.wrong) or "right"
    return f"{played.schedule.number:3d}  {what}: {states}, {played.seconds:.0f} s, {verdict}"


def _summary(out: Path, seed: int) -> int:
    """Write `results.json` over all that was played."""
    played = [json.loads(path.read_text()) for path in sorted(out.glob("schedule-*.json"))]
    wrong = [each for each in played if each["wrong"]]
    resumed = sum(len(each["ends"]) > 1 for each in played)
    record = {
        "benchmark": "chaos",
        "seed": seed,
        "schedules": len(played),
        "right": len(played) - len(wrong),
        "resumed_by_the_operator": resumed,
        "seconds": round(sum(each["seconds"] for each in played), 1),
        "machine": asdict(machine_facts()),
        "played": played,
    }
    write_atomically(out / "results.json", (json.dumps(record, indent=1) + "\n").encode())
    print(f"{len(played) - len(wrong)} of {len(played)} right, {resumed} resumed by the operator")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
