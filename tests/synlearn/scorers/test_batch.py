"""Scores of many models at once are the scores of each, and one failure stops nothing."""

from collections.abc import Callable
from importlib import import_module

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from synlearn.errors import ScoreInputError
from synlearn.scorers.batch import ScoreTable, Undefined, score_models
from synlearn.scorers.registry import SCORES, Needs, find_scores

Floats = NDArray[np.float64]

N, CLASSES, WIDTHS = 24, 4, (60, 7, 40)
LABELS = np.arange(N) % CLASSES


def outputs(seed: int = 0) -> tuple[list[Floats], list[Floats], list[Floats], Floats]:
    rng = np.random.default_rng(seed)
    features = [rng.normal(size=(N, d)) + rng.normal(size=(CLASSES, d))[LABELS] for d in WIDTHS]
    probabilities = [rng.dirichlet(np.ones(9), N) for _ in WIDTHS]
    general = [rng.normal(size=(30, d)) for d in WIDTHS]
    return features, probabilities, general, rng.normal(size=(N, 12))


def all_scores(features: list[Floats]) -> ScoreTable:
    _, probabilities, general, reference = outputs()
    return score_models(
        features,
        LABELS,
        list(SCORES),
        source_probs=probabilities,
        general_features=general,
        reference=reference,
    )


def function(name: str) -> Callable[..., float]:
    found: Callable[..., float] = getattr(import_module(f"synlearn.scorers.{name}"), name)
    return found


def test_each_cell_is_what_the_score_alone_gives() -> None:
    features, probabilities, general, reference = outputs()
    table = all_scores(features)
    assert table.scores == tuple(SCORES)
    for model in range(len(WIDTHS)):
        for name, score in SCORES.items():
            arguments = {
                Needs.FEATURES: (features[model], LABELS),
                Needs.SOURCE_PROBS: (probabilities[model], LABELS),
                Needs.GENERAL_FEATURES: (features[model], LABELS, general[model]),
                Needs.REFERENCE: (features[model], reference),
            }[score.needs]
            expected: object
            try:
                expected = pytest.approx(function(name)(*arguments), rel=1e-9, abs=1e-11)
            except ScoreInputError as error:
                expected = Undefined(str(error))
            assert table.cell(model, name) == expected


def test_fda_is_undefined_for_wide_features_only() -> None:
    found = list(all_scores(outputs()[0]).undefined())
    assert [(model, score) for model, score, _ in found] == [(0, "fda"), (2, "fda")]
    with pytest.raises(ScoreInputError, match="fda is undefined for model 0: fda needs"):
        all_scores(outputs()[0]).column("fda")
    assert all_scores(outputs()[0]).column("logme").shape == (3,)


def test_scores_that_share_coordinates_see_only_inner_products() -> None:
    """Whatever claims `inner_products_only` must not change under a rotation into other widths."""
    rng = np.random.default_rng(1)
    x = outputs()[0][0]
    wider = x @ np.linalg.qr(rng.normal(size=(200, x.shape[1])))[0].T
    names = [score.name for score in SCORES.values() if score.inner_products_only]
    one, other = (score_models([each], LABELS, names).rows[0] for each in (x, wider))
    assert one == pytest.approx(other, rel=1e-9)


def test_order_of_models_does_not_matter() -> None:
    features = outputs()[0]
    names = ["logme", "knn", "gbc"]
    table = score_models(features, LABELS, names)
    assert score_models(features[::-1], LABELS, names).rows == table.rows[::-1]


def test_tensors_score_as_arrays_do() -> None:
    features, probabilities, general, reference = outputs()
    table = score_models(
        [torch.from_numpy(each) for each in features],
        LABELS,
        list(SCORES),
        source_probs=[torch.from_numpy(each) for each in probabilities],
        general_features=[torch.from_numpy(each) for each in general],
        reference=torch.from_numpy(reference),
    )
    for row, same in zip(table.rows, all_scores(features).rows, strict=True):
        for cell, other in zip(row, same, strict=True):
            assert cell == (other if isinstance(other, Undefined) else pytest.approx(other))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float32])
def test_low_precision_tensors(kind: torch.dtype) -> None:
    tensor = torch.from_numpy(outputs()[0][0]).to(kind).requires_grad_()
    exact = tensor.detach().double().numpy()
    for names in (["logme", "knn"], ["parc"]):  # with coordinates and without
        row = score_models([tensor], LABELS, names).rows[0]
        assert row == pytest.approx(score_models([exact], LABELS, names).rows[0])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_on_a_gpu() -> None:
    features = outputs()[0]
    names = ["logme", "knn", "parc"]
    table = score_models([torch.from_numpy(x).cuda() for x in features], LABELS, names)
    for row, same in zip(table.rows, score_models(features, LABELS, names).rows, strict=True):
        assert row == pytest.approx(same)


@pytest.mark.parametrize("wrap", [np.asarray, torch.from_numpy])
def test_a_bad_model_stops_nothing(wrap: Callable[[Floats], Floats]) -> None:
    features, probabilities, _, _ = outputs()
    features[0][3, 3] = np.nan
    names = ["ridge_loo", "knn", "parc", "leep"]
    table = score_models([wrap(x) for x in features], LABELS, names, source_probs=probabilities)
    assert {(model, score) for model, score, _ in table.undefined()} == {
        (0, "ridge_loo"),
        (0, "knn"),
        (0, "parc"),
    }
    assert all("NaN" in reason for _, _, reason in table.undefined())


def test_models_without_some_outputs() -> None:
    features, probabilities, _, _ = outputs()
    table = score_models(
        [features[0], None, features[2]],
        LABELS,
        ["knn", "leep"],
        source_probs=[None, probabilities[1], probabilities[2]],
    )
    assert list(table.undefined()) == [
        (0, "leep", "the model has no source_probs."),
        (1, "knn", "the model has no features."),
    ]
    only = score_models(None, LABELS, ["nce"], source_probs=probabilities)
    assert only.column("nce").shape == (3,)


def test_bad_calls_are_said() -> None:
    features, probabilities, _, reference = outputs()
    with pytest.raises(ScoreInputError, match="did you mean 'logme'"):
        score_models(features, LABELS, ["logmee"])
    with pytest.raises(ScoreInputError, match="leep needs source_probs"):
        score_models(features, LABELS, ["leep"])
    with pytest.raises(ScoreInputError, match="rsa needs features"):
        score_models(None, LABELS, ["rsa"], reference=reference)
    with pytest.raises(ScoreInputError, match="for 2 and 3 models"):
        score_models(features, LABELS, ["leep"], source_probs=probabilities[:2])
    with pytest.raises(ScoreInputError, match="whole numbers"):
        score_models(features, LABELS + 0.5, ["knn"])
    with pytest.raises(ScoreInputError, match="twice"):
        find_scores(["knn", "knn"])
    with pytest.raises(ScoreInputError, match="no score was named"):
        find_scores([])
    short = score_models(features, LABELS[:-1], ["knn", "ridge_loo"])
    assert len(list(short.undefined())) == 6  # each model has one row too many


def test_a_reference_that_does_not_fit_is_said_for_each_model() -> None:
    features, _, _, reference = outputs()
    table = score_models(features, LABELS, ["rsa", "dds"], reference=reference[:-1])
    assert len(list(table.undefined())) == 6
    constant = score_models(features, LABELS, ["rsa"], reference=np.ones((N, 3)))
    assert all("reference" in reason for _, _, reason in constant.undefined())
