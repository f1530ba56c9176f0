"""What a user gets wrong: one sentence, exit code 2, and nothing half-written."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.job import read_job
from synlearn.zoo.catalog import INDEX, Zoo
from synlearn.zoo.specification import SPECIFICATIONS, specifications_of
from tests.integration.jobs import COORDINATOR, write_job

pytestmark = pytest.mark.integration


@pytest.fixture
def zoo(tiny_zoo: Path, tmp_path: Path) -> Path:
    """A zoo of the test's own, to be spoilt."""
    return Path(shutil.copytree(tiny_zoo, tmp_path / "zoo"))


@pytest.fixture
def job(zoo: Path, tmp_path: Path) -> Path:
    return write_job(tmp_path, zoo)


def listing(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() if file.is_file() else b"a folder"
        for file in sorted(path.rglob("*"))
    }


def error(job: Path, out: Path, *options: str) -> str:
    """The one sentence; everything on disk stays as it was, but for the zoo's specifications."""

    def files() -> dict[str, bytes]:
        found = listing(job.parent)
        found.pop(f"zoo/{SPECIFICATIONS}", None)
        return found

    before = files()
    result = CliRunner().invoke(app, ["run", str(job), "--out", str(out), *options])
    assert result.exit_code == 2, (result.output, result.exception)
    assert files() == before
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1
    assert lines[0].endswith((".", "?"))
    return lines[0].removeprefix("Error: ")


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_the_command_itself_says_it_in_one_line(tmp_path: Path) -> None:
    """In a process of its own, as everything below is in this one."""
    job = write_job(tmp_path, tmp_path / "nowhere")
    done = subprocess.run(  # noqa: S603
        [COORDINATOR, "run", job, "--out", tmp_path / "out"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"Error: There is no folder {tmp_path / 'nowhere'}; give the folder of a model zoo.\n"
    )
    assert not (tmp_path / "out").exists()


def test_a_job_file_that_is_not_there(tmp_path: Path) -> None:
    assert error(tmp_path / "job.toml", tmp_path / "out") == (
        f"{tmp_path / 'job.toml'} cannot be read (No such file or directory); check the path."
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rounds = 2", "round = 2", "[learning]: unknown key 'round'; did you mean 'rounds'?"),
        ("rounds = 2", "rounds = 0", "[learning]: rounds is 0; it must be at least 1"),
        ("rounds = 2", 'rounds = "two"', "[learning]: rounds must be a whole number, not 'two'."),
        ("count = 6", "", "[providers]: count is required and missing; add it to the file."),
        ("count = 6", "count = 9", "9 providers were asked for, but the zoo has models of 8"),
        ("[learning]", "[learning", "is not valid TOML"),
    ],
)
def test_a_mistake_in_the_job_file(
    old: str, new: str, words: str, job: Path, tmp_path: Path
) -> None:
    change(job, old, new)
    assert words in error(job, tmp_path / "out")


def test_a_folder_that_is_no_zoo(job: Path, zoo: Path, tmp_path: Path) -> None:
    (zoo / INDEX).unlink()
    assert "is not a model zoo: it has no zoo.json" in error(job, tmp_path / "out")


@pytest.mark.parametrize("specified", [False, True], ids=["first use", "specifications known"])
@pytest.mark.parametrize("spoil", ["truncate", "flip", "remove"])
def test_a_damaged_model_in_the_zoo(
    spoil: str, specified: bool, job: Path, zoo: Path, tmp_path: Path
) -> None:
    """Also where the specifications are known already, so that no model would have to be read."""
    if specified:
        specifications_of(Zoo.open(zoo))
    for path in (zoo / "models").glob("*.safetensors"):
        data = path.read_bytes()
        if spoil == "truncate":
            path.write_bytes(data[:-100])
        elif spoil == "flip":
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        else:
            path.unlink()
    sentence = error(job, tmp_path / "out")
    wanted = "Cannot read" if spoil == "remove" else "is truncated or was changed"
    assert wanted in sentence
    assert "build the zoo again to restore it." in sentence
    assert not (tmp_path / "out").exists()


def test_nothing_to_resume(job: Path, tmp_path: Path) -> None:
    assert error(job, tmp_path / "out", "--resume") == (
        f"{tmp_path / 'out'} holds no run to resume; leave out --resume to start one."
    )
    assert not (tmp_path / "out").exists()


@pytest.fixture
def begun(job: Path, zoo: Path, tmp_path: Path) -> Path:
    """The folder of a run that was killed as soon as it had begun."""
    from coordinator.checkpoint import RunFolder  # noqa: PLC0415

    out = tmp_path / "out"
    RunFolder(out).open(read_job(job), Zoo.open(zoo).digest, resume=False)
    return out


def test_a_folder_with_a_run_in_it(job: Path, begun: Path) -> None:
    assert "already holds a run; add --resume" in error(job, begun)


def test_a_folder_with_something_else_in_it(job: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("")
    assert "is not empty; name another folder" in error(job, tmp_path / "thesis")


def test_a_file_where_the_folder_should_be(job: Path) -> None:
    assert "cannot be used as the folder of a run (Not a directory)" in error(job, job)


def test_a_job_that_changed_since_the_run_began(job: Path, begun: Path) -> None:
    change(job, "seed = 5", "seed = 6")
    assert "the job file has changed since the run" in error(job, begun, "--resume")


def test_a_zoo_that_changed_since_the_run_began(job: Path, begun: Path, zoo: Path) -> None:
    change(zoo / INDEX, "\n", " \n")
    assert f"the zoo {zoo} has changed since the run" in error(job, begun, "--resume")


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_checkpoint(data: bytes, job: Path, begun: Path) -> None:
    (begun / "checkpoint.safetensors").write_bytes(data)
    sentence = error(job, begun, "--resume")
    assert "checkpoint" in sentence
    assert "damaged" in sentence
