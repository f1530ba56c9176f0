from pathlib import Path

import numpy as np
import pytest

from synlearn.errors import InputError
from synlearn.fusion import (
    METRIC,
    FittedFusion,
    HeldOutTasks,
    Weights,
    coverage,
    fit_fusion,
    standardised,
)
from synlearn.fusion.storage import INDEX, load_fusion, save_fusion

FITTED = FittedFusion(
    (METRIC, "logme"),
    {
        1: Weights(np.array([0.6, 0.1]), 0.6, np.array([1.0, 0.2])),
        10: Weights(np.array([0.2, 0.7]), 0.3, np.array([1.0, 0.6])),
    },
    {"tasks": 12},
)
SCORES = {
    METRIC: np.array([0.3, 0.1, -0.2, 0.9, -1.0, -0.1]),
    "logme": np.array([5.0, 7.0, 6.0, 9.0, 4.0, 5.5]),
}


def held_out(tasks: int, seed: int) -> HeldOutTasks:
    """v is what the two sources have in common; the second is clearer at K = 5."""
    random, m = np.random.default_rng(seed), 40
    k = np.repeat([1, 5], tasks)
    v = random.normal(size=(2 * tasks, m))
    clear = np.where(k == 1, 2.0, 0.3)[:, None]
    scores = {
        METRIC: v + random.normal(size=v.shape),
        "logme": v + clear * random.normal(size=v.shape),
    }
    return HeldOutTasks(k, v, scores)


def test_known_sources_get_the_weights_of_their_precisions() -> None:
    fitted = fit_fusion([held_out(300, 0)], (METRIC, "logme"), {})
    for k, noise in ((1, 2.0), (5, 0.3)):
        weights = fitted.by_k[k].weights
        # Sources are divided by their deviation, so a weight is a precision times that.
        expected = np.array([1.0 * 2**0.5, (1 + noise**2) ** 0.5 / noise**2])
        assert weights[1] / weights[0] == pytest.approx(expected[1] / expected[0], rel=0.1)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_cover_other_tasks(k: int, level: float) -> None:
    fitted = fit_fusion([held_out(200, 0)], (METRIC, "logme"), {})
    assert coverage(fitted, [held_out(100, 1)], k, level) == pytest.approx(level, abs=0.03)


def test_weights_are_those_of_least_squares() -> None:
    group = held_out(8, 3)
    found = fit_fusion([group], (METRIC, "logme"), {}).by_k[5]
    at = group.k == 5
    x = np.stack([standardised(group.scores[name][at]).ravel() for name in (METRIC, "logme")])
    v = standardised(group.v_star[at]).ravel()
    np.testing.assert_allclose(found.weights, np.linalg.solve(x @ x.T, x @ v))
    assert found.variance == pytest.approx(np.mean((v - found.weights @ x) ** 2))


def test_sources_that_say_the_same_share_the_weight() -> None:
    group = held_out(20, 0)
    twice = HeldOutTasks(group.k, group.v_star, {**group.scores, "again": group.scores["logme"]})
    one = fit_fusion([group], (METRIC, "logme"), {}).by_k[1].weights
    two = fit_fusion([twice], (METRIC, "logme", "again"), {}).by_k[1].weights
    np.testing.assert_allclose(two, [one[0], one[1] / 2, one[1] / 2])


def test_between_fitted_numbers_weights_are_linear_in_log_k() -> None:
    middle = FITTED.at(10**0.5)
    np.testing.assert_allclose(middle.weights, [0.4, 0.4])
    assert middle.variance == pytest.approx(0.45)
    np.testing.assert_allclose(middle.correlation, [1.0, 0.4])
    assert FITTED.at(50).weights.tolist() == FITTED.at(10).weights.tolist() == [0.2, 0.7]
    assert FITTED.at(1).weights.tolist() == [0.6, 0.1]


def test_the_clearer_source_decides_at_larger_k() -> None:
    logme = standardised(SCORES["logme"])
    few, many = (FITTED.fuse(SCORES, k).mean for k in (1, 10))
    assert np.corrcoef(many, logme)[0, 1] > np.corrcoef(few, logme)[0, 1]


def test_units_and_offsets_of_scores_do_not_matter() -> None:
    moved = {name: 1e3 * scores - 7 for name, scores in SCORES.items()}
    first, second = (FITTED.fuse(scores, 2).mean for scores in (SCORES, moved))
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_infinite_scores_count_as_the_largest_and_constant_ones_nothing() -> None:
    found = standardised(np.array([[1.0, np.inf, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]]))
    np.testing.assert_allclose(found[0], standardised(np.array([1.0, 3.0, 3.0, 2.0])))
    np.testing.assert_array_equal(found[1], 0)


