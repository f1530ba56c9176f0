import json
import os
import socket
import struct
import threading
from pathlib import Path

import pytest

from coordinator import unix_calls
from coordinator.unix_calls import Call, call, calls_served
from synlearn.errors import InputError


def echo(asked: Call) -> Call:
    if asked.get("wrong"):
        raise InputError("this is wrong.")
    if asked.get("fault"):
        raise RuntimeError("with a secret in it")
    return {"said": asked}


def test_a_call_is_answered_and_what_is_wrong_with_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "sockets" / "control"
    with calls_served(path, echo):
        assert call(path, {"a": [1, "ü"]}) == {"said": {"a": [1, "ü"]}}
        with pytest.raises(InputError, match=r"this is wrong\."):
            call(path, {"wrong": True})
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o750
    assert not path.exists()


def test_a_fault_of_ours_is_not_told_to_the_caller(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with calls_served(tmp_path / "s", echo), pytest.raises(InputError) as caught:
        call(tmp_path / "s", {"fault": True})
    assert "secret" not in str(caught.value)
    assert "with a secret in it" in caplog.text


def test_where_nobody_listens_the_sentence_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="synlearn-coordinator up"):
        call(tmp_path / "nobody", {})


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0",
        struct.pack(">I", 2**31),
        struct.pack(">I", 4) + b"null",
        struct.pack(">I", 3) + b"\xff\xfe\xfd",
        struct.pack(">I", 200_000) + b"[" * 200_000,
        struct.pack(">I", 50) + b"{}",
    ],
)
def test_malformed_calls_end_in_a_sentence_or_nothing(
    tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with calls_served(tmp_path / "s", echo):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(os.fspath(tmp_path / "s"))
            raw.sendall(sent)
            raw.shutdown(socket.SHUT_WR)
            said = b""
            while piece := raw.recv(4096):
                said += piece
        assert not said or "error" in json.loads(said[4:])
        assert call(tmp_path / "s", {"still": "here"}) == {"said": {"still": "here"}}
    own = [each for each in caplog.records if each.name == unix_calls.__name__]
    assert not own  # whoever may call cannot fill the log


def test_a_slow_caller_keeps_nobody_else_waiting(tmp_path: Path) -> None:
    with calls_served(tmp_path / "s", echo), socket.socket(socket.AF_UNIX) as slow:
        slow.connect(os.fspath(tmp_path / "s"))
        done = threading.Event()

        def quick() -> None:
            call(tmp_path / "s", {})
            done.set()

        threading.Thread(target=quick).start()
        assert done.wait(10)


def test_another_user_is_turned_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = unix_calls.peer_user
    monkeypatch.setattr(unix_calls, "peer_user", lambda connection: known(connection) + 4242)
    with calls_served(tmp_path / "s", echo), pytest.raises(InputError, match="may not call"):
        call(tmp_path / "s", {})


def test_a_path_that_is_too_long_is_said_so(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="shorter path"),
        calls_served(tmp_path / ("x" * 100) / "socket", echo),
    ):
        pass
