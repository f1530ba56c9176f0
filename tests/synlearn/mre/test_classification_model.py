import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from synlearn.errors import InputError
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import (
    CLASSES_AT_ONCE,
    ClassificationMRE,
    class_means,
    learned_classes,
)
from synlearn.mre.classification_training import GatheredClasses
from synlearn.mre.compared import standard, unrest
from synlearn.mre.example_spread import moved_means
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.storage import load_mre, mre_digest, save_mre
from synlearn.mre.task_means import TaskMeans
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator, class_specifications_of
from synlearn.zoo.filters import ModelFilter
from tests.mre_models import classification_mre, mre_model
from tests.synlearn.zoo.mixed_zoo import mixed_zoo


def test_class_means_are_by_label_whatever_the_order() -> None:
    features = torch.tensor([[1.0, 0], [0, 1], [3, 0], [0, 5]])
    for labels in ([7, 2, 7, 2], ["dog", "cat", "dog", "cat"]):
        means, names, numbers = class_means(features, labels)
        assert means.tolist() == [[0, 3], [2, 0]]
        assert names == tuple(sorted({str(label) for label in labels}))
        assert numbers.tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "give a label for each example"),
        ([1, 2], "labels of shape .2,. for 3 examples"),
        ([[1], [2], [3]], "labels of shape"),
        ([4, 4, 4], "all examples are of one class"),
    ],
)
def test_unusable_labels_are_named(labels: list[int] | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        class_means(torch.zeros(3, 2), labels)


def test_a_model_survives_the_folder(tmp_path: Path) -> None:
    model = classification_mre()
    assert save_mre(model, tmp_path / "a") == mre_digest(tmp_path / "a")
    back = ClassificationMRE.load(tmp_path / "a")
    assert back.provenance == model.provenance
    assert back.metric.spec == model.metric.spec
    assert back.generator == model.generator
    tasks = ClassSets.full(torch.randn(2, 3, 6))
    models = ClassSets.of([np.ones((n, 7)) * n for n in (1, 4, 2)])
    one, other = (m.member_scores(tasks, m.metric.project_models(models)) for m in (model, back))
    assert one.tobytes() == other.tobytes()
    assert save_mre(load_mre(tmp_path / "a"), tmp_path / "b") == mre_digest(tmp_path / "a")


def test_a_model_of_the_other_kind_is_named(tmp_path: Path) -> None:
    save_mre(mre_model(), tmp_path / "isolated")
    save_mre(classification_mre(), tmp_path / "classes")
    with pytest.raises(InputError, match="IsolatedMRE, not ClassificationMRE"):
        ClassificationMRE.load(tmp_path / "isolated")
    with pytest.raises(InputError, match="ClassificationMRE, not IsolatedMRE"):
        IsolatedMRE.load(tmp_path / "classes")


def test_scores_are_standardised_over_the_models() -> None:
    model = classification_mre()
    models = model.metric.project_models(ClassSets.of([np.eye(7)[:n] for n in (1, 4, 2, 7)]))
    scores = model.member_scores(ClassSets.full(torch.randn(2, 3, 6)), models)
    assert scores.shape == (2, 2, 4)
    np.testing.assert_allclose(scores.mean(axis=2), 0, atol=1e-12)
    np.testing.assert_allclose(scores.std(axis=2), 1, rtol=1e-12)


def test_learned_classes_are_means_over_all_their_target_datasets() -> None:
    """Unit instances about two of three classes; their variance is 1 - |mean|^2."""
    gathered = GatheredClasses(
        v_star=torch.zeros(1, 2, 1),
        responses=torch.zeros(3, 1, 1),
        task_classes=torch.tensor([[0, 2], [2, -1]]),
        features=torch.tensor([[[1.0, 0], [0, 0.2]], [[0.5, 0], [0, 0.4]], [[0, 0.6], [9, 9]]]),
        feature_task=torch.tensor([0, 0, 1]),
        feature_level=torch.zeros(3, dtype=torch.int64),
    )
    learned = learned_classes(gathered)
    torch.testing.assert_close(learned.means, torch.tensor([[0.75, 0], [0, 0.4]]))
    assert learned.instance_variance == pytest.approx((1 - 0.75**2 + 1 - 0.4**2) / 2)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    return mixed_zoo(tmp_path_factory.mktemp("ranked") / "zoo", 3, 2)


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


class TestRank:
    images = np.random.default_rng(0).random((6, 3, 32, 32), np.float32)
    labels = ("cat", "dog", "cat", "dog", "dog", "cat")

    def test_every_model_of_the_zoo_has_a_rank(self, model: ClassificationMRE, zoo: Zoo) -> None:
        ranking = model.rank(self.images, self.labels, zoo)
        assert sorted(row.model for row in ranking) == list(zoo)
        assert ranking.provenance["k"] == 3
        assert ranking.provenance["zoo"] == zoo.digest

    def test_neither_the_order_of_the_examples_nor_the_names_of_classes_matter(
        self, model: ClassificationMRE, zoo: Zoo
    ) -> None:
        one = model.rank(self.images, self.labels, zoo)
        numbers = [{"cat": 9, "dog": 1}[name] for name in reversed(self.labels)]
        other = model.rank(self.images[::-1], numbers, zoo)
        for row, again in zip(one, other, strict=True):
            assert row.model == again.model
            assert row.score == pytest.approx(again.score, abs=1e-4)

    def test_a_zoo_is_projected_once(self, model: ClassificationMRE, zoo: Zoo) -> None:
        assert model.project(zoo) is model.project(zoo)

    def test_both_ways_to_score_a_zoo_agree(self, model: ClassificationMRE, zoo: Zoo) -> None:
        projected, means = model.project(zoo), torch.randn(2, 3, 6)
        assert projected.packed is not None
        found = standard(model.distances(means, projected.models, projected.packed))
        expected = model.member_scores(ClassSets.full(means), projected.models)
        np.testing.assert_allclose(found, expected, atol=1e-4)
        general = standard(model.distances(means, projected.models, None))
        assert general.tobytes() == expected.tobytes()

    def test_large_logits_are_ranked_all_the_same(self, model: ClassificationMRE, zoo: Zoo) -> None:
        changed = replace(model, metric=copy.deepcopy(model.metric), _projected={})
        with torch.no_grad():
            changed.metric.model_transform.projections.query.weight.mul_(1e4)
        projected, means = changed.project(zoo), torch.randn(1, 3, 6)
        assert projected.packed is not None
        with torch.inference_mode():
            assert projected.packed.distance(means) is None
        expected = changed.member_scores(ClassSets.full(means), projected.models)
        found = standard(changed.distances(means, projected.models, projected.packed))
        assert found.tobytes() == expected.tobytes()

    def test_what_is_compared_is_what_is_ranked(self, model: ClassificationMRE, zoo: Zoo) -> None:
        compared = model.compare(self.images, self.labels, zoo)
        assert (compared.classes, compared.examples) == (("cat", "dog"), 3)
        scores = dict(zip(compared.ids, compared.scores.tolist(), strict=True))
        assert {row.model: row.score for row in model.rank(self.images, self.labels, zoo)} == scores

    def test_several_tasks_are_compared_as_each_is_alone(
        self, model: ClassificationMRE, zoo: Zoo
    ) -> None:
        """More classes than go together, and tasks of different numbers of them."""
        features = model.task_means(self.images, self.labels).means.shape[1]
        random = np.random.default_rng(0)
        tasks = [
            TaskMeans.of(random.normal(scale=0.1, size=(ways, features)), [2] * ways)
            for ways in (2, CLASSES_AT_ONCE + 1, 3, *[CLASSES_AT_ONCE // 2] * 3, 2)
        ]
        for task, found in zip(tasks, model.compare_all(tasks, zoo), strict=True):
            alone = model.compare_means(task, zoo)
            np.testing.assert_allclose(found.distances, alone.distances, atol=1e-5)
            assert (found.classes, found.novelty) == (alone.classes, alone.novelty)

    def test_moved_examples_are_compared_with_a_few_models(
        self, model: ClassificationMRE, zoo: Zoo
    ) -> None:
        compared, projected = model.compare(self.images, self.labels, zoo), model.project(zoo)
        assert projected.probed.tolist() == [0, 1, 2, 3, 4]
        counts = compared.counts[None]
        means = moved_means(compared.means[None], counts, model.learned)[:, 0]
        moved = model.distances(means, projected.models, None).mean(axis=0)
        expected = unrest(compared.distances[:, None], moved[:, None], projected.probed)[0]
        np.testing.assert_allclose(model.unrest(compared, zoo), expected, atol=1e-3)

    def test_a_filter_leaves_scores_as_they_are(self, model: ClassificationMRE, zoo: Zoo) -> None:
        sizes = sorted(zoo.card(own).parameters for own in zoo)
        where = ModelFilter(most_parameters=sizes[2])
        found = model.rank(self.images, self.labels, zoo, where=where)
        whole = {row.model: row.score for row in model.rank(self.images, self.labels, zoo)}
        assert 0 < len(found) < 5
        assert all(row.score == whole[row.model] for row in found)
        assert "were left out; asked for: at most" in found.notes[0]

    def test_attention_is_that_of_the_metric(self, model: ClassificationMRE, zoo: Zoo) -> None:
        compared = model.compare(self.images, self.labels, zoo)
        projected = model.project(zoo)
        with torch.inference_mode():
            seen = model.metric.measure(ClassSets.full(compared.means[None]), projected.models)
        for place, name in enumerate(zoo):
            found = model.explain(compared, zoo, name)
            count = len(zoo.card(name).outputs)
            assert found.model_classes == zoo.card(name).outputs
            own = seen.attention.weights[:, place, 0].numpy()
            np.testing.assert_allclose(found.weights, own[..., : 1 + count].mean(axis=0), rtol=1e-5)
            np.testing.assert_array_equal(own[..., 1 + count :], 0)

    def test_a_zoo_specified_otherwise_is_refused(self, model: ClassificationMRE, zoo: Zoo) -> None:
        other = replace(model, provenance=replace(model.provenance, anchors="other"), _projected={})
        with pytest.raises(InputError, match="another kind of model specification"):
            other.rank(self.images, self.labels, zoo)

    def test_grey_images_are_refused(self, model: ClassificationMRE, zoo: Zoo) -> None:
        with pytest.raises(InputError, match="takes images of 3 channel"):
            model.rank(self.images[:, :1], self.labels, zoo)
