from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from coordinator import cli, launch
from coordinator.session_server import (
    ProvidersMissing,
    QueryRefused,
    QueryTimedOut,
    SessionsStopped,
)
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.queries import QueryError
from synlearn.errors import InputError

Q = QueryId(2, 0, 1)
ALICE = ProviderId("alice")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Exception], Result]:
    """Run a job that ends with this error."""
    job = tmp_path / "job.toml"
    job.write_text('name = "j"\nzoo = "zoo"\n[providers]\ncount = 4')

    def invoke(error: Exception) -> Result:
        def fail(*_: Any, **__: Any) -> None:  # noqa: ANN401
            raise error

        monkeypatch.setattr(launch, "run_embedded", fail)
        return CliRunner().invoke(cli.app, ["run", str(job), "--out", str(tmp_path / "out")])

    return invoke


def test_a_users_mistake_is_one_line_and_exit_code_2(run: Callable[[Exception], Result]) -> None:
    sentence = "job.toml [learning]: rounds is 0; " + "very long " * 30 + "[bold]done."
    result = run(InputError(sentence))
    assert result.exit_code == 2
    assert result.stderr == f"Error: {sentence}\n"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ProvidersMissing([ALICE], 9.0), "alice"),
        (QueryRefused(ALICE, Q, Code.MODEL_UNUSABLE), "alice refused question 2.0.1"),
        (QueryTimedOut(ALICE, Q, None), "did not answer question 2.0.1 in time"),
        (SessionsStopped("worker-0 ended with code 1"), "worker-0 ended with code 1"),
    ],
)
def test_a_providers_failure_says_how_to_go_on(
    error: Exception, words: str, run: Callable[[Exception], Result], tmp_path: Path
) -> None:
    result = run(error)
    assert result.exit_code == 3
    assert words in result.stderr
    job, out = tmp_path / "job.toml", tmp_path / "out"
    assert f"synlearn-coordinator run {job} --out {out} --resume" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_answer_that_cannot_be_used_is_exit_code_2(run: Callable[[Exception], Result]) -> None:
    result = run(QueryError("provider alice: 'sums' holds a NaN"))
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: provider alice: 'sums' holds a NaN; update or leave out that provider.\n"
    )


@pytest.mark.parametrize("arguments", [["run"], ["run", "job.toml"], ["nonsense"]])
def test_a_wrong_command_line_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(cli.app, arguments).exit_code == 2


def test_the_experiment_on_sprites_asks_for_isolated_closures(tmp_path: Path) -> None:
    job = tmp_path / "job.toml"
    job.write_text(
        'closure = "grouped"\nname = "j"\nzoo = "z"\n[providers]\npool = "p"\nsplit = "s"'
    )
    command = ["experiment", str(job), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(cli.app, command)
    assert result.exit_code == 2
    assert "is not a job of isolated closures" in result.stderr
