"""One job under one schedule, from its submission to the checks."""

import time
from dataclasses import dataclass
from typing import Any

from coordinator.job import read_job
from synlearn.errors import InputError
from tests.chaos.checks import wrong_with
from tests.chaos.moments import wait_for
from tests.chaos.schedule import Fault, Harm, Schedule, Victim
from tests.chaos.world import World
from tests.integration.region import bring_invitations, join_all, standing
from tests.integration.twin import run_twin

PATIENCE = 420.0
"""Seconds within which a job has ended, whatever was done to it; its own timeouts are shorter."""
_RESUMES = 3


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a schedule.

    Attributes:
        schedule: What was to go wrong.
        happened: When each fault was done, and when it was mended.
        ends: The states that the job came to, one for each time it was resumed and one more.
        seconds: All in all.
        wrong: What is wrong with the outcome; empty when nothing is.
    """

    schedule: Schedule
    happened: list[dict[str, Any]]
    ends: list[str]
    seconds: float
    wrong: list[str]


def play(world: World, schedule: Schedule) -> Played:
    """Run a job, do the harm, and look at what is left."""
    region, began = world.made.region, time.monotonic()
    name, job = f"chaos-{schedule.number}", region.variant(1000 + schedule.number)
    output, _ = region.submit(name, job, "--detach").communicate(timeout=60)
    assert "runs; see" in output, output
    happened: list[dict[str, Any]] = []
    joined = False
    for fault in schedule.faults:
        if not joined and fault.moment is not fault.moment.JOINING:
            _join(world, name, by_flower=schedule.number % 3 == 0)
            joined = True
        happened.append(_harm(world, name, fault))
    if not joined:
        _join(world, name, by_flower=True)
    ends = [_end(world, name)]
    while ends[-1].startswith("stopped") and len(ends) <= _RESUMES:
        process = region.submit(name, job, "--resume", "--detach")
        output, _ = process.communicate(timeout=60)
        assert "runs; see" in output, output
        ends.append(_end(world, name))
    wrong = []
    if ends[-1].startswith("finished"):
        twin = region.folder / "twins" / name
        run_twin(region, job, twin)
        kills = sum(f.harm is Harm.KILL and f.victim is Victim.NODE for f in schedule.faults)
        wrong = wrong_with(region, name, twin, kills)
    else:
        wrong.append(f"the job never finished: {ends}")
    log = region.log() + "".join(owner.log() for owner in region.owners)
    wrong += _tracebacks(log, happened)
    return Played(schedule, happened, ends, round(time.monotonic() - began, 1), wrong)


def _harm(world: World, name: str, fault: Fault) -> dict[str, Any]:
    """Wait for the moment, do the harm, and mend it after a while."""
    seen = wait_for(fault.moment, lambda: _status(world, name), PATIENCE)
    if seen is None:
        return {"fault": str(fault.harm), "seen": "the job had ended"}
    time.sleep(fault.after)
    began = time.time()
    mend = world.hit(fault)
    time.sleep(fault.lasts)
    mend()
    return {
        "fault": f"{fault.harm} of {fault.victim} {fault.site}",
        "wanted": str(fault.moment),
        "seen": str(seen),
        "began": round(began, 2),
        "mended": round(time.time(), 2),
    }


def _status(world: World, name: str) -> dict[str, Any]:
    try:
        return world.made.region.status(name)
    except InputError:
        return {}  # the coordinator is just not there


def _join(world: World, name: str, *, by_flower: bool) -> None:
    """Let all owners agree, once the invitation has reached them."""
    region = world.made.region
    if not by_flower:
        bring_invitations(region, name)
        return
    job = read_job(region.variant(1000 + int(name.removeprefix("chaos-")))).id
    deadline = time.monotonic() + PATIENCE
    while not all(job in standing(owner, "invited") for owner in region.owners):
        world.revive()
        assert time.monotonic() < deadline, "Flower has not brought the invitations"
        time.sleep(0.5)
    join_all(region)


def _end(world: World, name: str) -> str:
    """Wait for the job's end, as systemd keeps everything running meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        told = _status(world, name)
        if told and told["state"] != "running":
            return f"{told['state']}: {told['sentence']}"
        world.revive()
        time.sleep(0.3)
    return f"running after {PATIENCE:.0f} s: {_status(world, name)}"


def _tracebacks(log: str, happened: list[dict[str, Any]]) -> list[str]:
    """Faults of ours in what coordinator and nodes have said; a full disk may be one."""
    if any("full disk" in str(each["fault"]) for each in happened):
        return []
    count = log.count("Traceback (most recent call last)")
    return [f"{count} tracebacks in the logs"] if count else []
