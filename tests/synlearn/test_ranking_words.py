import numpy as np
import pytest

from synlearn.ranked_models import RankedModels
from synlearn.ranking import ACCURACY, Ranking
from synlearn.ranking_words import share, ties_in_words


def ranking(tied: int, models: int = 4) -> Ranking:
    rows = RankedModels(
        [f"m{place}" for place in range(models)],
        np.linspace(0.71, 0.6, models),
        np.arange(models) < tied,
        lows=np.linspace(0.6, 0.5, models),
        highs=np.linspace(0.8, 0.7, models),
        odds=np.full(models, 1 / models),
    )
    return Ranking(rows, ACCURACY)


def test_the_first_is_said_with_its_interval_and_chance() -> None:
    assert ranking(1).summary() == (
        "m0 ranks first of 4 models: expected accuracy 0.71, 90 % interval 0.60 to 0.80; it is the "
        "best one with probability 25 %."
    )


def test_ties_are_said_aloud() -> None:
    assert "The evidence cannot separate these three: m0, m1 and m2." in ranking(3).summary()
    assert "cannot separate" not in ranking(1).summary()


def test_of_many_the_first_are_named() -> None:
    found = ties_in_words([f"m{place}" for place in range(34)])
    assert found == "The evidence cannot separate these 34: m0, m1, m2, m3, m4 and 29 more."


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 %"), (1e-5, "< 1 %"), (0.414, "41 %"), (0.9999, "> 99 %"), (1.0, "100 %")],
)
def test_no_chance_is_rounded_to_certainty(value: float, text: str) -> None:
    assert share(value) == text