def test_missing_sources_and_nan_are_refused() -> None:
    with pytest.raises(InputError, match="not here: logme"):
        FITTED.fuse({METRIC: np.ones(6)}, 1)
    with pytest.raises(InputError, match="not a number"):
        FITTED.fuse(SCORES | {METRIC: np.full(6, np.nan)}, 1)
    with pytest.raises(InputError, match="first source"):
        fit_fusion([held_out(3, 0)], ("logme",), {})


@pytest.mark.parametrize("k", [1, 5])
def test_what_the_metric_is_worth_alone_is_what_it_is_fitted_to_be(k: int) -> None:
    group = held_out(100, 4)
    found = fit_fusion([group], (METRIC, "logme"), {}).by_k[k].alone
    alone = fit_fusion([group], (METRIC,), {}).by_k[k]
    np.testing.assert_allclose(found.weights, alone.weights)
    assert found.variance == pytest.approx(alone.variance)


def test_a_fusion_of_chosen_models_is_that_of_all() -> None:
    """In units of all candidates, and about as if all had been run."""
    random, m = np.random.default_rng(5), 2000
    v = random.normal(size=m)
    scores = {METRIC: v + random.normal(size=m), "logme": v + 0.3 * random.normal(size=m)}
    fitted = fit_fusion([held_out(200, 0)], (METRIC, "logme"), {})
    prior = standardised(scores[METRIC])
    best = np.argsort(-prior)[:100]
    whole = fitted.fuse(scores, 5).mean[best]
    some = fitted.fuse({name: own[best] for name, own in scores.items()}, 5, prior[best]).mean
    np.testing.assert_allclose(some, whole, atol=0.25)
    assert np.corrcoef(some, whole)[0, 1] > 0.99
    naive = fitted.fuse({name: own[best] for name, own in scores.items()}, 5).mean
    assert abs(naive.mean() - whole.mean()) > 0.5


def model_folder(path: Path) -> Path:
    path.mkdir()
    (path / "mre.json").write_text("{}")  # only its digest is looked at
    return path


def test_a_fusion_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mre")
    save_fusion(FITTED, folder)
    found = load_fusion(folder)
    assert (found.sources, found.provenance) == (FITTED.sources, FITTED.provenance)
    assert found.by_k.keys() == FITTED.by_k.keys()
    for k, own in found.by_k.items():
        assert own.weights.tolist() == FITTED.by_k[k].weights.tolist()
        assert own.variance == FITTED.by_k[k].variance
        assert own.correlation.tolist() == FITTED.by_k[k].correlation.tolist()


def test_changed_files_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mre")
    with pytest.raises(InputError, match="no fitted fusion"):
        load_fusion(folder)
    save_fusion(FITTED, folder)
    whole = (folder / INDEX).read_text()
    (folder / INDEX).write_text(whole[:-10])
    with pytest.raises(InputError, match="is damaged"):
        load_fusion(folder)
    for old, new in (
        ('"variance": 0.3', '"variance": -1'),
        ('"10"', '"ten"'),
        ('"sources"', '""'),
        ('"correlation"', '"other"'),
        ('0.6\n   ],\n   "variance', '6.0\n   ],\n   "variance'),
    ):
        (folder / INDEX).write_text(whole.replace(old, new))
        with pytest.raises(InputError, match="is incomplete"):
            load_fusion(folder)
    (folder / INDEX).write_text(whole.replace('"variance": 0.3', f'"variance": {10**400}'))
    with pytest.raises(InputError, match="is incomplete"):
        load_fusion(folder)
    (folder / INDEX).write_text("[" * 20_000)
    with pytest.raises(InputError, match="is damaged"):
        load_fusion(folder)
    (folder / INDEX).write_text(whole)
    (folder / "mre.json").write_text("{ }")
    with pytest.raises(InputError, match="another MRE model"):
        load_fusion(folder)
    (folder / INDEX).write_text(whole.replace("synlearn-fusion/4", "synlearn-fusion/3"))
    with pytest.raises(InputError, match="not in the format synlearn-fusion/4; fit the fusion"):
        load_fusion(folder)
    (folder / INDEX).write_text("{}")
    with pytest.raises(InputError, match="not in the format"):
        load_fusion(folder)
