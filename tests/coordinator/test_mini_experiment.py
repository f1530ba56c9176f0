from pathlib import Path

import pytest
from typer.testing import CliRunner

from coordinator.cli import app
from coordinator.grouped_job import GroupedJob
from coordinator.job import read_job

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_shipped_job_names_what_is_shipped() -> None:
    job = read_job(EXAMPLES / "mini-demo.toml")
    assert isinstance(job, GroupedJob)
    assert job.providers.places[1].is_file()


@pytest.mark.parametrize(
    ("job", "data", "words"),
    [
        ("dsprites-demo.toml", "mini", "not a job of grouped closures"),
        ("mini-demo.toml", "unseen-heart", "split.json"),
    ],
)
def test_what_cannot_be_used_is_named(job: str, data: str, words: str, tmp_path: Path) -> None:
    arguments = ["mini", str(EXAMPLES / job), "--data", str(EXAMPLES / data)]
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2, (result.output, result.exception)
    assert words in " ".join(result.stderr.split())
