"""The map from scores to accuracies: fitted on some tasks, its intervals hold on others."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from synlearn.errors import InputError
from synlearn.fusion import METRIC, standardised
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.accuracy_fitting import fit_accuracy, near_tasks
from synlearn.fusion.accuracy_storage import INDEX, has_accuracy, load_accuracy, save_accuracy
from synlearn.fusion.believing import Learned, Prior, believe, first
from synlearn.fusion.fused import FittedFusion
from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.fusion.storage import save_fusion
from synlearn.fusion.zoo_evidence import Evidence
from synlearn.ranking import CONFIDENCE
from synlearn.ranking_beliefs import Beliefs
from synlearn.ranking_odds import best_probability
from tests.synlearn.fusion.accuracies import DIRECT, fitted, fitted_fusion, held_out

LEARNING = held_out(120, 0)
FUSION = fitted_fusion(LEARNING)
MAP = fitted(LEARNING, FUSION)


def beliefs_of(group: HeldOutAccuracies, row: int, count: int | None) -> Beliefs:
    """What is said of one row's models when the first `count` of them are run."""
    scores = standardised(group.scores[METRIC][row])
    chosen = first(scores, count)
    direct = {name: group.scores[name][row][chosen] for name in DIRECT}
    evidence = Evidence(direct, np.eye(len(chosen))) if len(chosen) else None
    prior = Prior(scores, group.traits[row], group.unrest[row], float(group.k[row]))
    return believe(prior, Learned(FUSION, MAP), chosen, evidence)


@pytest.mark.parametrize("count", [0, 20, None])
@pytest.mark.parametrize("k", [1, 5])
def test_intervals_hold_as_often_as_they_say_on_other_tasks(count: int | None, k: int) -> None:
    fresh = held_out(150, 1)
    inside, width = [], []
    for row in np.flatnonzero(fresh.k == k).tolist():
        low, high = beliefs_of(fresh, row, count).interval()
        accuracy = expit(fresh.logits[row])
        inside.append((low <= accuracy) & (accuracy <= high))
        width.append(high - low)
    assert np.mean(inside) == pytest.approx(CONFIDENCE, abs=0.03)
    ends = MAP.constant[k]
    assert np.mean(width) < 0.8 * (ends[1] - ends[0])


def test_evidence_makes_intervals_narrower_where_it_is_clear() -> None:
    fresh = held_out(60, 2)
    rows = np.flatnonzero(fresh.k == 5).tolist()
    alone, some, every = (
        np.mean([np.subtract(*beliefs_of(fresh, row, count).interval()[::-1]) for row in rows])
        for count in (0, 20, None)
    )
    assert every < some < alone


def test_of_models_that_were_not_run_less_is_known() -> None:
    found = beliefs_of(held_out(2, 3), -1, 10)
    assert len(set(found.own.round(12).tolist())) == 2
    assert np.sort(found.own)[9] < np.sort(found.own)[10]


def test_scores_that_move_with_the_examples_are_trusted_less() -> None:
    group = held_out(2, 4)
    calm, restless = (
        believe(
            Prior(standardised(group.scores[METRIC][0]), group.traits[0], unrest, 1.0),
            Learned(FUSION, MAP),
            np.empty(0, np.intp),
            None,
        )
        for unrest in (np.array([-1.0, 0.0]), np.array([1.0, 0.0]))
    )
    assert restless.own[0] > 1.1 * calm.own[0]


def test_the_chance_of_being_best_is_kept() -> None:
    """Of models said to be the best with probability p, a share p is."""
    fresh = held_out(300, 5)
    said, right = [], []
    for row in np.flatnonzero(fresh.k == 5).tolist():
        own = beliefs_of(fresh, row, None)
        odds = best_probability(own.mean, own.own)
        said.append(odds.max())
        right.append(odds.argmax() == fresh.logits[row].argmax())
    assert np.mean(right) == pytest.approx(np.mean(said), abs=0.05)


def test_between_fitted_numbers_it_lies_between() -> None:
    group = held_out(2, 6)
    means = []
    for k in (1, 2, 5, 50):
        prior = Prior(standardised(group.scores[METRIC][0]), group.traits[0], group.unrest[0], k)
        means.append(believe(prior, Learned(FUSION, MAP), np.empty(0, np.intp), None).mean.mean())
    assert means[0] < means[1] < means[2] == means[3]


def test_near_tasks_share_more_than_half_of_their_classes() -> None:
    tasks = np.array([[0, 1, 2, 3], [2, 3, 4, 5], [3, 4, 5, 2], [9, 8, 7, 6]])
    assert near_tasks(tasks)[1].tolist() == [False, True, True, False]


