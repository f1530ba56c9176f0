"""The tutorials do what they say: every block of shell and Python in them is run, in order.

They are played in a folder with nothing in it but `examples`, with the commands of this environment
on the path; the operator's first, since it makes what the other two use.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.region import free_port

pytestmark = pytest.mark.integration

HOUSE = Path(__file__).parents[2]
PAGES = HOUSE / "docs" / "tutorials"
PORT_OF_THE_PAGE = "9392"
PATIENCE = 400.0
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Reader:
    """Somebody who does what a page says.

    Attributes:
        folder: Where it is done.
        said: What the commands have printed, block by block.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self._port = str(free_port())

    def play(self, page: str) -> str:
        """Run all blocks of a page; returns what they printed."""
        text = (PAGES / f"{page}.md").read_text()
        blocks = BLOCK.findall(text)
        assert blocks
        self.said = [self._run(kind, body) for kind, body in blocks]
        return "\n".join(self.said)

    def _run(self, kind: str, body: str) -> str:
        body = body.replace(PORT_OF_THE_PAGE, self._port)
        words = ["bash", "-euo", "pipefail", "-c"] if kind == "sh" else [sys.executable, "-c"]
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with (self.folder / "said.txt").open("w+") as sink:  # a pipe would wait for nodes, too
            done = subprocess.run(  # noqa: S603 - our own pages
                [*words, body],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=PATIENCE,
                env=os.environ | {"PATH": path, "OMP_NUM_THREADS": "1", "COLUMNS": "200"},
            )
            sink.seek(0)
            said = sink.read()
        assert done.returncode == 0, f"{body}\n{said}\n{self._logs()}"
        return said

    def _logs(self) -> str:
        logs = sorted((self.folder / "runs" / "tutorial").glob("*.log"))
        return "\n".join(f"{log.name}:\n{log.read_text()[-2000:]}" for log in logs)

    def leave(self) -> None:
        """End what a page has started and not ended."""
        pids = self.folder / "runs" / "tutorial" / "pids"
        for word in pids.read_text().split() if pids.exists() else ():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(word), signal.SIGKILL)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """One who has done the operator's tutorial."""
    folder = tmp_path_factory.mktemp("tutorials")
    shutil.copytree(HOUSE / "examples", folder / "examples")
    own = Reader(folder)
    try:
        said = own.play("operator")
        assert "k_most" in said  # the mistake is told by its name
        assert "Traceback" not in said
        yield own
    finally:
        own.leave()


def test_a_downstream_team_ranks_its_folder_and_reuses_the_best(reader: Reader) -> None:
    said = reader.play("downstream")
    made = reader.folder / "runs" / "tutorial"
    assert "broken.png" in said
    for name in ("ranking.html", "ranking.csv", "ranking.png", "match.png"):
        assert (made / name).stat().st_size > 100
    assert any(f"character{number}" in reader.said[-1] for number in ("01", "06", "11", "14", "18"))


def test_owners_join_a_job_and_see_what_left(reader: Reader) -> None:
    said = reader.play("provider")
    assert "finished" in said
    assert "mre.json" in said
    assert "pretraining_gradient" in reader.said[-2]
    assert (reader.folder / "runs" / "tutorial" / "site-runs" / "first" / "mre").is_dir()
