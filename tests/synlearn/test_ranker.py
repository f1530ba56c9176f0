"""The default ranking: who is run, who comes first, what is said beside it."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.fusion import METRIC, FittedFusion, Weights
from synlearn.fusion.accuracy import AccuracyMap
from synlearn.fusion.accuracy_storage import save_accuracy
from synlearn.fusion.storage import save_fusion
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.metric import Metric
from synlearn.mre.storage import save_mre
from synlearn.ranker import Ranker
from synlearn.ranking import ACCURACY, SCORE
from synlearn.scorers.direct import Direct
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator, class_specifications_of
from synlearn.zoo.feature_cache import compute_responses
from synlearn.zoo.filters import ModelFilter
from synlearn.zoo.specification import specifications_of
from tests.mre_models import classification_mre, mre_model
from tests.synlearn.fusion.accuracies import fitted, fitted_fusion, held_out
from tests.synlearn.zoo.mixed_zoo import mixed_zoo
from tests.synlearn.zoo.small_zoo import small_zoo

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
IMAGES = PICTURES.transpose(0, 3, 1, 2).astype(np.float32) / 255
LABELS = ("cat", "dog", "cat", "dog", "dog", "cat")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("ranker") / "zoo", 4, 3)


@pytest.fixture(scope="module")
def model(zoo: Zoo) -> ClassificationMRE:
    specifications = class_specifications_of(zoo)
    generator = Generator.PROFILED
    width = specifications.vectors(generator)[0].shape[1]
    untrained = classification_mre()
    spec = replace(untrained.metric.spec, model_features=width)
    return replace(
        untrained,
        metric=ClassificationMetric(spec, torch.Generator().manual_seed(0)).eval(),
        provenance=replace(untrained.provenance, anchors=specifications.source(generator)),
    )


def fusion(metric: float, ridge: float, together: float = 0.0) -> FittedFusion:
    """Reusability is one of the two sources, or both, but for a little noise."""
    weights = Weights(np.array([metric, ridge]), 0.1, np.array([1.0, together]))
    return FittedFusion((METRIC, Direct.RIDGE), {1: weights})


@pytest.fixture(scope="module")
def accuracy() -> AccuracyMap:
    """For tasks of two classes and the nine learned classes of the model."""
    learning = held_out(40, 0)
    return replace(fitted(learning, fitted_fusion(learning)), ways=2)


@pytest.fixture(scope="module")
def ranker(model: ClassificationMRE, accuracy: AccuracyMap) -> Ranker:
    return Ranker(model, fusion(0.7, 0.3), accuracy)


def test_evidence_that_is_all_orders_by_the_direct_score(
    model: ClassificationMRE, zoo: Zoo
) -> None:
    ranking = Ranker(model, fusion(0.0, 1.0)).rank(IMAGES, LABELS, zoo, evidence=None)
    numbers = [name == "dog" for name in LABELS]
    alone = {
        name: ridge_loo(own.features.astype(float), numbers, measure="squared_error")
        for name, own in compute_responses(zoo, list(zoo), PICTURES)
    }
    assert [row.model for row in ranking] == sorted(alone, key=lambda name: -alone[name])
    assert all(row.was_run and row.low is not None and row.tier is not None for row in ranking)


def test_without_evidence_the_metric_decides(model: ClassificationMRE, zoo: Zoo) -> None:
    ranking = Ranker(model, fusion(0.7, 0.3)).rank(IMAGES, LABELS, zoo, evidence=0)
    prior = model.rank(IMAGES, LABELS, zoo)
    assert [row.model for row in ranking] == [row.model for row in prior]
    assert not any(row.was_run for row in ranking)
    assert ranking.provenance["mode"] == "metric alone: no model was run"
    assert (ranking.provenance["zoo"], ranking.provenance["k"]) == (zoo.digest, 3)


def test_evidence_reranks_the_first_models_and_leaves_the_others(
    model: ClassificationMRE, zoo: Zoo
) -> None:
    ranker = Ranker(model, fusion(0.0, 1.0, together=0.5))
    prior = [row.model for row in ranker.rank(IMAGES, LABELS, zoo, evidence=0)]
    found = ranker.rank(IMAGES, LABELS, zoo, evidence=3)
    assert {row.model for row in found.rows[:3]} == set(prior[:3])
    assert [row.model for row in found.rows[3:]] == prior[3:]
    assert [row.was_run for row in found] == [True] * 3 + [False] * 4
    whole = [row.model for row in ranker.rank(IMAGES, LABELS, zoo, evidence=None)]
    assert [row.model for row in found.rows[:3]] == [m for m in whole if m in prior[:3]]
    assert "the first 3" in str(found.provenance["mode"])
    assert found.provenance["models_run"] == 3


def test_only_the_first_models_are_read(model: ClassificationMRE, zoo: Zoo, tmp_path: Path) -> None:
    shutil.copytree(zoo.root, tmp_path / "zoo")
    ranker = Ranker(model, fusion(0.5, 0.5))
    last = ranker.rank(IMAGES, LABELS, zoo, evidence=0).rows[-1].model
    (tmp_path / "zoo" / "models" / f"{last}.safetensors").write_bytes(b"damaged")
    copied = Zoo.open(tmp_path / "zoo")
    assert len(ranker.rank(IMAGES, LABELS, copied, evidence=6)) == 7
    with pytest.raises(InputError, match="truncated or was changed"):
        ranker.rank(IMAGES, LABELS, copied, evidence=None)


@pytest.mark.parametrize("evidence", [0, 2, None])
def test_scores_are_accuracies_where_they_were_learned(
    ranker: Ranker, zoo: Zoo, evidence: int | None
) -> None:
    ranking = ranker.rank(IMAGES, LABELS, zoo, evidence=evidence)
    assert ranking.unit == ACCURACY
    for row in ranking:
        assert row.low is not None
        assert row.high is not None
        assert 0 <= row.low <= row.score <= row.high <= 1
    chances = [row.best_probability for row in ranking if row.best_probability is not None]
    assert sum(chances) == pytest.approx(1)
    assert ranking.confidence == 0.9


def test_without_a_map_scores_say_so(model: ClassificationMRE, zoo: Zoo) -> None:
    ranking = Ranker(model, fusion(0.7, 0.3)).rank(IMAGES, LABELS, zoo)
    assert ranking.unit == SCORE
    assert "came without a map" in ranking.notes[0]
    assert ranking.best.best_probability is not None


def test_for_another_number_of_classes_no_accuracy_is_claimed(ranker: Ranker, zoo: Zoo) -> None:
    ranking = ranker.rank(IMAGES, ("a", "b", "c", "a", "b", "c"), zoo)
    assert ranking.unit == SCORE
    assert "learned for tasks of 2 classes, and this one has 3" in ranking.notes[0]


def test_without_a_fusion_no_model_is_run(model: ClassificationMRE, zoo: Zoo) -> None:
    ranking = Ranker(model).rank(IMAGES, LABELS, zoo)
    assert not any(row.was_run for row in ranking)
    assert ranking.best.best_probability is None
    assert "without a fusion" in ranking.notes[0]


def test_regression_has_scores_alone(tmp_path: Path) -> None:
    regressors = small_zoo(tmp_path / "zoo")
    specifications = specifications_of(regressors)
    untrained = mre_model()
    spec = replace(untrained.metric.spec, model_features=specifications.vectors.shape[1])
    learned = replace(
        untrained,
        metric=Metric(spec, torch.Generator().manual_seed(0)),
        provenance=replace(untrained.provenance, anchors=specifications.anchors),
    )
    ranking = Ranker(learned).rank(np.ones((2, 1, 64, 64), np.float32), None, regressors)
    assert (ranking.unit, len(ranking)) == (SCORE, 3)
    assert "for regression no accuracies are learned" in ranking.notes[0]
    with pytest.raises(InputError, match="matched no classes"):
        ranking.explain(ranking.best.model)


def test_more_examples_than_learned_from_are_named(ranker: Ranker, zoo: Zoo) -> None:
    many = np.tile(IMAGES, (3, 1, 1, 1))
    ranking = ranker.rank(many, LABELS * 3, zoo, evidence=0)
    assert (
        "There are 9 examples of a class; accuracies were learned for up to 5" in ranking.notes[0]
    )


def test_uneven_classes_are_named(ranker: Ranker, zoo: Zoo) -> None:
    ranking = ranker.rank(IMAGES[:5], LABELS[:5], zoo, evidence=0)
    assert ranking.provenance["k"] == 2
    assert any("heads on 2 of each" in note for note in ranking.notes)


def test_examples_that_repeat_others_are_named(ranker: Ranker, zoo: Zoo) -> None:
    assert not any("same picture" in note for note in ranker.rank(IMAGES, LABELS, zoo).notes)
    for repeated, said in (([1, 3], "8 examples, 2 show"), ([1], "7 examples, one shows")):
        images = np.concatenate([IMAGES, IMAGES[repeated]])
        labels = (*LABELS, *["dog"] * len(repeated))
        notes = ranker.rank(images, labels, zoo).notes
        assert any(note.startswith(f"Of the {said} the same picture") for note in notes)


def test_the_best_may_be_among_those_that_were_not_run(ranker: Ranker, zoo: Zoo) -> None:
    notes = ranker.rank(IMAGES, LABELS, zoo, evidence=1).notes
    assert any("among the 6 that were not run" in note for note in notes)
    assert not any("not run" in note for note in ranker.rank(IMAGES, LABELS, zoo).notes)


def test_a_filter_changes_nobodys_score(ranker: Ranker, zoo: Zoo) -> None:
    sizes = sorted(zoo.card(model).parameters for model in zoo)
    where = ModelFilter(most_parameters=sizes[3])
    whole = {row.model: row for row in ranker.rank(IMAGES, LABELS, zoo, evidence=0)}
    found = ranker.rank(IMAGES, LABELS, zoo, evidence=0, where=where)
    assert 1 < len(found) < 7
    for row in found:
        assert row.score == whole[row.model].score
        assert row.low == whole[row.model].low
        assert row.best_probability is not None
        assert row.best_probability >= (whole[row.model].best_probability or 0)
        assert found.facts[row.model].parameters <= sizes[3]
    assert f"{7 - len(found)} of the zoo's 7 models were left out" in found.notes[0]


def test_the_first_of_those_that_are_left_are_run(ranker: Ranker, zoo: Zoo) -> None:
    sizes = sorted(zoo.card(model).parameters for model in zoo)
    where = ModelFilter(most_parameters=sizes[3])
    left = [r.model for r in ranker.rank(IMAGES, LABELS, zoo, evidence=0, where=where)]
    found = ranker.rank(IMAGES, LABELS, zoo, evidence=2, where=where)
    assert {row.model for row in found if row.was_run} == set(left[:2])


def test_explanations_name_the_classes_of_both_sides(ranker: Ranker, zoo: Zoo) -> None:
    ranking = ranker.rank(IMAGES, LABELS, zoo)
    model = ranking.rows[2].model
    found = ranking.explain(model)
    assert found.task_classes == ("cat", "dog")
    assert found.model_classes == zoo.card(zoo.ids[zoo.ids.index(model)]).outputs
    assert found.weights.shape == (2, 1 + len(found.model_classes))
    np.testing.assert_allclose(found.weights.sum(axis=1), 1, rtol=1e-6)
    with pytest.raises(InputError, match="has no model 'nobody'"):
        ranking.explain("nobody")


@pytest.mark.parametrize("evidence", [-1, -20])
def test_a_number_below_zero_is_refused(ranker: Ranker, zoo: Zoo, evidence: int) -> None:
    with pytest.raises(InputError, match="evidence is -"):
        ranker.rank(IMAGES, LABELS, zoo, evidence=evidence)


def test_a_task_without_labels_is_refused(ranker: Ranker, zoo: Zoo) -> None:
    with pytest.raises(InputError, match="give a label"):
        ranker.rank(IMAGES, None, zoo)


class TestLoad:
    @pytest.fixture
    def folder(self, ranker: Ranker, tmp_path: Path) -> Path:
        save_mre(ranker.model, tmp_path / "mre")
        assert ranker.fusion is not None
        assert ranker.accuracy is not None
        save_fusion(ranker.fusion, tmp_path / "mre")
        save_accuracy(ranker.accuracy, tmp_path / "mre")
        return tmp_path / "mre"

    def test_it_ranks_as_before(self, folder: Path, ranker: Ranker, zoo: Zoo) -> None:
        one, other = (own.rank(IMAGES, LABELS, zoo) for own in (ranker, Ranker.load(folder)))
        assert tuple(one) == tuple(other)

    def test_what_is_not_there_is_left_out(self, folder: Path) -> None:
        (folder / "accuracy.json").unlink()
        assert Ranker.load(folder).accuracy is None
        (folder / "fusion.json").unlink()
        assert Ranker.load(folder).fusion is None

    def test_a_map_for_other_learned_classes_is_refused(
        self, folder: Path, accuracy: AccuracyMap
    ) -> None:
        save_accuracy(replace(accuracy, difficulty=np.zeros(3)), folder)
        with pytest.raises(InputError, match="other learned classes"):
            Ranker.load(folder)
