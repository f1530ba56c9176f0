import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from synlearn.cli import app
from synlearn.datasets.dsprites import DOMAINS, domain_images, domain_targets, split
from synlearn.scorers import logme_regression, ridge_loo
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.features import penultimate_features


@pytest.fixture
def data(tmp_path: Path) -> Path:
    rows = split(DOMAINS[513], 0).testing[::20]
    targets = domain_targets()[rows]
    path = tmp_path / "examples.npz"
    np.savez(
        path,
        images=domain_images(DOMAINS[513])[rows],
        targets=targets,
        labels=(targets[:, 0] > 0.5).astype(np.int64),
    )
    return path


@pytest.mark.parametrize(
    ("name", "score", "key"),
    [("logme_regression", logme_regression, "targets"), ("ridge_loo", ridge_loo, "labels")],
)
def test_scores_are_those_of_each_models_features(
    name: str, score: object, key: str, data: Path, tiny_zoo: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores"
    arguments = ["score", str(data), "--zoo", str(tiny_zoo), "--scores", name]
    files = ["--json", f"{out}.json", "--csv", f"{out}.csv"]
    result = CliRunner().invoke(app, [*arguments, *files])
    assert result.exit_code == 0, result.output
    zoo = Zoo.open(tiny_zoo)
    with np.load(data) as arrays:
        features = penultimate_features(zoo.stack(), arrays["images"])
        expected = {m: score(x, arrays[key]) for m, x in zip(zoo.ids, features, strict=True)}  # type: ignore[operator]
    content = json.loads(Path(f"{out}.json").read_text())
    assert {row["model"]: row["scores"][name] for row in content["models"]} == pytest.approx(
        expected
    )
    ordered = [row["scores"][name] for row in content["models"]]
    assert ordered == sorted(ordered, reverse=True)
    assert content["provenance"]["zoo"] == zoo.digest
    assert len(content["provenance"]["data"]) == 64
    with Path(f"{out}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row[name]) for row in rows] == pytest.approx(ordered)


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ("logm", "no score is named 'logm'; did you mean 'logme'?"),
        ("logme_regression,logme", "no regression score is named 'logme'"),
        ("leep", "leep needs source_probs"),
        ("", "no score was named"),
    ],
)
def test_a_score_that_cannot_be_had_is_exit_code_2(
    scores: str, words: str, data: Path, tiny_zoo: Path
) -> None:
    result = CliRunner().invoke(
        app, ["score", str(data), "--zoo", str(tiny_zoo), "--scores", scores]
    )
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("scores", ["logme", "logme_regression"])
def test_examples_without_labels_or_targets_are_named(
    scores: str, tmp_path: Path, tiny_zoo: Path
) -> None:
    path = tmp_path / "images.npz"
    np.savez(path, images=np.zeros((3, 64, 64), np.uint8))
    result = CliRunner().invoke(
        app, ["score", str(path), "--zoo", str(tiny_zoo), "--scores", scores]
    )
    assert result.exit_code == 2
    assert "add '" in result.stderr
