from dataclasses import replace
from pathlib import Path

import pytest

from protocols.ids import JobId, ProviderId
from protocols.job_plan import sign_plan
from protocols.secagg.manifest import sign_manifest
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.site.engagements import Engagements, Standing
from provider.site.switch import PauseSwitch
from synlearn.errors import InputError
from tests.identities import COORDINATOR, identity_of, member_of
from tests.provider.site.invitations import ALICE, ROSTER, invitation, manifest, plan

JOB = JobId("job")


def journal(tmp_path: Path) -> Journal:
    return Journal(LedgerFile(tmp_path / "ledger.db"), ALICE, identity_of("alice"))


def engagements(tmp_path: Path) -> Engagements:
    return Engagements(journal(tmp_path), lambda: 12.0)


def test_an_invitation_waits_until_the_owner_says_something(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    found = jobs.invite(invitation())
    assert (found.standing, found.since, found.snapshot) == (Standing.INVITED, 12.0, "")
    assert found.invitation == invitation()


def test_what_was_said_outlives_the_process(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED)
    jobs.answer_from(JOB, "abc", 10)
    again = engagements(tmp_path).find(JOB)
    assert (again.standing, again.snapshot, again.multiple) == (Standing.JOINED, "abc", 10)


def test_every_change_is_an_entry_of_the_chain(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED, plan="digest of the plan")
    jobs.answer_from(JOB, "abc", 10)
    jobs.move(JOB, Standing.LEFT, "enough")
    kinds = [event.kind for event in journal(tmp_path).events(("job", "snapshot"))]
    assert kinds == ["job", "job", "snapshot", "job"]
    details = [event.details for event in journal(tmp_path).events(("job",))]
    assert "digest of the plan" in details[1]
    assert "enough" in details[2]


def test_a_job_keeps_the_data_it_began_with(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.answer_from(JOB, "first", 1)
    jobs.answer_from(JOB, "second", 10)
    assert (jobs.find(JOB).snapshot, jobs.find(JOB).multiple) == ("first", 1)


def test_a_new_token_for_what_was_agreed_to_goes_on(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation(token=b"one"))
    jobs.invite(invitation(token=b"two"))
    assert jobs.find(JOB).standing is Standing.INVITED
    jobs.move(JOB, Standing.JOINED)
    jobs.answer_from(JOB, "abc", 10)
    jobs.move(JOB, Standing.OVER, "the token is not admitted")
    again = jobs.invite(invitation(token=b"three"))
    assert (again.standing, again.snapshot) == (Standing.JOINED, "abc")
    assert again.invitation.token == b"three"


def test_another_plan_needs_consent_anew(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED)
    larger = sign_plan(plan(purpose="Something else."), COORDINATOR)
    assert jobs.invite(invitation(plan=larger)).standing is Standing.INVITED
    assert jobs.joined() == []


def test_the_same_plan_under_a_newer_roster_goes_on(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED)
    grown = ROSTER.following([*ROSTER.members, member_of("carol")], ROSTER.coordinators)
    names = (*manifest().participants, ProviderId("carol"))
    later = manifest(grown, participants=names)
    signed = sign_manifest(later, COORDINATOR)
    assert jobs.invite(invitation(manifest=signed)).standing is Standing.JOINED


@pytest.mark.parametrize(
    "changes",
    [
        {"participants": (ALICE,)},  # a second one under the same roster
        {"roster": "a" * 64, "functions": frozenset({"describe", "head_statistics"})},
    ],
)
def test_a_manifest_that_says_something_else_needs_consent_anew(
    changes: dict[str, object], tmp_path: Path
) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED)
    signed = sign_manifest(replace(manifest(), **changes), COORDINATOR)  # type: ignore[arg-type]
    assert jobs.invite(invitation(manifest=signed)).standing is Standing.INVITED


def test_who_declined_is_not_asked_again_for_the_same(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.DECLINED)
    assert jobs.invite(invitation(token=b"again")).standing is Standing.DECLINED


def test_who_left_a_job_is_not_brought_back(tmp_path: Path) -> None:
    jobs = engagements(tmp_path)
    jobs.invite(invitation())
    jobs.move(JOB, Standing.JOINED)
    jobs.move(JOB, Standing.LEFT, "the owner withdrew")
    with pytest.raises(InputError, match="left job"):
        jobs.invite(invitation())
    with pytest.raises(InputError, match="cannot become joined"):
        jobs.move(JOB, Standing.JOINED)


def test_an_unknown_job_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no job other here"):
        engagements(tmp_path).find("other")


def test_the_switch_outlives_the_process_and_is_on_record(tmp_path: Path) -> None:
    switch = PauseSwitch(journal(tmp_path))
    assert switch.reason is None
    switch.pause("audit")
    assert PauseSwitch(journal(tmp_path)).reason == "audit"
    switch.resume()
    assert switch.reason is None
    assert [event.kind for event in journal(tmp_path).events()] == ["pause", "resume"]