def test_the_level_is_judged_on_other_tasks() -> None:
    """Two near tasks know each other's level; told apart, their errors are not small."""
    group = held_out(40, 7)
    pairs = np.arange(5 * 20).reshape(20, 5)[np.repeat(np.arange(20), 2)]
    copied = HeldOutAccuracies(
        group.k,
        group.task,
        {k: group.task[:, None] // 2 + 0.01 * values for k, values in group.accuracies.items()},
        group.scores,
        np.mod((group.task // 2)[:, None] * 1000.0, 7),  # tells pairs apart, foretells nothing
        group.unrest,
    )
    found = fit_accuracy(
        [copied], pairs, fitted_fusion(group), DIRECT,
        difficulty=np.zeros(3), provenance={}, confidence=CONFIDENCE,
    )  # fmt: skip
    assert found.metric[1].shared > 3


def test_without_rows_nothing_is_learned() -> None:
    empty = LEARNING.at(7)
    with pytest.raises(InputError, match="no learning task"):
        fit_accuracy(
            [empty], np.zeros((1, 5), int), FUSION, DIRECT,
            difficulty=np.zeros(3), provenance={}, confidence=CONFIDENCE,
        )  # fmt: skip


class TestStorage:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        folder = tmp_path / "mre"
        folder.mkdir()
        (folder / "mre.json").write_text("{}")  # only its digest is looked at
        save_fusion(FUSION, folder)
        assert not has_accuracy(folder)
        save_accuracy(MAP, folder)
        return folder

    def test_a_map_comes_back_as_it_was_saved(self, folder: Path) -> None:
        assert has_accuracy(folder)
        found = load_accuracy(folder)
        group = held_out(3, 8)
        one, other = (
            believe(
                Prior(standardised(group.scores[METRIC][0]), group.traits[0], group.unrest[0], 2),
                Learned(FUSION, own),
                np.empty(0, np.intp),
                None,
            )
            for own in (MAP, found)
        )
        assert one.mean.tolist() == other.mean.tolist()
        assert one.interval()[0].tolist() == other.interval()[0].tolist()
        assert found.constant == MAP.constant
        assert found.provenance == MAP.provenance
        assert save_accuracy(found, folder) == save_accuracy(MAP, folder)

    def test_it_belongs_to_its_model_and_its_fusion(self, folder: Path) -> None:
        (folder / "mre.json").write_text("{ }")
        with pytest.raises(InputError, match="another MRE model or fusion"):
            load_accuracy(folder)
        (folder / "mre.json").write_text("{}")
        load_accuracy(folder)
        changed = FittedFusion(FUSION.sources, FUSION.by_k, {"job": "job-2"})
        save_fusion(changed, folder)
        with pytest.raises(InputError, match="another MRE model or fusion"):
            load_accuracy(folder)
        (folder / "fusion.json").unlink()
        with pytest.raises(InputError, match="another MRE model or fusion"):
            load_accuracy(folder)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            (("traits",), ["apart"]),
            (("unrest",), []),
            (("direct",), ["logme"]),
            (("ways",), 1),
            (("ways",), True),
            (("ways",), 10**9),
            (("confidence",), 1.0),
            (("difficulty",), [1.0, "a"]),
            (("by_k",), {}),
            (("by_k", "1", "metric", "shared"), -1.0),
            (("by_k", "1", "metric", "reach"), None),
            (("by_k", "1", "metric", "level", "slopes"), [1.0, 2.0]),
            (("by_k", "1", "evidence", "level", "intercept"), 1e999),
            (("by_k", "5", "constant"), [0.9, 0.1]),
            (("by_k", "5", "correlation"), [0.1]),
            (("provenance",), 3),
        ],
    )
    def test_what_is_no_map_is_refused(
        self, folder: Path, path: tuple[str, ...], value: object
    ) -> None:
        index = json.loads((folder / INDEX).read_text())
        place = index
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = value
        (folder / INDEX).write_text(json.dumps(index))
        with pytest.raises(InputError, match="incomplete; fit the fusion again"):
            load_accuracy(folder)

    def test_damage_is_named(self, folder: Path) -> None:
        whole = (folder / INDEX).read_text()
        (folder / INDEX).write_text(whole[:-9])
        with pytest.raises(InputError, match="is damaged"):
            load_accuracy(folder)
        (folder / INDEX).write_text(whole.replace("accuracy/1", "accuracy/0"))
        with pytest.raises(InputError, match="not in the format synlearn-accuracy/1"):
            load_accuracy(folder)
        (folder / INDEX).unlink()
        with pytest.raises(InputError, match="no map to accuracies"):
            load_accuracy(folder)

    def test_it_is_small(self, folder: Path) -> None:
        assert (folder / INDEX).stat().st_size < 50_000
        assert isinstance(load_accuracy(folder), AccuracyMap)


def test_too_few_tasks_to_learn_from_are_refused() -> None:
    """Two tasks that are all but alike say wild things of a third."""
    learning = held_out(3, 0)
    traits = np.array([[0.0], [1e-9], [1.0]])[learning.task]
    with pytest.raises(InputError, match="too few learning tasks"):
        fitted(replace(learning, traits=traits), fitted_fusion(learning))
