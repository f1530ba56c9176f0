from pathlib import Path

import pytest

from coordinator.leavers import FILE, Leavers
from coordinator.session_events import Joined, Left, Lost, Rejoined
from synlearn.errors import InputError
from tests.session_harness import ALICE, BOB


def test_who_left_is_remembered_by_the_next_process(tmp_path: Path) -> None:
    first = Leavers(tmp_path)
    for event in (Joined(ALICE), Joined(BOB), Lost(ALICE, "cut"), Rejoined(ALICE), Left(BOB)):
        first.event(event)
    assert first.names() == Leavers(tmp_path).names() == {BOB}


def test_who_comes_again_with_another_node_is_no_leaver(tmp_path: Path) -> None:
    made = Leavers(tmp_path)
    made.event(Left(BOB))
    made.event(Joined(BOB))
    assert made.names() == Leavers(tmp_path).names() == frozenset()


def test_a_disk_that_is_full_stops_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    made = Leavers(tmp_path / "no such folder")
    made.event(Left(BOB))
    assert made.names() == {BOB}
    assert "cannot be written" in caplog.text


@pytest.mark.parametrize("text", ["{", "{}", "\xff"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"left\.json cannot be used"):
        Leavers(tmp_path)
