"""N-LEEP: its score of stored posteriors exactly, its random mixture within the stored spread."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synlearn.errors import ScoreInputError
from synlearn.scorers.inputs import Float64, Labels, check_probabilities
from synlearn.scorers.leep import leep
from synlearn.scorers.nleep import nleep, principal_components, score_of_clusters
from tests.synlearn.scorers.golden import GOLDEN, array, details

MANIFEST = json.loads((GOLDEN / "manifest.json").read_text())["nleep"]["cases"]
STORED = sorted(key for key in details("nleep") if key.endswith(".resp"))
SEEDS = [(case, name) for case in sorted(MANIFEST) for name in MANIFEST[case] if "seeds_" in name]


def clusters(seed: int, n: int = 24, d: int = 6) -> tuple[Float64, Labels]:
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return 3 * rng.normal(size=(3, d))[y] + rng.normal(size=(n, d)), y


@pytest.mark.parametrize("key", STORED)
@pytest.mark.parametrize("kind", ["log", "nolog"])
def test_golden_posteriors(key: str, kind: str) -> None:
    case = key.partition(".")[0]
    posterior = details("nleep")[key].astype(np.float64)
    clusters_of_case = check_probabilities(posterior, array(case, "y").astype(np.int64))
    want = float(details("nleep")[key.removesuffix("resp") + f"exact_{kind}_from_resp"])
    found = score_of_clusters(clusters_of_case, log=kind == "log")
    assert found == pytest.approx(want, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize(("case", "name"), SEEDS)
def test_golden_end_to_end(case: str, name: str) -> None:
    entry = MANIFEST[case][name]
    x, y = array(case, "X"), array(case, "y").astype(np.int64)
    ratio = 5 if "ratio5" in name else 1
    found = nleep(x, y, components=ratio * len(np.unique(y)), log="nolog" not in name)
    slack = 3 * entry["std"] + 1e-11
    assert entry["min"] - slack <= found <= entry["max"] + slack


@pytest.mark.parametrize("case", sorted(MANIFEST))
def test_golden_number_of_principal_components(case: str) -> None:
    want = int(details("nleep")[f"{case}.sfda_ratio1_nolog.pca_dim"])
    assert principal_components(array(case, "X"), 0.8).shape[1] == want


def test_principal_components_keep_the_distances() -> None:
    for shape in ((30, 5), (6, 40)):
        x = np.random.default_rng(0).normal(size=shape)
        reduced = principal_components(x, 1.0)
        assert reduced.shape[1] == min(shape[0] - 1, shape[1])
        ratio = (
            np.linalg.norm(x - x[0], axis=1)[1:] / np.linalg.norm(reduced - reduced[0], axis=1)[1:]
        )
        np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_is_leep_of_the_clusters_where_these_are_plain() -> None:
    """Three far groups of rows: the mixture must find them, whatever its seed."""
    group = np.repeat([0, 1, 2], 8)
    y = np.array([0, 0, 0, 0, 0, 0, 1, 1] + [1] * 8 + [2, 2, 2, 0, 2, 2, 2, 2])
    x = np.eye(3)[group] * 100 + np.random.default_rng(1).normal(size=(24, 3))
    for seed in range(4):
        found = nleep(x, y, components=3, seed=seed)
        assert found == pytest.approx(leep(np.eye(3)[group], y), rel=1e-9)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_order_and_names_do_not_matter(seed: int) -> None:
    x, y = clusters(seed)
    rng = np.random.default_rng(seed)
    rows, names = rng.permutation(len(y)), rng.choice(99, size=3, replace=False)
    moved = nleep(x[rows], names[y[rows]], components=6)
    assert moved == pytest.approx(nleep(x, y, components=6), rel=1e-12, abs=1e-15)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(-900, 900))
def test_scale_does_not_matter(seed: int, exponent: int) -> None:
    x, y = clusters(seed)  # by a power of two, so that no rounding can change the mixture
    assert nleep(np.ldexp(x, exponent), y, components=6) == nleep(x, y, components=6)


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.integers(1, 8))
def test_lies_between_the_label_entropy_and_zero(seed: int, components: int) -> None:
    x, y = clusters(seed)
    assert -np.log(3) - 1e-12 <= nleep(x, y, components=components, seed=seed) <= 0
    assert 0 < nleep(x, y, components=components, log=False) <= 1


def test_one_gaussian_tells_nothing() -> None:
    x, y = clusters(0)
    assert nleep(x, y, components=1) == pytest.approx(-np.log(3))


def test_a_gaussian_for_each_row_tells_everything() -> None:
    x, y = clusters(0, n=12, d=50)
    assert nleep(x, y, components=12) == pytest.approx(0.0, abs=1e-12)


def test_repeated_rows_are_no_obstacle() -> None:
    x = np.repeat([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]], 5, axis=0)
    assert -1.1 <= nleep(x, np.arange(15) % 3, components=10) <= 0


@pytest.mark.parametrize(
    ("x", "y", "options", "says"),
    [
        (np.ones((3, 2)), [0, 1, 1], {"components": 2}, "no feature varies"),
        (np.eye(6), [0, 0, 0, 1, 1, 1], {}, "cannot fit 10 Gaussians to 6 rows"),
        (np.eye(6), [0, 0, 0, 1, 1, 1], {"components": 0}, "cannot fit 0"),
        (np.eye(6), [0, 0, 0, 1, 1, 1], {"components": 2, "energy": 1.5}, "energy"),
        (np.full((2, 2), np.nan), [0, 1], {"components": 2}, "NaN"),
    ],
)
def test_bad_input_is_named(x: Float64, y: list[int], options: dict[str, float], says: str) -> None:
    components = int(options["components"]) if "components" in options else None
    with pytest.raises(ScoreInputError, match=says):
        nleep(x, y, components=components, energy=options.get("energy", 0.8))
