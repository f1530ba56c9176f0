"""Rankings: order, intervals, ties, and what leaves them as files."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from synlearn.errors import InputError
from synlearn.ranking import Ranking


def ensemble(members: int = 5, models: int = 6, spread: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.linspace(1, 0, models) + spread * rng.normal(size=(members, models))


def ids(count: int) -> list[str]:
    return [f"model-{i}" for i in range(count)]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=12))
def test_ranks_count_the_models_above(scores: list[int]) -> None:
    ranking = Ranking.from_member_scores(ids(len(scores)), [scores])
    for row in ranking:
        assert row.rank == 1 + sum(other > row.score for other in scores)
        assert row.tied_with_best == (row.score == max(scores))
    found = [row.score for row in ranking]
    assert found == sorted(scores, reverse=True)
    assert len(ranking) == len(scores)


def test_equal_scores_are_ordered_by_id() -> None:
    ranking = Ranking.from_member_scores(["b", "a", "c"], [[1, 1, 2]])
    assert [(row.model, row.rank) for row in ranking] == [("c", 1), ("a", 2), ("b", 2)]


def test_one_member_has_no_intervals() -> None:
    ranking = Ranking.from_member_scores(["a", "b"], [[0.1, 0.2]])
    assert all(row.low is None and row.high is None for row in ranking)
    assert [row.model for row in ranking.tied] == ["b"]


def test_the_interval_holds_one_more_member_as_often_as_it_says() -> None:
    scores = np.random.default_rng(0).normal(size=(6, 4000))
    ranking = Ranking.from_member_scores(ids(4000), scores[:5])
    sixth = dict(zip(ids(4000), scores[5], strict=True))
    held = [r.low <= sixth[r.model] <= r.high for r in ranking if r.low is not None and r.high]
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_ties_are_judged_by_paired_differences() -> None:
    """Members disagree about the level of all models, and agree about their order."""
    level = np.array([[0.0], [5.0], [-5.0], [2.0], [-2.0]])
    noise = 0.01 * np.random.default_rng(0).normal(size=(5, 3))
    scores = level + np.array([1.0, 0.99, 0.5]) + noise
    ranking = Ranking.from_member_scores(["a", "b", "c"], scores)
    best, second, third = ranking
    assert best.low is not None
    assert third.high is not None
    assert third.high > best.low  # the intervals of the scores overlap widely ...
    assert {best.model, second.model} == {"a", "b"}
    assert second.tied_with_best
    assert not third.tied_with_best  # ... and the difference is certain all the same


def test_summary_counts_ties_and_warns() -> None:
    scores = [[1.0, 0.9, 0.0], [0.9, 1.0, 0.01]]
    ranking = Ranking.from_member_scores(["a", "b", "c"], scores, warning="Unlike what was seen.")
    assert "cannot separate" in ranking.summary()
    assert ranking.summary().endswith("Unlike what was seen.")
    assert ranking.is_outside


def test_json(tmp_path: Path) -> None:
    ranking = Ranking.from_member_scores(ids(6), ensemble(), provenance={"mre": "ab" * 32, "k": 1})
    text = ranking.to_json(tmp_path / "ranking.json")
    assert (tmp_path / "ranking.json").read_text(encoding="utf-8") == text
    content = json.loads(text)
    assert content["outside"] is False
    assert content["provenance"] == {"mre": "ab" * 32, "k": 1}
    assert [row["rank"] for row in content["models"]] == [1, 2, 3, 4, 5, 6]
    assert content["models"][0]["model"] == ranking.best.model
    assert content["models"][0]["low"] == ranking.best.low


def test_csv(tmp_path: Path) -> None:
    ranking = Ranking.from_member_scores(['a,"b"', "c"], [[1.5, 0.5]])
    text = ranking.to_csv(tmp_path / "ranking.csv")
    assert (tmp_path / "ranking.csv").read_text(encoding="utf-8") == text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["model"] for row in rows] == ['a,"b"', "c"]
    assert float(rows[0]["score"]) == 1.5
    assert rows[0]["low"] == ""
    assert [row["tied_with_best"] for row in rows] == ["true", "false"]


def test_table_shows_the_top_and_counts_the_rest() -> None:
    ranking = Ranking.from_member_scores(["[red]x", *ids(5)], ensemble(), warning="Far away.")
    console = Console(file=io.StringIO(), width=120)
    console.print(ranking.to_table(top=2))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "[red]x" in text
    assert "and 4 more" in text
    assert "Far away." in text


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
def test_plot(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"ranking{suffix}"
    Ranking.from_member_scores(["x" * 80, "$", *ids(4)], ensemble(), warning="Far.").plot(path)
    assert path.stat().st_size > 1000


def test_plot_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    ranking = Ranking.from_member_scores(ids(2), [[1, 2]])
    with pytest.raises(InputError, match=r"\.bmp"):
        ranking.plot(tmp_path / "ranking.bmp")
    with pytest.raises(InputError, match="at least one model"):
        ranking.plot(tmp_path / "ranking.png", top=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("models", "scores", "sentence"),
    [
        ([], np.zeros((1, 0)), "is the zoo empty"),
        (["a", "b"], [1.0, 2.0], r"\(members, models\)"),
        (["a"], [[1.0, 2.0]], r"\(1, 2\) for 1 models"),
        (["a"], np.zeros((0, 1)), r"\(0, 1\)"),
        (["a", "b", "a"], [[1, 2, 3]], "'a' is there twice"),
        (["a", "b"], [[1.0, np.nan], [1.0, 2.0]], "score of model 'b' is not finite"),
        (["a"], [["high"]], "are not numbers"),
    ],
)
def test_bad_input(models: list[str], scores: object, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Ranking.from_member_scores(models, scores)  # type: ignore[arg-type]


def test_bad_confidence() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        Ranking.from_member_scores(ids(6), ensemble(), confidence=95)
