from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.fusion import (
    METRIC,
    Covariances,
    FittedFusion,
    HeldOutTasks,
    Posterior,
    coverage,
    fit_fusion,
    posterior_ranking,
    standardised,
    task_kernel,
)
from synlearn.fusion.storage import INDEX, TASKS, StoredFusion, load_fusion, save_fusion
from synlearn.fusion.storage import reference_tasks as references


def covariances(noise: float) -> Covariances:
    own = np.ones((3, 3)) + np.diag([0.0, 2.0, noise])
    return Covariances(np.zeros((3, 3)), own)


FITTED = FittedFusion((METRIC, "logme"), {1: covariances(4.0), 10: covariances(0.25)})
KERNEL = np.zeros((6, 6))
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
    return HeldOutTasks(k, v, scores, np.zeros((m, m)))


def test_known_sources_get_the_weights_of_their_precisions() -> None:
    fitted = fit_fusion([held_out(300, 0)], (METRIC, "logme"), {})
    for k, noise in ((1, 2.0), (5, 0.3)):
        own = fitted.by_k[k].own
        weights = np.linalg.solve(own[1:, 1:], own[1:, 0])
        # Sources are divided by their deviation, so a weight is a precision times that.
        expected = np.array([1.0 * 2**0.5, (1 + noise**2) ** 0.5 / noise**2])
        assert weights[1] / weights[0] == pytest.approx(expected[1] / expected[0], rel=0.1)


@pytest.mark.parametrize("k", [1, 5])
@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_cover_other_tasks(k: int, level: float) -> None:
    fitted = fit_fusion([held_out(200, 0)], (METRIC, "logme"), {})
    assert coverage(fitted, [held_out(100, 1)], k, level) == pytest.approx(level, abs=0.03)


def test_between_fitted_numbers_covariances_are_linear_in_log_k() -> None:
    middle = FITTED.at(10**0.5).own
    np.testing.assert_allclose(middle, (FITTED.at(1).own + FITTED.at(10).own) / 2)
    np.testing.assert_array_equal(FITTED.at(50).own, FITTED.at(10).own)
    np.testing.assert_array_equal(FITTED.at(1).own, covariances(4.0).own)


def test_the_clearer_source_decides_at_larger_k() -> None:
    logme = standardised(SCORES["logme"])
    few, many = (FITTED.fuse(SCORES, KERNEL, k).mean for k in (1, 10))
    assert np.corrcoef(many, logme)[0, 1] > np.corrcoef(few, logme)[0, 1]


def test_kernels_of_zero_leave_nothing_shared() -> None:
    fitted = fit_fusion([held_out(20, 0)], (METRIC, "logme"), {})
    assert not fitted.by_k[1].shared.any()
    other = np.ones((6, 6)) + np.eye(6)
    with_kernel, without = (fitted.fuse(SCORES, kernel, 1).mean for kernel in (other, KERNEL))
    np.testing.assert_allclose(with_kernel, without, atol=1e-9)


def test_units_and_offsets_of_scores_do_not_matter() -> None:
    moved = {name: 1e3 * scores - 7 for name, scores in SCORES.items()}
    first, second = (FITTED.fuse(scores, KERNEL, 2).mean for scores in (SCORES, moved))
    np.testing.assert_allclose(first, second, atol=1e-9)


def test_infinite_scores_count_as_the_largest_and_constant_ones_nothing() -> None:
    found = standardised(np.array([[1.0, np.inf, 3.0, 2.0], [5.0, 5.0, 5.0, 5.0]]))
    np.testing.assert_allclose(found[0], standardised(np.array([1.0, 3.0, 3.0, 2.0])))
    np.testing.assert_array_equal(found[1], 0)


def test_missing_sources_and_nan_are_refused() -> None:
    with pytest.raises(InputError, match="not here: logme"):
        FITTED.fuse({METRIC: np.ones(6)}, KERNEL, 1)
    with pytest.raises(InputError, match="not a number"):
        FITTED.fuse(SCORES | {METRIC: np.full(6, np.nan)}, KERNEL, 1)
    with pytest.raises(InputError, match="first source"):
        fit_fusion([held_out(3, 0)], ("logme",), {})


def test_a_kernel_has_ones_on_average_and_no_negative_direction() -> None:
    kernel = task_kernel(np.random.default_rng(0).normal(size=(7, 12)))
    assert np.diag(kernel).mean() == pytest.approx(1)
    assert np.linalg.eigvalsh(kernel).min() > -1e-12


def test_models_that_evidence_cannot_separate_share_a_group() -> None:
    mean = np.array([2.0, 1.9, 0.0, -0.1, -2.0])
    ranking = posterior_ranking(Posterior(mean, 0.04 * np.eye(5)), list("abcde"))
    assert [row.model for row in ranking] == list("abcde")
    assert [row.tier for row in ranking] == [1, 1, 2, 2, 3]
    assert [row.tied_with_best for row in ranking] == [True, True, False, False, False]
    assert ranking.best.low == pytest.approx(2.0 - 1.96 * 0.2, abs=1e-3)
    assert "cannot separate it from another one" in ranking.summary()


def test_what_two_models_share_does_not_keep_them_apart() -> None:
    shared = np.full((2, 2), 4.0) + 0.01 * np.eye(2)  # both uncertain, their difference is not
    ranking = posterior_ranking(Posterior(np.array([0.5, -0.5]), shared), ["a", "b"])
    assert [row.tier for row in ranking] == [1, 2]


def model_folder(path: Path) -> Path:
    path.mkdir()
    (path / "mre.json").write_text("{}")  # only its digest is looked at
    return path


def test_a_fusion_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mre")
    save_fusion(StoredFusion(FITTED, torch.arange(24.0).reshape(2, 3, 4)), folder)
    found = load_fusion(folder)
    assert found.fitted.sources == FITTED.sources
    np.testing.assert_array_equal(found.fitted.by_k[10].own, FITTED.by_k[10].own)
    assert found.tasks.tolist() == torch.arange(24.0).reshape(2, 3, 4).tolist()


def test_changed_files_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "mre")
    with pytest.raises(InputError, match="no fitted fusion"):
        load_fusion(folder)
    save_fusion(StoredFusion(FITTED, torch.zeros(1, 2, 3)), folder)
    (folder / TASKS).write_bytes((folder / TASKS).read_bytes()[:-1])
    with pytest.raises(InputError, match="truncated or changed"):
        load_fusion(folder)
    save_fusion(StoredFusion(FITTED, torch.zeros(1, 2, 3)), folder)
    (folder / "mre.json").write_text("{ }")
    with pytest.raises(InputError, match="another MRE model"):
        load_fusion(folder)
    (folder / INDEX).write_text("{}")
    with pytest.raises(InputError, match="not in the format"):
        load_fusion(folder)


def test_reference_tasks_are_one_target_dataset_of_each() -> None:
    features = torch.arange(6.0)[:, None, None]
    found = references(features, torch.tensor([0, 0, 1, 1, 1, 2]), 2)
    assert found.ravel().tolist() == [0.0, 5.0]
