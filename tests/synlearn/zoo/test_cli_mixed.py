import dataclasses
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from synlearn.datasets.mixed_split import make_split, read_split
from synlearn.evaluation.experiments import mixed_data
from synlearn.zoo import cli
from synlearn.zoo.cli import zoo_app
from synlearn.zoo.mixed_recipes import draw_recipes
from tests import mixed


def run(*arguments: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(zoo_app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_sets_are_split_and_experts_are_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (cli, mixed_data):
        monkeypatch.setattr(module, "load_source", lambda name, root: mixed.sources()[name])
    monkeypatch.setattr(cli, "DOMAINS", mixed.PLANS)
    monkeypatch.setattr(cli, "make_split", partial(make_split, plans=mixed.PLANS))
    monkeypatch.setattr(cli, "MixedPlan", partial(mixed_data.MixedPlan, ks=(1,)))
    monkeypatch.setattr(
        mixed_data,
        "draw_recipes",
        lambda *what, first=0: [
            dataclasses.replace(own, steps=10) for own in draw_recipes(*what, first=first)
        ],
    )
    manifest = tmp_path / "split.json"
    code, out, _ = run("split", "--data", tmp_path, "--out", manifest, "--seed", "4")
    assert (code, "manifest digest" in out) == (0, True)
    assert read_split(manifest).seed == 4

    build = ("build", "mixed", "--split", manifest, "--out", tmp_path / "mixed", "--workers", "1")
    code, out, _ = run(*build, "--data", tmp_path, "--learning", "2", "--test", "2")
    assert code == 0
    assert "4 models in" in out
    assert run("verify", tmp_path / "mixed" / "zoo")[1] == "4 of 4 models are as they were built\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("split", "--data", "nowhere", "--out", "x.json"), "There is no folder nowhere"),
        (("build", "mixed", "--out", "x", "--split", "nowhere.json"), "nowhere.json is not"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2(
    arguments: tuple[str, ...], message: str
) -> None:
    code, _, error = run(*arguments)
    assert code == 2
    assert message in error
    assert "Traceback" not in error
