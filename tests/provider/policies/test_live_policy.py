import os
from pathlib import Path

import pytest

from protocols.ids import digest_of
from provider.events import NodeEvent, PolicyRead
from provider.policies.live_policy import SETTLED, InForce, LivePolicy
from provider.policies.template import guarded_policy_toml
from synlearn.errors import InputError

GUARD = 'profile = "guarded"\n'
A, B = digest_of(b"a"), digest_of(b"b")


class Site:
    """A policy file that its owner edits, and the policy that follows it.

    Its clock stands at the moment of the last edit, and `waited` seconds further.
    """

    def __init__(self, folder: Path, text: str) -> None:
        self.path = folder / "policy.toml"
        self.path.write_text(text)
        self.waited = 0.0
        self.changes: list[InForce] = []
        self.events: list[NodeEvent] = []
        self.live = LivePolicy(
            self.path, now=self.now, changed=self.changes.append, watcher=self.events.append
        )

    def now(self) -> float:
        edits = [path.stat().st_ctime_ns for path in self.path.parent.iterdir()]
        return max(edits, default=0) / 1e9 + self.waited

    def min_rows(self) -> int:
        return self.live.current().policy.rules.general.min_rows

    def settle(self) -> int:
        """What holds once an edit has been left alone."""
        self.waited = SETTLED + 0.001
        found = self.min_rows()
        self.waited = 0.0
        return found


def replace_file(path: Path, text: str) -> None:
    """As editors do: a new file in place of the old one."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def test_an_edit_holds_once_it_is_left_alone(tmp_path: Path) -> None:
    site = Site(tmp_path, guarded_policy_toml())
    before = site.live.current()
    assert site.min_rows() == 20
    replace_file(site.path, GUARD + "min_rows = 31")
    assert site.min_rows() == 20
    assert site.settle() == 31
    assert before.policy.rules.general.min_rows == 20, "a question sees one policy to its end"
    assert [change.digest for change in site.changes] == [before.digest, site.live.current().digest]


def test_half_a_policy_never_holds(tmp_path: Path) -> None:
    """The first half of a file may allow more than the whole."""
    site = Site(tmp_path, GUARD + "min_rows = 31")
    site.path.write_text('profile = "open"\n')
    site.waited = SETTLED / 2
    assert site.min_rows() == 31
    site.path.write_text('profile = "open"\nmin_rows = 40\n')
    assert site.min_rows() == 31
    assert site.settle() == 40


def test_an_edit_of_long_ago_holds_for_the_first_question_after_it(tmp_path: Path) -> None:
    site = Site(tmp_path, GUARD + "min_rows = 31")
    replace_file(site.path, GUARD + "min_rows = 40")
    site.waited = 3600.0
    assert site.min_rows() == 40


def test_a_file_whose_time_lies_ahead_holds_once_it_was_watched(tmp_path: Path) -> None:
    """As on a network drive whose clock is wrong."""
    site = Site(tmp_path, GUARD + "min_rows = 31")
    replace_file(site.path, GUARD + "min_rows = 40")
    site.waited = -1000.0
    assert site.min_rows() == 31
    site.waited += SETTLED + 0.001
    assert site.min_rows() == 40


def test_a_wrong_policy_leaves_the_last_good_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site(tmp_path, GUARD + "min_rows = 31")
    for text in (GUARD + "min_rows = 40\nmin_row = 1", "profile =", ""):
        replace_file(site.path, text)
        assert site.settle() == 31
        assert site.settle() == 31
        assert site.live.problem is not None
    assert len(caplog.records) == 3, "each of them is logged once"
    site.path.unlink()
    site.min_rows()
    assert site.settle() == 31
    assert "cannot be read" in (site.live.problem or "")
    replace_file(site.path, GUARD + "min_rows = 32")
    assert site.settle() == 32
    assert site.live.problem is None
    assert len(site.changes) == 2
    accepted = [event.accepted for event in site.events if isinstance(event, PolicyRead)]
    assert accepted == [True, False, False, False, False, True]


def test_the_same_text_again_is_no_change(tmp_path: Path) -> None:
    site = Site(tmp_path, GUARD)
    replace_file(site.path, GUARD)
    site.settle()
    assert len(site.changes) == 1


def test_a_change_of_the_same_size_and_time_is_seen(tmp_path: Path) -> None:
    site = Site(tmp_path, GUARD + "min_rows = 31")
    stamp = site.path.stat().st_mtime_ns
    with site.path.open("r+") as file:
        file.write(GUARD + "min_rows = 32")
    os.utime(site.path, ns=(stamp, stamp))
    assert site.settle() == 32


def test_the_file_of_digests_is_followed(tmp_path: Path) -> None:
    (tmp_path / "models.txt").write_text(A)
    site = Site(tmp_path, GUARD + '[models]\ndigests_file = "models.txt"')
    assert site.live.current().policy.rules.models.digests == {A}
    replace_file(tmp_path / "models.txt", f"{A}\n{B}")
    site.settle()
    assert site.live.current().policy.rules.models.digests == {A, B}
    assert len({change.digest for change in site.changes}) == 2
    replace_file(tmp_path / "models.txt", "nonsense")
    site.settle()
    assert site.live.current().policy.rules.models.digests == {A, B}
    assert "digest" in (site.live.problem or "")


def test_a_node_does_not_start_with_a_wrong_policy(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown key"):
        Site(tmp_path, "x = 1")


def test_an_unchanged_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path, GUARD)
    monkeypatch.setattr("provider.policies.live_policy.read_text", None)
    for _ in range(3):
        assert site.settle() == 20
