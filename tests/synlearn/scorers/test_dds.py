"""DDS against golden vectors, the definition in plain loops, and by properties."""

from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.dds import Kernel, dds
from tests.synlearn.scorers.golden import Expected, array, expected

Floats = NDArray[np.float64]
KERNELS: tuple[Kernel, ...] = get_args(Kernel)


@pytest.mark.parametrize("kernel", KERNELS)
def test_golden(kernel: Kernel) -> None:
    cases = expected("dds", f"dwivedi_znorm_{kernel}")
    assert len(cases) == 6
    for case in cases:
        x, reference = array(case.case, "X"), array(case.case, "R")
        if case.status == "ok":
            case.check(dds(x, reference, kernel=kernel))
        else:
            with pytest.raises(ScoreInputError, match="constant"):
                dds(x, reference, kernel=kernel)


@pytest.mark.parametrize("case", expected("dds", "parc"))
def test_the_default_is_what_others_give_in_percent(case: Expected) -> None:
    case.check(100 * dds(array(case.case, "X"), array(case.case, "R")))


def naive(x: Floats, reference: Floats) -> float:
    """Cosine distances, each sum written out."""
    sides = []
    for side in (x, reference):
        z = (side - side.mean(axis=0)) / side.std(axis=0)
        n = len(z)
        a = np.array([[1 - u @ v / np.sqrt((u @ u) * (v @ v)) for u in z] for v in z])
        rows = [sum(a[i, j] for j in range(n) if j != i) / (n - 2) for i in range(n)]
        total = sum(rows) / (2 * (n - 1))
        centred = a.copy()
        for i in range(n):
            for j in range(n):
                centred[i, j] = 0 if i == j else a[i, j] - rows[i] - rows[j] + 2 * total
        sides.append(centred.ravel())
    return float(sides[0] @ sides[1] / np.sqrt((sides[0] @ sides[0]) * (sides[1] @ sides[1])))


@pytest.mark.parametrize(("n", "d"), [(20, 5), (9, 60), (4, 7)])
def test_it_is_the_definition(n: int, d: int) -> None:
    rng = np.random.default_rng(n)
    x = rng.normal(size=(n, d))
    reference = x + rng.normal(size=(n, d))
    assert dds(x, reference) == pytest.approx(naive(x, reference), abs=1e-11)


def test_unrelated_models_score_zero_on_average() -> None:
    rng = np.random.default_rng(0)
    scores = [dds(rng.normal(size=(8, 30)), rng.normal(size=(8, 20))) for _ in range(400)]
    assert abs(np.mean(scores)) < 4 * np.std(scores) / 20


@pytest.mark.parametrize("kernel", KERNELS)
def test_what_does_not_matter(kernel: Kernel) -> None:
    rng = np.random.default_rng(1)
    x, reference = rng.normal(size=(12, 7)), rng.normal(size=(12, 9))
    score = dds(x, reference, kernel=kernel)
    rows = rng.permutation(12)
    assert dds(reference, x, kernel=kernel) == pytest.approx(score)
    assert dds(x[rows], reference[rows], kernel=kernel) == pytest.approx(score)
    assert dds(x[:, ::-1] * 1e200 + 1e200, reference, kernel=kernel) == pytest.approx(score)
    assert dds(x, 3 - x, kernel=kernel) == pytest.approx(1.0)


def test_a_constant_feature_changes_nothing() -> None:
    rng = np.random.default_rng(1)
    x, reference = rng.normal(size=(12, 7)), rng.normal(size=(12, 9))
    with_constant = np.hstack([x, np.full((12, 1), 0.1)])
    assert dds(with_constant, reference) == pytest.approx(dds(x, reference))


def test_bad_input_is_said() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 4))
    same = np.array([[0.0], [0], [0], [0], [0], [1]])
    for features, reference, kernel, message in [
        (x, x[:5], "cosine", "6 rows and reference 5"),
        (x[:3], x[:3], "cosine", "needs 4"),
        (np.ones((6, 4)), x, "cosine", "features: row 0 is the mean"),
        (np.ones((6, 4)), x, "euclidean", "features: rows are all equally far"),
        (x, np.eye(6), "linear", "reference: rows are all equally far"),
        (same, x, "rbf", "has no width"),
        (x, x, "poly", "kernel is 'poly'"),
    ]:
        with pytest.raises(ScoreInputError, match=message):
            dds(features, reference, kernel=kernel)  # type: ignore[arg-type]
