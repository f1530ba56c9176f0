"""A ranking that somebody else has written: read as it was, or refused."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.ranked_models import RankedModels
from synlearn.ranking import ACCURACY, Ranking
from synlearn.ranking_reading import read_explanation, read_ranking
from synlearn.zoo.filters import ModelFacts


def whole() -> Ranking:
    rows = RankedModels(
        models=["b", "a", "c"],
        scores=np.array([0.9, 0.7, 0.7]),
        tied=np.array([True, True, False]),
        lows=np.array([0.8, 0.5, 0.6]),
        highs=np.array([0.95, 0.8, 0.9]),
        tiers=np.array([1, 1, 2]),
        odds=np.array([0.6, 0.3, 0.1]),
        run=1,
    )
    facts = {name: ModelFacts(10, "mit", (3, 32, 32), 0.5) for name in "abc"}
    told: dict[str, Any] = {"provenance": {"k": 5, "mode": "x"}, "notes": ("n",), "warning": "w"}
    return Ranking(rows, ACCURACY, **told, facts=facts)


@pytest.mark.parametrize(
    "ranking",
    [
        whole(),
        replace(whole(), facts={}),
        Ranking.from_member_scores(["a"], [[0.5]]),
        Ranking.from_member_scores(["a", "b"], [[0.5, 1.0], [0.25, 2.0]]),
    ],
)
def test_what_was_written_is_read(ranking: Ranking) -> None:
    found = read_ranking(json.loads(ranking.to_json()), "the file")
    assert found == ranking
    assert found.to_json() == ranking.to_json()
    assert found.to_csv() == ranking.to_csv()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("format", "synlearn.ranking/1"),
        ("models", []),
        ("models", {}),
        ("models", [1]),
        ("unit", "miles"),
        ("confidence", 1.0),
        ("confidence", True),
        ("notes", 7),
        ("provenance", []),
        ("provenance", {"k": [1]}),
        ("warning", None),
    ],
)
def test_what_is_none_is_refused(name: str, value: object) -> None:
    data = whole().to_data() | {name: value}
    with pytest.raises(InputError, match="is no ranking"):
        read_ranking(data, "the file")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("score", float("nan")),
        ("score", "1"),
        ("low", None),
        ("tier", 1.5),
        ("tied_with_best", 1),
        ("model", "a"),
        ("facts", {"parameters": 1}),
    ],
)
def test_rows_that_are_none_are_refused(name: str, value: object) -> None:
    data = json.loads(whole().to_json())
    data["models"][0][name] = value
    with pytest.raises(InputError, match="is no ranking"):
        read_ranking(data, "the file")


def test_explanations() -> None:
    weights = np.random.default_rng(0).random((2, 2, 4))
    own = Explanation.of_members("m", ("x", "y"), ("a", "b", "c"), weights)
    data = json.loads(own.to_json())
    assert read_explanation(data, "the file").to_json() == own.to_json()
    for change in ({"weights": [[1.0]]}, {"model_classes": ["a"]}, {"spread": None}):
        with pytest.raises(InputError, match="is no explanation"):
            read_explanation(data | change, "the file")
