"""What a coordinator that runs learns of its federation's folder."""

from pathlib import Path

import pytest

from coordinator.authority.current_roster import CurrentRoster
from coordinator.authority.folder import FederationFolder
from protocols.secagg.roster import Roster, sign_roster
from tests.identities import AUTHORITY, COORDINATOR, first_roster, identity_of, member_of

FIRST = first_roster("alice", "bob")
SECOND = FIRST.following([member_of("alice")], [COORDINATOR.public])
THIRD = SECOND.following([member_of("alice"), member_of("carol")], [COORDINATOR.public])


@pytest.fixture
def folder(tmp_path: Path) -> FederationFolder:
    made = FederationFolder(tmp_path)
    (tmp_path / "authority.pub").write_text(AUTHORITY.public.hex())
    made.add_link(FIRST, sign_roster(FIRST, AUTHORITY))
    return made


def add(folder: FederationFolder, roster: Roster) -> None:
    folder.add_link(roster, sign_roster(roster, AUTHORITY))


def test_a_new_link_is_in_force_at_once(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    current = CurrentRoster(folder, FIRST)
    assert current() == FIRST
    add(folder, SECOND)
    assert current() == SECOND
    assert "roster 2 is in force now; revoked: bob" in caplog.text
    add(folder, THIRD)
    assert current() == THIRD


def test_several_links_at_once_are_all_followed(folder: FederationFolder) -> None:
    current = CurrentRoster(folder, FIRST)
    add(folder, SECOND)
    add(folder, THIRD)
    assert current() == THIRD


def test_a_coordinator_that_begins_later_knows_the_earlier_links(folder: FederationFolder) -> None:
    add(folder, SECOND)
    assert CurrentRoster(folder, SECOND)() == SECOND


def test_nobody_is_made_a_member_again_by_a_link_taken_away(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    add(folder, SECOND)
    current = CurrentRoster(folder, SECOND)
    assert current() == SECOND
    (folder.rosters / "000002.roster").unlink()
    assert current() == SECOND
    assert "roster 2 stays in force: it is not among the links" in caplog.text


def test_a_link_that_the_authority_did_not_sign_changes_nothing(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    current = CurrentRoster(folder, FIRST)
    folder.add_link(SECOND, sign_roster(SECOND, identity_of("mallory")))
    assert current() == FIRST
    assert "did not sign this roster" in caplog.text


def test_a_link_that_is_half_copied_is_followed_when_it_is_whole(
    folder: FederationFolder, caplog: pytest.LogCaptureFixture
) -> None:
    current = CurrentRoster(folder, FIRST)
    link = sign_roster(SECOND, AUTHORITY).encode()
    path = folder.rosters / "000002.roster"
    path.write_bytes(link[:100])
    assert current() == current() == FIRST
    said = [record for record in caplog.records if record.name.endswith(".current_roster")]
    assert len(said) == 1  # once, and not for every stream
    path.write_bytes(link)
    assert current() == SECOND
