"""PED against golden vectors, the forces in plain loops, and by properties."""

import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.logme import logme
from synlearn.scorers.ped import Then, descend, ped
from synlearn.scorers.sfda import sfda
from tests.synlearn.scorers.golden import Expected, array, details, expected

Floats = NDArray[np.float64]

DEFAULT, STRONG = (0.6, 0.1), (2.0, 1.0)  # nsigma and time step
VARIANTS: dict[str, tuple[Then, float, float]] = {
    "exact_default_sfda": ("sfda", *DEFAULT),
    "exact_default_logme": ("logme_fixed_point", *DEFAULT),
    "exact_strong_sfda": ("sfda", *STRONG),
    "exact_strong_logme": ("logme_fixed_point", *STRONG),
}
CASES = [case for variant in VARIANTS for case in expected("ped", variant)]


@pytest.mark.parametrize("case", CASES)
def test_golden(case: Expected) -> None:
    then, nsigma, time_step = VARIANTS[case.variant]
    x, y, general = (array(case.case, name) for name in "XyG")
    if case.status == "raises":
        with pytest.raises(ScoreInputError, match="class"):
            ped(x, y, general, then=then, nsigma=nsigma, time_step=time_step)
    else:
        case.check(ped(x, y, general, then=then, nsigma=nsigma, time_step=time_step))


@pytest.mark.parametrize("case", [c for c in CASES if c.variant.endswith("logme")])
def test_golden_movement(case: Expected) -> None:
    _, nsigma, time_step = VARIANTS[case.variant]
    stored, key = details("ped"), f"{case.case}.{case.variant}"
    x, y, general = (array(case.case, name) for name in "XyG")
    moved = descend(x, y, general, nsigma=nsigma, time_step=time_step)
    assert moved.steps == stored[f"{key}.steps"]
    changes = stored[f"{key}.change"].astype(np.float64)
    if not np.isnan(changes).any():
        assert moved.changes == pytest.approx(changes, rel=1e-9, abs=1e-11)
    if f"{key}.Xfinal" in stored:
        final = stored[f"{key}.Xfinal"].astype(np.float64)
        assert np.allclose(moved.features, final, rtol=1e-9, atol=1e-10)


def task(seed: int = 0) -> tuple[Floats, NDArray[np.int64], Floats]:
    rng = np.random.default_rng(seed)
    y = np.arange(30) % 3
    x = rng.normal(size=(30, 5)) + 0.5 * rng.normal(size=(3, 5))[y]
    return x, y, 2 * rng.normal(size=(40, 5)) + 1


def test_one_step_is_the_sum_of_forces() -> None:
    x, y, general = task()
    z = (x - general.mean(axis=0)) / general.std(axis=0)
    means = [z[y == c].mean(axis=0) for c in range(3)]
    radii = [np.sqrt(z[y == c].var(axis=0).sum()) for c in range(3)]
    moved = x.copy()
    for a in range(3):
        for b in range(3):
            away = means[a] - means[b]
            far = np.linalg.norm(away)
            if a != b and far < 0.9 * (radii[a] + radii[b]):
                push = 0.125 * (0.9 * (radii[a] + radii[b]) - far) * away / far
                moved[y == a] += push * general.std(axis=0)
    assert not np.allclose(moved, x)
    got = descend(x, y, general, nsigma=0.9, time_step=0.5, most_steps=1)
    assert np.allclose(got.features, moved, rtol=0, atol=1e-12)


def test_no_step_is_the_score_itself() -> None:
    x, y, general = task()
    assert ped(x, y, general, most_steps=0) == sfda(x, y)
    assert ped(x, y, general, then="logme", most_steps=0) == logme(x, y)


def test_order_of_rows_and_names_of_classes_do_not_matter() -> None:
    x, y, general = task()
    rows = np.random.default_rng(1).permutation(30)
    then: Then
    for then in ("sfda", "logme"):
        score = ped(x, y, general, then=then)
        assert ped(x[rows], y[rows], general[::-1], then=then) == pytest.approx(score)
        assert ped(x, 20 - 7 * y, general, then=then) == pytest.approx(score)


def test_classes_that_coincide_have_no_way_apart() -> None:
    x, y, general = task()
    x[y == 1] = x[y == 0]
    with pytest.raises(ScoreInputError, match="classes 0 and 1"):
        ped(x, y, general)


def test_the_callers_features_stay() -> None:
    x, y, general = task()
    before = x.copy()
    ped(x, y, general)
    assert np.array_equal(x, before)


def test_bad_input_is_said() -> None:
    x, y, general = task()
    with pytest.raises(ScoreInputError, match="4 columns and features 5"):
        ped(x, y, general[:, :4])
    with pytest.raises(ScoreInputError, match="nsigma is -1"):
        ped(x, y, general, nsigma=-1)
    with pytest.raises(ScoreInputError, match="then is 'leep'"):
        ped(x, y, general, then="leep")  # type: ignore[arg-type]
    with pytest.raises(ScoreInputError, match="general_features hold a NaN"):
        ped(x, y, general * np.nan)
