import numpy as np
import pytest

from synlearn.fusion.similarity import (
    MOST_ROWS,
    from_triangle,
    gram_directions,
    similarities,
    triangle_of,
)
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.standard import standardised
from synlearn.scorers.direct import ModelOutputs

RANDOM = np.random.default_rng(0)
N, M = 10, 6
FEATURES = [RANDOM.normal(size=(N, width)) for width in (3, 8, 8, 5, 3, 12)]


def alike(features: list[np.ndarray]) -> np.ndarray:
    said = [np.full((len(features[0]), 2), 0.5)] * len(features)
    return similarities(gram_directions(ModelOutputs.of(features, said)))


def alignment(one: np.ndarray, other: np.ndarray) -> float:
    """Linear CKA by its other formula, through the features' covariances."""
    x, y = one - one.mean(axis=0), other - other.mean(axis=0)
    cross, own, others = (np.linalg.norm(a.T @ b) ** 2 for a, b in ((x, y), (x, x), (y, y)))
    return float(cross / np.sqrt(own * others))


def test_it_is_the_centred_kernel_alignment_of_models_of_any_width() -> None:
    expected = [[alignment(one, other) for other in FEATURES] for one in FEATURES]
    np.testing.assert_allclose(alike(FEATURES), expected, atol=1e-6)


def test_order_scale_shift_and_rotation_of_features_do_not_matter() -> None:
    x = FEATURES[1]
    rotation, _ = np.linalg.qr(RANDOM.normal(size=(8, 8)))
    same = [x, 1e4 * x, x + 9, x[:, ::-1], x @ rotation, np.hstack([x, np.zeros((N, 5))])]
    np.testing.assert_allclose(alike(same), 1, atol=1e-6)
    reordered = [features[::-1] for features in FEATURES]
    np.testing.assert_allclose(alike(reordered), alike(FEATURES), atol=1e-6)


@pytest.mark.parametrize("flat", [0.0, 3.0, 1e6])
def test_features_that_are_all_the_same_are_like_no_others(flat: float) -> None:
    found = alike([FEATURES[0], np.full((N, 4), flat), FEATURES[2]])
    assert found[1].tolist() == found[:, 1].tolist() == [0, 1, 0]


def test_large_and_tiny_features_neither_overflow_nor_vanish() -> None:
    found = alike([1e200 * FEATURES[1], 1e-200 * FEATURES[1], FEATURES[1]])
    np.testing.assert_allclose(found, 1, atol=1e-6)


def test_of_many_rows_some_are_compared() -> None:
    many = [RANDOM.normal(size=(1000, 4)) for _ in range(2)]
    some = np.linspace(0, 999, MOST_ROWS).round().astype(int)
    np.testing.assert_array_equal(alike(many), alike([own[some] for own in many]))


def test_triangles_are_unpacked_as_they_were_packed() -> None:
    similarity = np.stack([alike(FEATURES), np.eye(M)])
    packed = triangle_of(similarity)
    assert packed.shape == (2, 15)
    np.testing.assert_array_equal(packed[0, :5], similarity[0, 0, 1:])
    np.testing.assert_array_equal(from_triangle(packed, M), similarity)
    assert from_triangle(np.empty((3, 0), np.float32), 1).tolist() == [[[1.0]]] * 3


SCORES = np.array([0.3, -1.0, 0.2, 2.0, -0.4, 0.9])


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_of_candidates_equally_alike_the_scores_are_kept(level: float) -> None:
    equally = np.full((M, M), level) + (1 - level) * np.eye(M)
    found = smoothed(SCORES, equally)
    np.testing.assert_allclose(standardised(found), standardised(SCORES))


def test_equal_candidates_get_equal_scores_between_their_own() -> None:
    similarity = np.eye(M)
    similarity[0, 3] = similarity[3, 0] = 1
    found = smoothed(SCORES, similarity)
    assert found[0] == pytest.approx(found[3])
    kept = smoothed(SCORES, np.eye(M))
    assert kept[0] < found[0] < kept[3]


def test_the_more_alike_two_candidates_are_the_nearer_are_their_scores() -> None:
    gaps = []
    for level in (0.0, 0.3, 0.6, 0.9):
        similarity = np.eye(M)
        similarity[0, 3] = similarity[3, 0] = level
        found = smoothed(SCORES, similarity)
        gaps.append(found[3] - found[0])
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[-1] > 0


def test_where_all_see_alike_nothing_is_said() -> None:
    assert smoothed(SCORES, np.ones((M, M))).tolist() == [0] * M


def test_many_tasks_at_once_units_and_order_of_candidates() -> None:
    similarity = np.stack([alike(FEATURES), np.eye(M)])
    scores = np.stack([SCORES, SCORES[::-1]])
    found = smoothed(scores, similarity)
    for own, of, by in zip(found, scores, similarity, strict=True):
        np.testing.assert_allclose(own, smoothed(of, by))
        np.testing.assert_allclose(own, smoothed(7 * of - 2, by))
        np.testing.assert_allclose(own[::-1], smoothed(of[::-1], by[::-1, ::-1]))
