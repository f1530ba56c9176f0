"""Sites whose clock is an hour off: a real job, in which the clocks of two nodes are made wrong.

Debian's `faketime` puts another clock under a node's process, and under its model worker. Its
monotonic clock stays, as it does where an administrator sets the time wrong.
"""

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from coordinator.authority import membership
from protocols.ids import ProviderId
from tests.chaos.checks import wrong_with
from tests.integration.region import Region, bring_invitations, make_region, running
from tests.integration.sites import PATIENCE, Owner, until
from tests.integration.twin import run_twin

FAKETIME = shutil.which("faketime")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(FAKETIME is None, reason="faketime is not installed: apt-get install it"),
]

AHEAD, BEHIND, SOUTH, WEST = (ProviderId(name) for name in ("ahead", "behind", "south", "west"))
_OFF = {AHEAD: "+1h", BEHIND: "-1h"}


def _clock(name: str) -> tuple[str, ...]:
    """Words before the command that starts a site's node."""
    off = _OFF.get(ProviderId(name))
    return (str(FAKETIME), "--exclude-monotonic", "-f", off) if off else ()


def _region(folder: Path, *, issued: timedelta) -> Region:
    """Certificates were issued some time ago."""
    with pytest.MonkeyPatch.context() as patch:
        now = membership.utc_now
        patch.setattr(membership, "utc_now", lambda: now() - issued)
        return make_region(folder, (AHEAD, BEHIND, SOUTH, WEST), before=_clock)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Region]:
    """A federation founded yesterday."""
    with running(_region(tmp_path, issued=timedelta(days=1))) as made:
        yield made


def test_a_job_ends_with_the_right_model_while_two_clocks_are_an_hour_off(old: Region) -> None:
    old.submit("hours", None, "--detach").communicate(timeout=PATIENCE)
    bring_invitations(old, "hours")
    told = old.wait("hours", lambda told: told["state"] != "running", 2 * PATIENCE)
    assert told["state"] == "finished", (told, old.log()[-3000:])
    ahead, behind, right = (_said_first(old, name) for name in (AHEAD, BEHIND, SOUTH))
    assert ahead - right == pytest.approx(3600, abs=PATIENCE)
    assert behind - right == pytest.approx(-3600, abs=PATIENCE)
    run_twin(old, old.job, old.folder / "twin")
    assert wrong_with(old, "hours", old.folder / "twin", kills=0) == []
    log = old.log() + "".join(owner.log() for owner in old.owners)
    assert "Traceback" not in log


def test_a_clock_behind_the_coordinators_new_certificate_is_named(tmp_path: Path) -> None:
    """Its certificate is not in force yet, as that clock has it: nothing is sent; it says why."""
    region = _region(tmp_path, issued=timedelta(0))
    behind = _owner(region, BEHIND)
    with running(region):
        region.submit("hours", None, "--detach").communicate(timeout=PATIENCE)
        bring_invitations(region, "hours")
        until(lambda: "not in force yet: look at the clocks." in behind.log(), behind.log)
        others = {AHEAD, SOUTH, WEST}
        region.wait("hours", lambda told: _here(told) == others, PATIENCE)


def _here(told: dict[str, dict[str, dict[str, bool]]]) -> set[str]:
    return {name for name, site in told.get("sites", {}).items() if site["connected"]}


def _owner(region: Region, name: ProviderId) -> Owner:
    return next(owner for owner in region.owners if owner.name == name)


def _said_first(region: Region, name: ProviderId) -> float:
    """When a node has spoken first, by its own clock; unix seconds."""
    return datetime.fromisoformat(_owner(region, name).log().split(maxsplit=1)[0]).timestamp()
