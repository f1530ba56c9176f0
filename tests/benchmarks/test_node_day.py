import os
import socket
import subprocess
import sys
from collections.abc import Mapping

import pytest

from benchmarks.cut_wire import CutWire
from benchmarks.day_record import compared
from benchmarks.process_watch import Look, children, course


def looks(node: list[int]) -> list[Look]:
    """Looks at even distances, over 1000 questions."""
    last = len(node) - 1
    return [
        Look(1000 * place // last, float(place), size, 0, 9, 3, 0)
        for place, size in enumerate(node)
    ]


def test_what_happens_in_the_first_tenth_is_no_growth() -> None:
    found = course(looks([10] * 10 + [100] * 91), lambda look: look.node, 1000)
    assert (found.start, found.end, found.most, found.growth) == (100, 100, 100, 0)
    assert found.slope == pytest.approx(0)


def test_what_grows_all_day_is_seen() -> None:
    found = course(looks(list(range(1000, 1101))), lambda look: look.node, 1000)
    assert found.slope == pytest.approx(100, rel=0.02)
    assert found.growth == pytest.approx(80 / 1015, rel=0.1)


def line(question: str, verdict: str, digest: str | None, attempt: int = 0) -> Mapping[str, object]:
    return {"question": question, "verdict": verdict, "digest": digest, "attempt": attempt}


def test_a_record_that_agrees_has_no_faults() -> None:
    lines = [
        line("9.1.0", "answered", "aa"),
        line("9.2.0", "acknowledged", "bb"),
        line("9.3.0", "refused", None),
        line("9.4.0", "spent", "cc", attempt=1),
    ]
    found = compared(lines, {"9.1.0": "aa", "9.2.0": "bb"}, {"9.3.0"})
    assert found.pop("rows") == 3
    assert set(found.values()) == {0}


@pytest.mark.parametrize(
    ("lines", "came", "refused", "fault"),
    [
        ([], {"9.1.0": "aa"}, set(), "without_row"),
        ([line("9.1.0", "open", None)], {"9.1.0": "aa"}, set(), "without_row"),
        ([line("9.1.0", "answered", "bb")], {"9.1.0": "aa"}, set(), "other_digest"),
        ([line("9.1.0", "answered", "aa")], {}, set(), "never_came"),
        ([], {}, {"9.1.0"}, "refused_without_row"),
    ],
)
def test_a_record_that_differs_is_found_out(
    lines: list[Mapping[str, object]], came: dict[str, str], refused: set[str], fault: str
) -> None:
    assert compared(lines, came, refused)[fault] == 1


def test_a_wire_passes_bytes_until_it_is_cut_and_then_again() -> None:
    with socket.create_server(("localhost", 0)) as server:
        wire = CutWire(server.getsockname()[1])
        for _ in range(2):
            with socket.create_connection(("localhost", wire.port)) as here:
                there, _ = server.accept()
                with there:
                    here.sendall(b"question")
                    assert there.recv(100) == b"question"
                    there.sendall(b"answer")
                    assert here.recv(100) == b"answer"
                    wire.cut()
                    assert here.recv(100) == b""
                    assert there.recv(100) == b""
        wire.close()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("localhost", wire.port))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_children_of_children_are_found() -> None:
    code = (
        "import subprocess, sys; "
        "child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE); "
        "print(child.pid, flush=True); input()"
    )
    with subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        below = int(process.stdout.readline())
        assert {process.pid, below} <= set(children(os.getpid()))
        process.communicate(b"\n")
