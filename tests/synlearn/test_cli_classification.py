"""`synlearn rank` with an MRE model for classification, on the examples that are shipped."""

import csv
import io
import json
import shutil
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from synlearn.cli import app
from synlearn.zoo.adding import add_to_zoo
from synlearn.zoo.addition import Addition
from synlearn.zoo.catalog import Zoo
from tests.onnx_models import exported, file_of
from tests.synlearn.untrained_folders import untrained_folders

EXAMPLES = Path(__file__).parents[2] / "examples" / "unseen-characters"
NAMES = sorted(own.name for own in EXAMPLES.iterdir() if own.is_dir())


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folders of an untrained MRE model and of a zoo that it can rank."""
    return untrained_folders(tmp_path_factory.mktemp("classification"))


def run(learned: tuple[Path, Path], *options: str, data: Path | None = None) -> Result:
    """Rank for the examples, or others."""
    mre, zoo = learned
    arguments = ["rank", str(data or EXAMPLES), "--mre", str(mre), "--zoo", str(zoo), *options]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


def test_class_folders_are_ranked_for(learned: tuple[Path, Path]) -> None:
    result = run(learned, "--json")
    assert result.exit_code == 0, result.output
    ranking = json.loads(result.stdout)
    assert len({row["model"] for row in ranking["models"]}) == 4
    assert ranking["provenance"]["k"] == 2


def test_an_onnx_model_is_ranked_among_the_others(
    learned: tuple[Path, Path], tmp_path: Path
) -> None:
    """It has the weights of another model, and so its score."""
    mre, former = learned
    shutil.copytree(former, tmp_path / "zoo")
    zoo = Zoo.open(tmp_path / "zoo")
    twin = zoo.ids[0]
    network = zoo.parse(twin)
    (tmp_path / "twin.onnx").write_bytes(file_of(exported(network)))
    add_to_zoo(zoo.root, Addition(tmp_path / "twin.onnx", zoo.card(twin).outputs))
    result = run((mre, zoo.root), "--json")
    assert result.exit_code == 0, result.output
    scores = {row["model"]: row["score"] for row in json.loads(result.stdout)["models"]}
    assert len(scores) == 5
    assert scores["twin"] == pytest.approx(scores[twin], abs=0.02)


def test_examples_without_classes_are_refused(learned: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copy(next(EXAMPLES.glob("*/*.png")), tmp_path)
    result = run(learned, data=tmp_path)
    assert result.exit_code == 2
    assert "label" in result.output


@pytest.mark.parametrize(("evidence", "count"), [("0", 0), ("2", 2), ("20", 4), ("all", 4)])
def test_evidence_says_how_many_models_are_run(
    learned: tuple[Path, Path], evidence: str, count: int
) -> None:
    result = run(learned, "--evidence", evidence, "--json")
    assert result.exit_code == 0, result.output
    ranking = json.loads(result.stdout)
    assert [row["was_run"] for row in ranking["models"]] == [True] * count + [False] * (4 - count)
    assert ranking["unit"] == "accuracy"
    assert ranking["provenance"]["models_run"] == count


def test_the_table_says_what_the_scores_are_and_the_time_its_mode(
    learned: tuple[Path, Path],
) -> None:
    result = run(learned, "--evidence", "1", "--top", "2")
    assert result.exit_code == 0, result.output
    for text in ("accuracy", "90 % interval", "best", "and 2 more", "ranks first of 4 models"):
        assert text in result.output
    assert "Mode: metric for all models, evidence for the first 1" in " ".join(
        result.output.split()
    )


def test_everything_is_written_where_it_was_asked_for(
    learned: tuple[Path, Path], tmp_path: Path
) -> None:
    names = {option: tmp_path / f"ranking.{option}" for option in ("csv", "html")}
    options = [part for option, path in names.items() for part in (f"--{option}", str(path))]
    picture, why = tmp_path / "ranking.png", tmp_path / "why.png"
    result = run(learned, *options, "--plot", str(picture), "--explain", "best", "--out", str(why))
    assert result.exit_code == 0, result.output
    assert picture.read_bytes()[:4] == why.read_bytes()[:4] == b"\x89PNG"
    page = names["html"].read_text(encoding="utf-8")
    assert "What the first model was matched by" in page
    rows = list(csv.DictReader(io.StringIO(names["csv"].read_text())))
    assert len(rows) == 4
    assert rows[0]["unit"] == "accuracy"
    assert rows[0]["parameters"].isdecimal()
    assert "was matched by:" in result.output
    assert NAMES[0] in result.output


def test_an_explanation_is_written_as_data(learned: tuple[Path, Path], tmp_path: Path) -> None:
    model = Zoo.open(learned[1]).ids[1]
    out = tmp_path / "why.json"
    result = run(learned, "--explain", model, "--out", str(out))
    assert result.exit_code == 0, result.output
    content = json.loads(out.read_text())
    assert content["model"] == model
    assert content["task_classes"] == NAMES


def test_models_are_left_out(learned: tuple[Path, Path]) -> None:
    zoo = Zoo.open(learned[1])
    most = sorted(zoo.card(model).parameters for model in zoo)[1]
    allowed = ",".join({zoo.card(model).license.upper() for model in zoo})
    result = run(
        learned, "--max-parameters", str(most), "--licence", allowed, "--input",
        "3x*x*",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "of the zoo's 4 models were left out" in " ".join(result.output.split())
    assert "licence" in result.output


def test_latency_is_told(
    learned: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    result = run(learned, "--latency", "--json")
    assert result.exit_code == 0, result.output
    ranking = json.loads(result.stdout)
    assert all(row["facts"]["latency_ms"] > 0 for row in ranking["models"])
    assert "one thread" in ranking["provenance"]["latency"]
    assert list((tmp_path / "synlearn").iterdir())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--evidence", "some"), "--evidence is 'some'; give a number from 0, or 'all'"),
        (("--evidence", "-3"), "--evidence is '-3'"),
        (("--out", "why.png"), "name a model with --explain"),
        (("--explain", "best", "--out", "why.txt"), "name a file that ends in"),
        (("--explain", "nobody"), "the ranking has no model 'nobody'"),
        (("--input", "32x32"), "channels, height and width"),
        (("--licence", "gpl"), "has licence gpl; loosen that condition"),
        (("--html", "/nowhere/page.html"), "Cannot write /nowhere/page.html"),
    ],
)
def test_mistakes_are_one_sentence(
    learned: tuple[Path, Path], options: tuple[str, ...], sentence: str
) -> None:
    result = run(learned, *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output
