import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synlearn.zoo import cli
from synlearn.zoo.catalog import model_path
from synlearn.zoo.cli import zoo_app
from synlearn.zoo.dsprites import BuildPlan
from synlearn.zoo.specification import SPECIFICATIONS
from synlearn.zoo.training import TrainingPlan
from tests.synlearn.zoo.small_zoo import small_zoo

FIRST = "dsprites-003-square-s0-o03"


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(zoo_app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_build_then_list_show_and_verify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        cli, "BuildPlan", lambda domains: BuildPlan(domains, training=TrainingPlan(epochs=1))
    )
    zoo = tmp_path / "zoo"
    build = ("build", "dsprites", "--domains", "2", "--workers", "1", "--out", zoo)
    code, out, _ = run(*build)
    assert (code, "2 models in" in out) == (0, True)
    assert (zoo / SPECIFICATIONS).is_file()
    assert run(*build)[:2] == (0, out)

    code, out, _ = run("list", zoo)
    assert code == 0
    model = next(word for word in out.split() if word.startswith("dsprites-"))
    code, out, _ = run("show", zoo, model)
    assert (code, json.loads(out)["id"]) == (0, model)
    code, out, _ = run("verify", zoo)
    assert (code, out) == (0, "2 of 2 models are as they were built\n")


def test_verify_names_what_is_wrong_and_fails(tmp_path: Path) -> None:
    zoo = small_zoo(tmp_path)
    model_path(zoo.root, zoo.ids[0]).write_bytes(b"")
    code, out, error = run("verify", tmp_path)
    assert (code, out) == (2, "2 of 3 models are as they were built\n")
    assert f"{FIRST}.safetensors is truncated or was changed" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("list", "nowhere"), "There is no folder nowhere"),
        (("verify", "nowhere"), "There is no folder nowhere"),
        (("show", "nowhere", "model"), "There is no folder nowhere"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], message: str
) -> None:
    code, out, error = run(*arguments)
    assert (code, out) == (2, "")
    assert message in error
    assert "Traceback" not in error


def test_an_unknown_model_is_named(tmp_path: Path) -> None:
    small_zoo(tmp_path)
    code, _, error = run("show", tmp_path, "other")
    assert code == 2
    assert "has no model 'other'" in error
