"""`synlearn rank --strategy`, on the examples that are shipped."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from typer.testing import CliRunner

from synlearn.cli import app
from synlearn.fennec.history_file import write_history
from synlearn.fennec.performance import History, PerformanceMatrix
from synlearn.fennec.proxy import BackboneProxy
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.strategies.command import NAMES, WITH_HISTORY, WITH_MRE
from synlearn.zoo.catalog import Zoo
from tests.synlearn.untrained_folders import untrained_folders

EXAMPLES = Path(__file__).parents[2] / "examples" / "unseen-characters"
TASKS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an MRE model, a zoo and a history."""
    folder = tmp_path_factory.mktemp("strategy")
    mre, zoo = untrained_folders(folder)
    random = np.random.default_rng(0)
    models, backbone = Zoo.open(zoo).ids, ClassificationMRE.load(mre).backbone
    tasks = tuple(f"task-{number}" for number in range(TASKS))
    history = History(
        PerformanceMatrix(models, tasks, random.random((len(models), TASKS))),
        random.standard_normal((TASKS, backbone.spec.features)),
        BackboneProxy(backbone).name,
        np.full(TASKS, 5),
        np.full(TASKS, 10),
    )
    write_history(history, folder / "history.safetensors")
    return folder


def run(made: Path, *options: str, data: Path = EXAMPLES) -> Result:
    arguments = ["rank", str(data), "--zoo", str(made / "zoo"), *options]
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})


def sources(made: Path, strategy: str) -> list[str]:
    options = ["--mre", str(made / "mre")] if strategy in WITH_MRE else []
    if strategy in WITH_HISTORY:
        pytest.importorskip("gensim", reason="needs gensim")
        options += ["--history", str(made / "history.safetensors")]
    return options


@pytest.mark.parametrize("strategy", NAMES)
def test_models_come_in_order_and_a_small_budget_is_part_of_a_larger_one(
    made: Path, strategy: str
) -> None:
    options = ["--strategy", strategy, *sources(made, strategy)]
    found = {}
    for budget in (1, 3):
        result = run(made, *options, "--budget", str(budget), "--json")
        assert result.exit_code == 0, result.output
        found[budget] = json.loads(result.stdout)
    assert found[3]["format"] == "synlearn.choice/1"
    assert found[3]["strategy"] == strategy
    models = found[3]["models"]
    assert len(set(models)) == found[3]["budget"] == 3
    assert found[1]["models"] == models[:1]
    provenance = found[3]["provenance"]
    assert ("mre" in provenance) == (strategy in WITH_MRE)
    assert ("history" in provenance) == (strategy in WITH_HISTORY)
    assert provenance["zoo"] == Zoo.open(made / "zoo").digest


def test_fusion_picks_what_a_ranking_with_evidence_for_all_puts_first(made: Path) -> None:
    mre = ["--mre", str(made / "mre")]
    chosen = run(made, *mre, "--strategy", "fusion", "--budget", "4", "--json")
    ranking = run(made, *mre, "--evidence", "all", "--json")
    ranked = [row["model"] for row in json.loads(ranking.stdout)["models"]]
    assert json.loads(chosen.stdout)["models"] == ranked


def test_the_output_says_which_models_to_fine_tune_and_in_which_order(made: Path) -> None:
    options = ["--strategy", "ridge", "--budget", "2"]
    models = json.loads(run(made, *options, "--json").stdout)["models"]
    text = run(made, *options).stdout
    assert text.splitlines() == [
        "Of 4 models, fine-tune these two, in this order (strategy ridge):",
        f"  1. {models[0]}",
        f"  2. {models[1]}",
    ]


def test_three_are_chosen_if_no_budget_is_named(made: Path) -> None:
    assert len(json.loads(run(made, "--strategy", "knn", "--json").stdout)["models"]) == 3


def test_models_that_do_not_meet_the_conditions_are_no_candidates(made: Path) -> None:
    zoo = Zoo.open(made / "zoo")
    sizes = sorted(zoo.card(model).parameters for model in zoo)
    small = {model for model in zoo if zoo.card(model).parameters <= sizes[1]}
    options = ["--strategy", "ridge", "--max-parameters", str(sizes[1])]
    found = json.loads(run(made, *options, "--budget", str(len(small)), "--json").stdout)
    assert set(found["models"]) == small
    assert found["candidates"] == len(small)
    assert f"{4 - len(small)} of the zoo's 4 models were left out" in found["notes"][0]
    result = run(made, *options, "--budget", "4")
    assert result.exit_code == 2
    assert f"choose from 1 to {len(small)}" in " ".join(result.output.split())


def test_fennec_and_task_agnostic_need_no_labels(made: Path, tmp_path: Path) -> None:
    pytest.importorskip("gensim", reason="needs gensim")
    for file in sorted(EXAMPLES.glob("*/*.png"))[:3]:
        shutil.copy(file, tmp_path / f"{file.parent.name}-{file.name}")
    for strategy in ("fennec", "task-agnostic"):
        result = run(made, "--strategy", strategy, *sources(made, strategy), data=tmp_path)
        assert result.exit_code == 0, result.output
    result = run(made, "--strategy", "ridge", data=tmp_path)
    assert result.exit_code == 2
    assert "needs labelled examples" in " ".join(result.output.split())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ((), "A ranking needs --mre"),
        (("--budget", "2"), "--budget is about a search for models to fine-tune"),
        (("--history", "h"), "--history is about a search"),
        (("--strategy", "knn", "--html", "page.html"), "--html is about a ranking of all models"),
        (("--strategy", "knn", "--evidence", "20"), "--evidence is about a ranking"),
        (("--strategy", "hybird"), "did you mean 'hybrid'?"),
        (("--strategy", "metric"), "The strategy metric needs --mre"),
        (("--strategy", "fennec"), "The strategy fennec needs --history"),
        (("--strategy", "knn", "--budget", "5"), "choose from 1 to 4"),
        (("--strategy", "knn", "--licence", "gpl"), "has licence gpl; loosen that condition"),
    ],
)
def test_mistakes_are_one_sentence(made: Path, options: tuple[str, ...], sentence: str) -> None:
    result = run(made, *options)
    assert result.exit_code == 2
    assert sentence in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_history_that_is_not_there_is_named(made: Path) -> None:
    options = ["--strategy", "fennec", "--mre", str(made / "mre"), "--history", "/nowhere/h"]
    pytest.importorskip("gensim", reason="needs gensim")
    result = run(made, *options)
    assert result.exit_code == 2
    assert "/nowhere/h cannot be read" in " ".join(result.output.split())
