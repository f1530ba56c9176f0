"""The page stands alone, tells all, and lets no text become markup."""

import re
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from synlearn.explanation import Explanation
from synlearn.ranked_models import RankedModels
from synlearn.ranking import ACCURACY, Ranking
from synlearn.zoo.filters import ModelFacts

ROWS = RankedModels(
    ["first", "<b>second</b>", "third"],
    np.array([0.7, 0.6, 0.65]),
    np.array([True, True, False]),
    lows=np.array([0.6, 0.5, 0.5]),
    highs=np.array([0.8, 0.7, 0.8]),
    tiers=np.array([1, 1, 2]),
    odds=np.array([0.5, 0.1, 0.4]),
    run=2,
)
FACTS = {
    "first": ModelFacts(12_345, "mit", (3, 32, 32), 1.25),
    "third": ModelFacts(9, "<script>", (3, 32, 32)),
}


def explained(model: str) -> Explanation:
    names = ["cat", "<i>dog</i>"]
    return Explanation.of_members(model, names, ["tabby"], np.full((1, 2, 2), 0.5))


RANKING = Ranking(
    ROWS,
    ACCURACY,
    warning="Unlike <all> that was seen.",
    notes=("With a probability of 40 %, ...",),
    provenance={"mre": "ab" * 32, "k": 5, "mode": "metric & evidence"},
    facts=FACTS,
    explainer=explained,
)


def test_nothing_is_loaded_from_elsewhere() -> None:
    page = RANKING.to_html()
    assert "default-src 'none'" in page
    assert not re.findall(r"(?:src|href)=\"(?!data:)", page)
    assert "<script" not in page
    assert "@import" not in page


def test_text_is_escaped() -> None:
    page = RANKING.to_html()
    for text in ("<b>second</b>", "<all>", "metric & evidence"):
        assert text not in page
    for text in (
        "&lt;b&gt;second",
        "Unlike &lt;all&gt;",
        "metric &amp; evidence",
        "&lt;script&gt;",
    ):
        assert text in page


def test_everything_is_told() -> None:
    page = RANKING.to_html()
    for text in (
        "first ranks first of 3 models: expected accuracy 0.70",
        "The evidence cannot separate these two",
        "With a probability of 40 %",
        "0.600 to 0.800",
        "12,345",
        "1.25 ms",
        "examples run",
        "specification",
        "ab" * 32,
        "What the first model was matched by",
    ):
        assert text in page, text
    assert page.count('class="tied"') == 2


@pytest.mark.parametrize("wanted", ["intervals", "facts", "explanation"])
def test_what_is_not_known_is_left_out(wanted: str) -> None:
    bare = replace(ROWS, lows=None, highs=None, odds=None, tiers=None)
    changed = {
        "intervals": partial(replace, rows=bare),
        "facts": partial(replace, facts={}),
        "explanation": partial(replace, explainer=None),
    }
    page = changed[wanted](RANKING).to_html()
    text = {"intervals": "90 % interval</th>", "facts": "Licence", "explanation": "matched by"}
    assert text[wanted] in RANKING.to_html()
    assert text[wanted] not in page
    header, row = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)[:2]
    assert header.count("<th") == row.count("<td") + row.count("<th")


def test_a_ranking_of_scores_has_a_page() -> None:
    page = Ranking.from_member_scores(["a", "b"], [[0.1, 0.8]]).to_html()
    assert "nothing says how sure they are" in page
