"""What an owner types, without a node that runs."""

import json
import sqlite3
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from protocols.secagg.manifest import sign_manifest
from protocols.secagg.member import Member
from protocols.secagg.roster import Roster, sign_roster
from provider.cli import app
from provider.site.home import Home
from provider.site.identity import load_key
from tests.identities import AUTHORITY, COORDINATOR
from tests.integration.sites import write_pictures
from tests.provider.site.invitations import ALICE, invitation, manifest

ADDRESS = "localhost:9092"


class Desk:
    """An owner's terminal."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = Home(folder / "node")
        write_pictures(folder / "data", {"ant": 60, "bee": 60}, 0)
        self.run(
            *("init", "--provider", "alice", "--data", str(folder / "data"), "--same-labels"),
            *("--authority", AUTHORITY.public.hex(), "--coordinator", ADDRESS, "--plaintext"),
        )

    def run(self, *words: str, code: int = 0) -> Result:
        result = CliRunner().invoke(
            app, [*words, "--home", str(self.home.folder)], env={"COLUMNS": "200"}
        )
        assert result.exit_code == code, (words, result.output, result.exception)
        return result

    def invited(self) -> None:
        """Get an invitation as a file."""
        member = Member(
            ALICE,
            load_key(self.home.key).identity.public,
            plain=frozenset({"describe"}),
            masked=frozenset({"class_feature_sums"}),
        )
        roster = Roster.first([member], [COORDINATOR.public])
        file = self.folder / "invitation"
        file.write_bytes(
            invitation(
                rosters=(sign_roster(roster, AUTHORITY),),
                manifest=sign_manifest(manifest(roster, participants=(ALICE,)), COORDINATOR),
            ).encode()
        )
        self.run("invite", str(file))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_job_from_its_invitation_to_its_end(desk: Desk) -> None:
    desk.invited()
    shown = desk.run("preview", "job").output
    assert "class_feature_sums" in shown
    assert "To rank models for small tasks." in shown
    desk.run("join", "job", "--yes")
    assert json.loads(desk.run("status", "--json").output)["jobs"][0]["standing"] == "joined"
    desk.run("leave", "job")
    assert "cannot become joined" in desk.run("join", "job", "--yes", code=2).output
    assert "The ledger holds" in desk.run("left", "--verify").output


def test_what_was_decided_can_be_read(desk: Desk) -> None:
    desk.invited()
    desk.run("join", "job", "--yes")
    desk.run("pause", "--reason", "an audit")
    lines = [json.loads(line) for line in desk.run("history", "--json").output.splitlines()]
    assert [line["kind"] for line in lines] == ["job", "job", "pause"]
    assert lines[1]["standing"] == "joined"
    assert lines[2]["reason"] == "an audit"
    assert "an audit" in desk.run("history").output


def test_a_job_that_was_declined_can_still_be_joined(desk: Desk) -> None:
    desk.invited()
    desk.run("decline", "job")
    desk.run("join", "job", "--yes")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("preview", "other"), "no job other here"),
        (("join", "other", "--yes"), "no job other here"),
        (("leave", "other"), "no job other here"),
        (("approve", "7"), "no question 7"),
        (("deny", "7"), "no question 7"),
        (("invite", "nowhere"), "cannot be read"),
        (("left", "--verify", "--head", "x"), "a head looks like"),
        (("data",), "holds no snapshot yet"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    desk: Desk, words: tuple[str, ...], sentence: str
) -> None:
    desk.run("pause")  # there is a ledger
    result = desk.run(*words, code=2)
    assert sentence in result.output
    assert "Traceback" not in result.output


def test_an_invitation_of_somebody_else_is_refused_with_the_reason(desk: Desk) -> None:
    file = desk.folder / "invitation"
    file.write_bytes(invitation(provider="bob").encode())
    assert "the invitation is for bob" in desk.run("invite", str(file), code=2).output
    file.write_bytes(invitation(address="elsewhere:1").encode())
    assert "names elsewhere:1" in desk.run("invite", str(file), code=2).output
    file.write_bytes(b"\0" * 100)
    assert "cannot be used" in desk.run("invite", str(file), code=2).output


def test_looking_at_the_data_says_what_questions_see(desk: Desk) -> None:
    (desk.folder / "data" / "ant" / "broken.png").write_bytes(b"not a picture")
    shown = desk.run("data", "--look").output
    assert "broken.png" in shown
    report = json.loads(desk.run("data", "--json").output)
    assert report["classes"] == {"ant": 60, "bee": 60}


def test_a_backup_brings_ledger_and_identity_back(desk: Desk) -> None:
    desk.run("pause", "--reason", "before the backup")
    words = desk.folder / "words"
    words.write_text("correct horse battery\n")
    desk.run("backup", str(desk.folder / "kept"), "--passphrase-file", str(words))
    before = load_key(desk.home.key).identity.public
    assert (
        "never overwrites"
        in desk.run(
            "restore", str(desk.folder / "kept"), "--passphrase-file", str(words), code=2
        ).output
    )
    desk.home.key.unlink()
    for path in desk.folder.glob("node/ledger.*"):
        path.unlink()
    desk.run("restore", str(desk.folder / "kept"), "--passphrase-file", str(words))
    assert load_key(desk.home.key).identity.public == before
    assert "before the backup" in desk.run("status").output
    assert "The ledger holds" in desk.run("left", "--verify").output


def test_an_edited_ledger_is_found(desk: Desk) -> None:
    desk.run("pause", "--reason", "an audit")
    with sqlite3.connect(desk.home.ledger) as file:
        file.execute("DROP TRIGGER IF EXISTS events_stay")
        names = [n for (n,) in file.execute("SELECT name FROM sqlite_master WHERE type='trigger'")]
        for name in names:
            file.execute(f"DROP TRIGGER {name}")
        file.execute("UPDATE events SET details = replace(details, 'an audit', 'nothing')")
    desk.run("left", "--verify", code=1)


def test_the_doctor_finds_what_is_wrong_and_says_what_to_do(desk: Desk) -> None:
    desk.home.folder.chmod(0o755)
    (desk.folder / "data" / "cow").mkdir()
    write_pictures(desk.folder / "data", {"cow": 2}, 1)
    found = json.loads(desk.run("doctor", "--json", code=2).output)
    wrong = {each["about"]: each for each in found if each["severity"] != "fine"}
    assert "chmod 700" in wrong["permissions"]["next"]
    assert "'cow'" in wrong["data"]["what"]
    assert "does not answer" in wrong["coordinator"]["what"]
    assert all(each["next"] for each in wrong.values())


def test_no_node_at_all(tmp_path: Path) -> None:
    for command in ("status", "doctor", "pause", "approvals"):
        result = CliRunner().invoke(app, [command, "--home", str(tmp_path)])
        assert result.exit_code == 2
        assert "synlearn-provider init" in result.output.replace("\n", " ")


def test_the_policy_in_words(desk: Desk) -> None:
    assert "Profile guarded" in desk.run("policy", "show").output
    assert "is a good policy" in desk.run("policy", "check").output
    desk.home.policy.write_text('profile = "guarded"\nmin_rowz = 3\n')
    assert "min_rows" in desk.run("policy", "check", code=2).output
