import json
from pathlib import Path

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.evaluation.explanation_figure import MOST_COLUMNS, explanation_figure
from synlearn.explanation import Explanation, Match

WEIGHTS = np.array([[[0.1, 0.8, 0.1], [0.7, 0.2, 0.1]], [[0.1, 0.6, 0.3], [0.9, 0.1, 0.0]]])
FOUND = Explanation.of_members("m-1", ["cat", "dog"], ["tabby", "lorry"], WEIGHTS)


def test_attention_is_averaged_over_members() -> None:
    np.testing.assert_allclose(FOUND.weights, [[0.1, 0.7, 0.2], [0.8, 0.15, 0.05]])
    np.testing.assert_allclose(FOUND.spread[0], [0.0, 0.1, 0.1], atol=1e-12)


def test_matches_are_where_most_attention_goes() -> None:
    cat, dog = FOUND.matches
    assert (cat.task_class, cat.model_class, round(cat.weight, 9)) == ("cat", "tabby", 0.7)
    assert (dog.task_class, dog.model_class) == ("dog", None)
    assert isinstance(cat, Match)
    assert FOUND.summary() == "cat: tabby (70 %)\ndog: none of the model's classes (80 %)"


def test_it_is_kept_as_json(tmp_path: Path) -> None:
    text = FOUND.to_json(tmp_path / "why.json")
    assert (tmp_path / "why.json").read_text() == text
    content = json.loads(text)
    assert content["columns"] == ["none of them", "tabby", "lorry"]
    assert content["matches"][1]["model_class"] is None
    assert content["weights"][0][1] == pytest.approx(0.7)


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_it_is_drawn(tmp_path: Path, suffix: str) -> None:
    FOUND.plot(tmp_path / f"why{suffix}")
    assert (tmp_path / f"why{suffix}").stat().st_size > 1000
    with pytest.raises(InputError, match=r"\.txt"):
        FOUND.plot(tmp_path / "why.txt")


def test_of_many_classes_those_with_attention_are_drawn() -> None:
    weights = np.zeros((1, 2, 101))
    weights[0, 0, 98], weights[0, 1, 0], weights[0, 0, 3] = 0.9, 1.0, 0.1
    names = [f"set/class {number}" for number in range(100)]
    figure = explanation_figure(Explanation.of_members("m", ["a", "b"], names, weights))
    shown = [label.get_text() for label in figure.axes[0].get_xticklabels() if label.get_text()]
    assert len(shown) == 1 + MOST_COLUMNS
    assert shown[0] == "none of them"
    assert {"set/class 2", "set/class 97"} <= set(shown)
    assert f"{100 - MOST_COLUMNS} that get little are not drawn" in figure.axes[0].get_xlabel()


def test_names_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="3 classes of the task and 2 of the model"):
        Explanation.of_members("m", ["a", "b", "c"], ["x", "y"], WEIGHTS)
