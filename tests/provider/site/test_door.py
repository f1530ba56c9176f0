import os
import socket
import struct
from pathlib import Path

import pytest

from protocols.errors import Code
from provider.site.door import hand_in
from synlearn.errors import InputError
from tests.provider.site.halls import hall


def test_an_invitation_is_handed_in_and_gets_a_verdict(tmp_path: Path) -> None:
    with hall(tmp_path) as made:
        assert hand_in(made.path, b"come") == (True, "It waits for the owner.")
        assert made.got == [b"come"]
        assert made.knocks() == ["accepted"]


def test_a_refusal_tells_no_reason(tmp_path: Path) -> None:
    with hall(tmp_path) as made:
        assert hand_in(made.path, b"refuse") == (False, Code.ROSTER_NOT_TRUSTED.sentence)
        assert hand_in(made.path, b"wrong") == (False, "This site left the job.")
        assert made.knocks() == ["refused", "unusable"]


def test_other_users_are_turned_away_unread(tmp_path: Path) -> None:
    with hall(tmp_path, users={os.getuid() + 1}) as made:
        accepted, sentence = hand_in(made.path, b"come")
        assert not accepted
        assert "may not" in sentence
        assert not made.got
        assert made.knocks() == ["wrong_user"]


def test_the_door_is_closed_to_the_world(tmp_path: Path) -> None:
    with hall(tmp_path) as made:
        assert made.path.parent.stat().st_mode & 0o777 == 0o750
        assert made.path.stat().st_mode & 0o777 == 0o660


def test_a_flood_is_turned_away_and_the_next_minute_is_open_again(tmp_path: Path) -> None:
    with hall(tmp_path, per_minute=3) as made:
        verdicts = [hand_in(made.path, b"come")[0] for _ in range(5)]
        assert verdicts == [True, True, True, False, False]
        made.time = 61.0
        assert hand_in(made.path, b"come")[0]
        assert made.knocks() == [*["accepted"] * 3, *["too_many"] * 2, "accepted"]


def test_what_says_that_it_is_huge_is_not_read(tmp_path: Path) -> None:
    with hall(tmp_path) as made, socket.socket(socket.AF_UNIX) as knock:
        knock.connect(str(made.path))
        knock.sendall(struct.pack(">I", 2**31))
        assert b"at most" in knock.recv(1000)
        assert not made.got
        assert made.knocks() == ["too_large"]


def test_half_an_invitation_is_none(tmp_path: Path) -> None:
    with hall(tmp_path) as made, socket.socket(socket.AF_UNIX) as knock:
        knock.connect(str(made.path))
        knock.sendall(struct.pack(">I", 100) + b"half")
        knock.shutdown(socket.SHUT_WR)
        assert b"No whole invitation" in knock.recv(1000)
        assert not made.got
        assert made.knocks() == ["incomplete"]


def test_nobody_at_home_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is it started"):
        hand_in(tmp_path / "d.sock", b"come")
