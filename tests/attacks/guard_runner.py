"""Takes guards out of a copy of the code, one at a time, and looks whether a test notices."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

HOUSE = Path(__file__).parent.parent.parent


@dataclass(frozen=True)
class Guard:
    """A check, and who is to notice when it is gone.

    Attributes:
        name: What it guards against.
        file: Where it stands, relative to the repository.
        code: How it stands there, once.
        without: What is there without it.
        tests: File and words of the tests' names.
    """

    name: str
    file: str
    code: str
    without: str
    tests: tuple[str, str]


def noticed(guard: Guard, room: Path) -> bool:
    """Whether a test fails without the guard.

    Args:
        guard: What to take out.
        room: Holds a copy of the guard's package, put right again afterwards.
    """
    path = room / guard.file
    whole = path.read_text()
    path.write_text(whole.replace(guard.code, guard.without))
    file, words = guard.tests
    arguments = ["-p", "no:cacheprovider", "-x", "-k", words, str(HOUSE / file)]
    code = "import pytest, sys; raise SystemExit(pytest.main(sys.argv[1:]))"
    paths = os.pathsep.join(map(str, (room, HOUSE)))
    cache = str(room / "cache")  # compiled once, apart from what was changed
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONPYCACHEPREFIX": cache}
    result = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-P", "-c", code, *arguments],
        cwd=HOUSE,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    path.write_text(whole)
    if result.returncode not in (0, 1):
        raise RuntimeError(f"{guard.name}: no tests were run\n{result.stdout}{result.stderr}")
    return result.returncode == 1 and "failed" in result.stdout


def try_all(guards: Sequence[Guard], packages: Sequence[str]) -> int:
    """Take out every guard in its turn; 1 if one is not missed.

    Args:
        guards: All of them.
        packages: Where they stand.
    """
    unnoticed = 0
    with TemporaryDirectory() as folder:
        room = Path(folder)
        for package in packages:
            shutil.copytree(HOUSE / package, room / package)
        for guard in guards:
            seen = noticed(guard, room)
            unnoticed += not seen
            print(f"{'noticed' if seen else 'NOT NOTICED':12} {guard.name}", flush=True)
    print(f"{len(guards)} guards, {unnoticed} of them not missed by any test")
    return min(unnoticed, 1)
