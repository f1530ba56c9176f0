"""Jobs at sites whose owners come and go: real nodes, a real coordinator, masked sums."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from coordinator.job import read_job
from coordinator.questions import Phase
from protocols.ids import ProviderId, QueryId
from synlearn.mre.storage import load_mre
from tests.integration.attendance import (
    Outcome,
    bring_invitation,
    charged_twice,
    check_learned,
    hold,
    let_go,
    waiting,
)
from tests.integration.region import (
    Region,
    add_sites,
    bring_invitations,
    make_region,
    running,
    standing,
    tiny_job,
    write_share,
)
from tests.integration.sites import PATIENCE, Owner, until

pytestmark = pytest.mark.integration

NORTH, EAST, SOUTH, WEST, LATE = (
    ProviderId(name) for name in ("north", "east", "south", "west", "late")
)
FIRST = (NORTH, EAST, SOUTH, WEST)
VALIDATION, SUMS = "head_statistics", "class_feature_sums"


@pytest.fixture(scope="module")
def region(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Region]:
    """Four sites, and the data of a fifth; jobs of three rounds that one site may leave."""
    folder = tmp_path_factory.mktemp("region")
    job = tiny_job(folder)
    two, three = (f'"mixed-learning-*"\n        rounds = {rounds}' for rounds in (2, 3))
    text = job.read_text()
    assert two in text
    text = text.replace(two, three)
    job.write_text(f"{text}absent_most = 1\n")
    made = make_region(folder, FIRST, job=job, write=lambda data, at: write_share(data, at, 5))
    write_share(folder / LATE / "data", 4, 5)
    with running(made):
        yield made


def owner_of(region: Region, name: ProviderId) -> Owner:
    return next(owner for owner in region.owners if owner.name == name)


def job_of(path: Path) -> str:
    return read_job(path).id


def asked(outcome: Outcome, name: ProviderId) -> list[QueryId]:
    return [QueryId.parse(line["question"]) for line in outcome.left_of(name)]


def finished(region: Region, name: str) -> None:
    told = region.wait(name, lambda told: told["state"] != "running", 2 * PATIENCE)
    assert told["state"] == "finished", (told, region.log()[-3000:])


def test_who_leaves_for_good_stops_neither_the_job_nor_another_at_the_same_sites(
    region: Region,
) -> None:
    """In the middle of the first round of two jobs; it leaves one of them alone."""
    left, stays = region.variant(21), region.variant(22)
    hold(owner_of(region, NORTH), VALIDATION)
    for name, job in (("left", left), ("stays", stays)):
        region.submit(name, job, "--detach").communicate(timeout=PATIENCE)
        bring_invitations(region, name)
    until(lambda: len(waiting(owner_of(region, NORTH))) == 2, region.log)
    owner_of(region, WEST).run("leave", job_of(left))
    region.wait("left", lambda told: not told["sites"][WEST]["connected"], PATIENCE)
    let_go(owner_of(region, NORTH))
    finished(region, "left")
    finished(region, "stays")

    everybody, others = frozenset(FIRST), frozenset(FIRST) - {WEST}
    outcome = Outcome(region, "left", left, (everybody, others, others), (others, others, others))
    (line,) = outcome.events("absent")
    assert line["sentence"] == "The job goes on without west: its owner left the job."
    assert max(asked(outcome, WEST)) < QueryId(Phase.LEARNING, 1, 0)
    check_learned(outcome, FIRST)
    assert charged_twice(outcome) == []
    assert load_mre(outcome.out / "mre").provenance.tasks == 24

    other = Outcome(region, "stays", stays, (everybody,) * 3, (everybody,) * 3)
    assert other.events("absent") == []
    check_learned(other, FIRST)
    assert charged_twice(other) == []
    until(partial(_is_over, owner_of(region, WEST), job_of(stays)))


def _is_over(owner: Owner, job: str) -> bool:
    return job in standing(owner, "over")


def test_a_job_that_may_not_go_on_says_so_once_and_is_resumed_where_it_may(
    region: Region,
) -> None:
    strict = region.variant(23)
    may = strict.read_text()
    strict.write_text(may.replace("absent_most = 1", "absent_most = 0"))
    hold(owner_of(region, NORTH), VALIDATION)
    process = region.submit("strict", strict)
    bring_invitations(region, "strict")
    until(lambda: len(waiting(owner_of(region, NORTH))) == 1, region.log)
    owner_of(region, EAST).run("leave", job_of(strict))
    region.wait("strict", lambda told: not told["sites"][EAST]["connected"], PATIENCE)
    let_go(owner_of(region, NORTH))
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, output
    assert region.status("strict")["sentence"] == (
        "east: its owner left the job. Then 1 of 4 providers are absent, and [session] absent_most "
        "is 0; start their nodes and go on, or raise it and go on without them"
    )
    assert "Traceback" not in output

    strict.write_text(may)
    again = region.submit("strict", strict, "--resume")
    output, _ = again.communicate(timeout=2 * PATIENCE)
    assert again.returncode == 0, output
    others = frozenset(FIRST) - {EAST}
    began = (frozenset(FIRST), others, others)
    outcome = Outcome(region, "strict", strict, began, (others, others, others))
    check_learned(outcome, FIRST)
    assert charged_twice(outcome) == []


def test_where_too_few_hold_a_class_the_job_stops_with_one_sentence(region: Region) -> None:
    few = region.variant(24)
    few.write_text(few.read_text().replace("absent_most = 1", "absent_most = 3"))
    hold(owner_of(region, NORTH), VALIDATION)
    process = region.submit("few", few)
    bring_invitations(region, "few")
    until(lambda: len(waiting(owner_of(region, NORTH))) == 1, region.log)
    gone = (EAST, SOUTH, WEST)
    for name in gone:
        owner_of(region, name).run("leave", job_of(few))
    region.wait(
        "few", lambda told: not any(told["sites"][name]["connected"] for name in gone), PATIENCE
    )
    let_go(owner_of(region, NORTH))
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3, output
    sentence = region.status("few")["sentence"]
    assert sentence.startswith("east, south, west: its owner left the job. Then 1 providers hold")
    assert "a sum has rows of 2 at least" in sentence
    assert "Traceback" not in region.log()


def test_who_joins_in_the_middle_enters_with_the_next_round(region: Region) -> None:
    """A coordinator that is killed after that goes on with the newcomer."""
    job = region.variant(25)
    hold(owner_of(region, NORTH), VALIDATION)
    region.submit("joined", job, "--detach").communicate(timeout=PATIENCE)
    bring_invitations(region, "joined")
    until(lambda: len(waiting(owner_of(region, NORTH))) == 1, region.log)
    add_sites(region, [LATE])
    late = owner_of(region, LATE)
    late.start()
    bring_invitation(region, "joined", late)
    region.wait("joined", lambda told: told["sites"][LATE]["connected"], PATIENCE)
    assert late.run("left", "--json").output == ""
    owner_of(region, NORTH).run("approve", str(waiting(owner_of(region, NORTH))[0]))
    until(lambda: len(waiting(owner_of(region, NORTH))) == 1, region.log)  # of the next round
    region.kill()
    region.start()
    let_go(owner_of(region, NORTH))
    finished(region, "joined")

    first, all_five = frozenset(FIRST), frozenset((*FIRST, LATE))
    there = (first, all_five, all_five)
    outcome = Outcome(region, "joined", job, there, there)
    (line,) = outcome.events("entered")
    assert line["sentence"] == "late enters with round 1 of learning."
    assert min(query for query in asked(outcome, LATE) if query.phase) >= QueryId(
        Phase.LEARNING, 1, 0
    )
    check_learned(outcome, FIRST)
    assert charged_twice(outcome) == []


def test_a_job_that_begins_with_a_new_member_needs_no_rows_of_it_in_a_sum(
    region: Region,
) -> None:
    """Nodes do not count it for a week, and refuse sums of which it is one of two."""
    job = region.variant(27)
    region.submit("soon", job, "--detach").communicate(timeout=PATIENCE)
    bring_invitations(region, "soon")
    finished(region, "soon")
    everybody = frozenset(owner.name for owner in region.owners)
    outcome = Outcome(region, "soon", job, (everybody,) * 3, (everybody,) * 3)
    assert LATE in everybody
    assert any(query.phase == Phase.LEARNING for query in asked(outcome, LATE))
    assert {line["attempt"] for line in outcome.events("aggregation")} == {1}
    check_learned(outcome, everybody)
    assert charged_twice(outcome) == []


def test_who_is_revoked_in_the_middle_is_asked_no_more(region: Region) -> None:
    job = region.variant(26)
    hold(owner_of(region, NORTH), VALIDATION)
    region.submit("revoked", job, "--detach").communicate(timeout=PATIENCE)
    bring_invitations(region, "revoked")
    until(lambda: len(waiting(owner_of(region, NORTH))) == 1, region.log)
    region.command("federation", "revoke", str(region.federation.root), LATE)
    late = owner_of(region, LATE)
    late.stop()
    late.start()
    until(lambda: "has no entry for it" in region.log(), region.log)
    let_go(owner_of(region, NORTH))
    finished(region, "revoked")
    names = frozenset(owner.name for owner in region.owners)
    others = names - {LATE}
    outcome = Outcome(region, "revoked", job, (names, others, others), (others,) * 3)
    (line,) = outcome.events("absent")
    assert line["sentence"] == "The job goes on without late: it was revoked."
    check_learned(outcome, names)
    assert charged_twice(outcome) == []
