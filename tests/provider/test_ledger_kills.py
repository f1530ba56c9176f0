"""A process that dies at any moment leaves a ledger that holds, and the next one goes on."""

from pathlib import Path

from benchmarks.ledger_kills import POINTS, Folder, complaints, kill, kill_at_points, kill_at_random
from provider.ledger_file import LedgerFile


def test_killed_at_each_labelled_point(tmp_path: Path) -> None:
    unreached = {"open: head", "begin: head", "acknowledge: head"}  # written when durable alone
    points = [point for point in POINTS if point not in unreached]
    assert kill_at_points(tmp_path / "points", 12, points) == len(points)


def test_killed_at_random_times(tmp_path: Path) -> None:
    assert kill_at_random(tmp_path / "random", 24, 20, seed=1) == 20


def test_the_check_sees_what_should_never_be(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert not kill(folder, 8, after=60.0)
    assert complaints(folder) == []
    with folder.seen.open("a") as seen:
        seen.write("read 99\nsent 1 0\nmasked 0 3\n")
    file = LedgerFile(folder.ledger)
    with file.transaction() as connection:
        connection.execute("UPDATE totals SET questions = questions + 1 WHERE scope = 'ever'")
        connection.execute("UPDATE questions SET computed = 2 WHERE step = 3")
    file.close()
    found = "\n".join(complaints(folder))
    for sentence in (
        "rows were read for 99 without a row",
        "another answer to 1 was sent",
        "attempt 3 at 0 left without a row",
        "questions are charged",
        "3 was computed 2 times",
        "totals: this row does not follow from the entries",
    ):
        assert sentence in found
