"""Tasks whose evidence ends below K count at K all the same."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from synlearn.fusion import METRIC, standardised
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.believing import Learned, Prior, believe
from synlearn.fusion.held_out_accuracies import HeldOutAccuracies
from synlearn.fusion.stand_ins import with_stand_ins
from synlearn.ranking import CONFIDENCE
from tests.synlearn.fusion.accuracies import DIRECT, fitted, fitted_fusion, held_out

TASKS, LARGE = 120, 20


def of_large_sets_alone(group: HeldOutAccuracies) -> HeldOutAccuracies:
    """At K = 5 there is evidence of the first tasks alone."""
    return group.where((group.k == 1) | (group.task < LARGE))


def test_every_task_is_there_at_every_k_and_nothing_is_added_twice() -> None:
    group = held_out(TASKS, 0)
    assert [own.k.tolist() for own in with_stand_ins([group], 5, DIRECT)] == [[5] * 2 * TASKS]
    partly = of_large_sets_alone(group)
    (found,) = with_stand_ins([partly], 5, DIRECT)
    assert np.bincount(found.task).tolist() == [2] * TASKS
    assert (found.k == 5).all()
    own, stand_ins = found.task < LARGE, found.task >= LARGE
    np.testing.assert_array_equal(found.where(own).logits, partly.at(5).logits)
    # Accuracies are those at K = 5; direct scores are those at K = 1, all moved by as much.
    low = group.at(1).where(group.at(1).task >= LARGE)
    np.testing.assert_array_equal(found.where(stand_ins).logits, low.accuracies[5])
    for name in DIRECT:
        means = [partly.at(k).where(partly.at(k).task < LARGE).scores[name].mean() for k in (1, 5)]
        moved = found.where(stand_ins).scores[name] - low.scores[name]
        np.testing.assert_allclose(moved, means[1] - means[0], atol=1e-12)
    np.testing.assert_array_equal(found.where(stand_ins).scores[METRIC], low.scores[METRIC])


def test_without_a_task_that_has_both_nothing_is_moved() -> None:
    group = held_out(10, 0)
    apart = group.where((group.k == 5) == (group.task < 5))
    (found,) = with_stand_ins([apart], 5, DIRECT)
    moved = found.where(found.task >= 5)
    np.testing.assert_array_equal(moved.unrest, group.at(1).where(group.at(1).task >= 5).unrest)


def test_several_blocks_share_what_a_task_has() -> None:
    """A block without any row at K has stand-ins as well."""
    group = of_large_sets_alone(held_out(TASKS, 0))
    first, second = group.where(group.task < LARGE), group.where(group.task >= LARGE)
    found = with_stand_ins([first, second], 5, DIRECT)
    assert [len(own.k) for own in found] == [2 * LARGE, 2 * (TASKS - LARGE)]


def test_intervals_hold_for_tasks_that_are_harder_to_foretell_than_those_of_large_sets() -> None:
    learning = of_large_sets_alone(held_out(TASKS, 0, steady=LARGE))
    fusion = fitted_fusion(learning)
    fresh = held_out(150, 1).at(5)

    def coverage(found: AccuracyMap) -> float:
        inside = []
        for row in range(len(fresh.k)):
            scores = standardised(fresh.scores[METRIC][row])
            prior = Prior(scores, fresh.traits[row], fresh.unrest[row], 5)
            low, high = believe(
                prior, Learned(fusion, found), np.empty(0, np.intp), None
            ).interval()
            accuracy = expit(fresh.logits[row])
            inside.append((low <= accuracy) & (accuracy <= high))
        return float(np.mean(inside))

    assert coverage(fitted(learning, fusion)) == pytest.approx(CONFIDENCE, abs=0.05)
    alone = learning.at(5)
    alone = replace(alone, accuracies={5: alone.accuracies[5]})
    assert coverage(fitted(alone, fusion, TASKS)) < 0.8
