"""A real process, really killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from provider.data.store import SnapshotStore
from tests.provider.data.folders import RULES, SAME, folder_of

REFRESH = """
import sys
from pathlib import Path
from provider.data.image_folder import ImageFolder
from provider.data.store import SnapshotStore
from tests.provider.data.folders import RULES, SAME, SHAPE
print("begins", flush=True)
SnapshotStore(Path(sys.argv[2])).refresh(ImageFolder(Path(sys.argv[1]), SHAPE), SAME, RULES)
"""
KILLS = 12


def test_a_look_killed_at_random_times_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    """Each time rows were added; whatever is current then is one of the two, and whole."""
    chance = random.Random(0)  # noqa: S311 - no secret
    source = folder_of(tmp_path / "data", ant=[1, 2, 3])
    snapshots = SnapshotStore(tmp_path / "store")
    rows = snapshots.refresh(source, SAME, RULES).rows
    for number in range(KILLS):
        first = 10 * (number + 1)
        folder_of(tmp_path / "data", ant=list(range(first, first + 6)))
        command = [sys.executable, "-c", REFRESH, str(tmp_path / "data"), str(tmp_path / "store")]
        process = subprocess.Popen(  # noqa: S603 - our own command
            command,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        with process.stdout:
            process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.08))
            process.send_signal(signal.SIGKILL)
        process.wait()
        snapshots = SnapshotStore(tmp_path / "store")
        dataset = snapshots.current()
        dataset.verify()
        assert dataset.rows in (rows, first_rows(number))
        rows = dataset.rows
        assert not list((tmp_path / "store").rglob(".partial-*"))
    assert snapshots.refresh(source, SAME, RULES).rows == first_rows(KILLS - 1)
    snapshots.current().verify()


def first_rows(number: int) -> int:
    """How many images there are after this many additions."""
    return 3 + 6 * (number + 1)
