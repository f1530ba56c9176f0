from pathlib import Path

import pytest

from coordinator.seniority import Seniority
from protocols.secagg.standing import GRACE
from synlearn.errors import InputError
from tests.identities import COORDINATOR, first_roster, member_of

FIRST = first_roster("alice", "bob")
SECOND = FIRST.following(
    [member_of(name) for name in ("alice", "bob", "carol")], [COORDINATOR.public]
)
WITHOUT = SECOND.following([member_of(name) for name in ("alice", "bob")], [COORDINATOR.public])
AGAIN = WITHOUT.following(SECOND.members, [COORDINATOR.public])


class Clock:
    now = 1e9

    def __call__(self) -> float:
        return self.now


def test_all_count_that_were_shown_first_and_others_after_the_grace_time(tmp_path: Path) -> None:
    clock = Clock()
    kept = Seniority(tmp_path / "shown.json", clock)
    kept.show(FIRST)
    assert kept.young(FIRST) == frozenset()
    kept.show(SECOND)
    assert kept.young(SECOND) == {"carol"}
    clock.now += GRACE - 1
    kept.show(SECOND)
    assert Seniority(tmp_path / "shown.json", clock).young(SECOND) == {"carol"}
    clock.now += 1
    assert kept.young(SECOND) == frozenset()


def test_who_was_out_of_the_roster_is_new_again(tmp_path: Path) -> None:
    clock = Clock()
    kept = Seniority(tmp_path / "shown.json", clock)
    for roster in (FIRST, SECOND, WITHOUT):
        kept.show(roster)
    clock.now += 2 * GRACE
    kept.show(AGAIN)
    assert kept.young(AGAIN) == {"carol"}


@pytest.mark.parametrize("text", ["{", "[]", '{"a": "b"}', '{"a": null}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "shown.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"shown\.json cannot be used"):
        Seniority(path).show(FIRST)


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        Seniority(tmp_path / "none" / "shown.json").show(FIRST)
