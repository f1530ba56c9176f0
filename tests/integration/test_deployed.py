"""Jobs at sites: papers from an authority, invitations as files, consent, and Algorithm 1."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from protocols.ids import ProviderId
from synlearn.mre.storage import load_mre
from tests.integration.region import (
    Region,
    bring_invitations,
    make_region,
    running,
    standing,
)
from tests.integration.sites import PATIENCE, Owner, until

pytestmark = pytest.mark.integration

SITES = tuple(ProviderId(name) for name in ("north", "east", "south", "west"))


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    with running(make_region(tmp_path_factory.mktemp("region"), SITES)) as made:
        yield made


def is_over(owner: Owner, count: int) -> bool:
    return len(standing(owner, "over")) == count


def test_a_job_at_sites_from_invitation_to_model(region: Region) -> None:
    process = region.submit("first")
    try:
        for owner in region.owners:
            file = region.runs / "first" / "invitations" / f"{owner.name}.invitation"
            until(file.is_file, region.log)
            owner.run("invite", str(file))
            (job,) = standing(owner, "invited")
            shown = owner.run("preview", job).output
            assert "class_feature_sums" in shown
            owner.run("join", job, "--yes")
        output, _ = process.communicate(timeout=2 * PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, output
    assert "4 of 4 sites are here" in output
    assert load_mre(region.runs / "first" / "mre").provenance.models == 5
    for owner in region.owners:
        until(partial(is_over, owner, 1), owner.log)
        assert "The ledger holds" in owner.run("left", "--verify").output
        assert "head_statistics" in owner.run("left", "--json").output


def test_a_killed_coordinator_goes_on_by_itself_and_nobody_is_invited_again(
    region: Region,
) -> None:
    process = region.submit("killed", region.variant(6), "--detach")
    process.communicate(timeout=PATIENCE)
    bring_invitations(region, "killed")
    region.wait("killed", lambda told: told.get("phase", {}).get("round") == 1, PATIENCE)
    region.kill()
    region.start()
    told = region.wait("killed", lambda told: told["state"] != "running", 2 * PATIENCE)
    assert told["state"] == "finished", told
    for owner in region.owners:
        assert "The ledger holds" in owner.run("left", "--verify").output


def test_a_job_that_was_stopped_is_resumed_without_new_invitations(region: Region) -> None:
    process = region.submit("stopped", region.variant(7))
    bring_invitations(region, "stopped")
    region.wait("stopped", lambda told: told.get("questions", 0) > 0, PATIENCE)
    region.command("stop", "--federation", str(region.federation.root), "stopped")
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, output
    assert "stopped by its operator" in output
    again = region.submit("stopped", region.variant(7), "--resume")
    output, _ = again.communicate(timeout=2 * PATIENCE)
    assert again.returncode == 0, output


def test_two_jobs_run_at_once_on_the_same_sites(region: Region) -> None:
    both = [region.submit(f"both-{seed}", region.variant(seed)) for seed in (8, 9)]
    for seed in (8, 9):
        bring_invitations(region, f"both-{seed}")
    for process in both:
        output, _ = process.communicate(timeout=3 * PATIENCE)
        assert process.returncode == 0, (output, region.log())
    one, other = (json.dumps(region.status(f"both-{seed}")["sentence"]) for seed in (8, 9))
    assert one != other


def test_an_operators_mistakes_end_in_a_sentence(region: Region) -> None:
    root = str(region.federation.root)
    for words, says in (
        (("status", "--federation", root, "nobody"), "no run nobody"),
        (("logs", "--federation", root, "nobody"), "no run nobody"),
        (("stop", "--federation", root, "nobody"), "no job nobody runs"),
        (("run", str(region.job), "--federation", root, "--name", "../x"), "no name of a run"),
        (("run", "nothing.toml", "--federation", root), "cannot be read"),
        (("status", "--federation", "/nowhere"), "cannot be read"),
    ):
        assert says in region.command(*words, code=2).replace("\n", " ")
