"""Clocks an hour off: real jobs, in which those of two nodes, or the coordinator's, are wrong.

Debian's `faketime` puts another clock under a process, and under a node's model worker. Its
monotonic clock stays, as it does where an administrator sets the time wrong.
"""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from coordinator.authority import membership
from protocols.ids import ProviderId
from tests.chaos.checks import wrong_with
from tests.integration.region import Region, bring_invitations, make_region, running
from tests.integration.sites import PATIENCE, until
from tests.integration.twin import run_twin

FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed: apt-get install it"),
]

AHEAD, BEHIND, SOUTH, WEST = (ProviderId(name) for name in ("ahead", "behind", "south", "west"))
_OFF = {AHEAD: "+1h", BEHIND: "-1h"}


def _clock(off: str | None) -> tuple[str, ...]:
    """Words before the command that starts a process.

    The command `faketime` would stand between us and the process that we are to end.
    """
    if off is None:
        return ()
    return ("env", f"LD_PRELOAD={FAKETIME}", f"FAKETIME={off}", "FAKETIME_DONT_FAKE_MONOTONIC=1")


def _clock_of(name: str) -> tuple[str, ...]:
    return _clock(_OFF.get(ProviderId(name)))


def _region(
    folder: Path,
    *,
    issued: timedelta,
    clock_of: Callable[[str], Sequence[str]] = _clock_of,
) -> Region:
    """Certificates were issued some time ago."""
    with pytest.MonkeyPatch.context() as patch:
        now = membership.utc_now
        patch.setattr(membership, "utc_now", lambda: now() - issued)
        return make_region(folder, (AHEAD, BEHIND, SOUTH, WEST), before=clock_of)


def test_a_job_ends_with_the_right_model_while_two_clocks_are_an_hour_off(tmp_path: Path) -> None:
    with running(_region(tmp_path, issued=timedelta(days=1))) as old:
        _ends_right(old)
        ahead, behind, right = (_said_first(_node_log(old, one)) for one in (AHEAD, BEHIND, SOUTH))
    assert ahead - right == pytest.approx(3600, abs=PATIENCE)
    assert behind - right == pytest.approx(-3600, abs=PATIENCE)


@pytest.mark.parametrize("off", ["+1h", "-1h"])
def test_a_job_ends_with_the_right_model_while_the_coordinators_clock_is_off(
    tmp_path: Path, off: str
) -> None:
    region = _region(tmp_path, issued=timedelta(days=1), clock_of=lambda _: ())
    region.up_before = (*_other_sleep(tmp_path / "start"), *_clock(off))
    with running(region):
        _ends_right(region)
        apart = _said_first(region.log()) - _said_first(_node_log(region, SOUTH))
    assert apart == pytest.approx(3600 if off[0] == "+" else -3600, abs=PATIENCE)


def _other_sleep(folder: Path) -> tuple[str, ...]:
    """Words before a Python command: sleeps get a duration, not a moment.

    libfaketime makes an invalid moment of the one that `time.sleep` waits for.
    """
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import select, time\n"
        "time.sleep = lambda seconds: select.select([], [], [], seconds) and None\n"
    )
    return ("env", f"PYTHONPATH={folder}:{os.environ.get('PYTHONPATH', '')}")


def _ends_right(region: Region) -> None:
    region.submit("hours", None, "--detach").communicate(timeout=PATIENCE)
    bring_invitations(region, "hours")
    told = region.wait("hours", lambda told: told["state"] != "running", 2 * PATIENCE)
    assert told["state"] == "finished", (told, region.log()[-3000:])
    run_twin(region, region.job, region.folder / "twin")
    assert wrong_with(region, "hours", region.folder / "twin", kills=0) == []
    log = region.log() + "".join(owner.log() for owner in region.owners)
    assert "Traceback" not in log


def test_a_clock_behind_the_coordinators_new_certificate_is_named(tmp_path: Path) -> None:
    """Its certificate is not in force yet, as that clock has it: nothing is sent; it says why."""
    region = _region(tmp_path, issued=timedelta(0))
    with running(region):
        region.submit("hours", None, "--detach").communicate(timeout=PATIENCE)
        bring_invitations(region, "hours")
        said = "not in force yet: look at the clocks."
        until(lambda: said in _node_log(region, BEHIND), lambda: _node_log(region, BEHIND))
        others = {AHEAD, SOUTH, WEST}
        region.wait("hours", lambda told: _here(told) == others, PATIENCE)


def _here(told: dict[str, dict[str, dict[str, bool]]]) -> set[str]:
    return {name for name, site in told.get("sites", {}).items() if site["connected"]}


def _node_log(region: Region, name: ProviderId) -> str:
    return next(owner for owner in region.owners if owner.name == name).log()


def _said_first(log: str) -> float:
    """When a process has spoken first, by its own clock; unix seconds."""
    return datetime.fromisoformat(log.split(maxsplit=1)[0]).timestamp()
