"""Answers from kept tables are those from images, and read none."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import (
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    SquaredError,
)
from provider.answers import Context, answer
from provider.answers import shown as shown_of
from provider.dataset import Dataset, Float32, Indices
from provider.feature_store import FeatureStore
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.training import initial_stack
from tests.classifiers import classifier_file
from tests.labelled import provider_with
from tests.models import model_file
from tests.sprites import Sprites

Q = QueryId(1, 0, 0)
CLASSES = ("bee", "ant", "cat")
PICTURES = provider_with({"ant": 40, "bee": 23, "cat": 9, "dog": 5}, side=32, channels=3)
SPRITES = Sprites(Shape.HEART, rows=40)
TASKS = np.array([[0, 1, 2], [2, 0, -1]], np.int32)
CLASSIFIERS: dict[str, bytes] = {
    digest_of(data): data
    for data in (
        classifier_file("a", classes=3, hidden=5),
        classifier_file("b", classes=6, hidden=9),
        classifier_file("c", classes=3, hidden=5),
    )
}
REGRESSORS: dict[str, bytes] = {digest_of(data): data for data in map(model_file, "abc")}
MANY = tuple(CLASSIFIERS)
RANDOM = np.random.default_rng(0)
HEADS = RANDOM.normal(size=(3, 2, 3, 8)).astype(np.float32)
OUTPUTS = ClassOutputs(MANY, CLASSES, outputs=6)
QUESTIONS: list[tuple[Query, Dataset]] = [
    (OUTPUTS, PICTURES),
    (LeepLikelihood(MANY, CLASSES, TASKS, RANDOM.uniform(0.1, 1, (3, 2, 3, 6))), PICTURES),
    (HeadStatistics(MANY, CLASSES, 8, True, True), PICTURES),
    (HeadStatistics(MANY, CLASSES, 8, True, False), PICTURES),
    (HeadCorrect(MANY, CLASSES, True, TASKS, HEADS, HEADS[..., 0].copy()), PICTURES),
    (SquaredError(tuple(REGRESSORS), 33), SPRITES),
]


class Named:
    """Rows with a digest, which counts the images that are read."""

    def __init__(self, data: Dataset, digest: str = "abc") -> None:
        self.digest = digest
        self.seen = 0
        self._data = data
        self.rows, self.targets = data.rows, data.targets
        self.input_shape, self.classes = data.input_shape, data.classes
        self.rows_of, self.values = data.rows_of, data.values

    def images(self, rows: Indices) -> Float32:
        self.seen += len(rows)
        return self._data.images(rows)


def context(dataset: Dataset, store: FeatureStore | None = None, query: QueryId = Q) -> Context:
    job = JobId("job")
    return Context(
        dataset=dataset,
        files=CLASSIFIERS | REGRESSORS,
        models=ModelCache(),
        random=row_generator(bytes(32), job, query),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), job),
        store=store,
    )


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "kept", 10**6)


@pytest.mark.parametrize(("query", "dataset"), QUESTIONS)
def test_a_second_question_reads_no_image(
    query: Query, dataset: Dataset, store: FeatureStore
) -> None:
    data = Named(dataset)
    wanted = answer(query, context(dataset))
    first = answer(query, context(data, store))
    assert data.seen
    data.seen = 0
    second = answer(query, context(data, store))
    assert data.seen == 0
    for name in wanted:
        # A model computes in float32, and not the same in every batch.
        np.testing.assert_allclose(first[name], wanted[name], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(second[name], first[name])


def test_each_image_is_read_once_for_all_models_and_all_functions(store: FeatureStore) -> None:
    data = Named(PICTURES)
    for query, dataset in QUESTIONS[2:5]:
        assert dataset is PICTURES
        answer(query, context(data, store))
    assert data.seen == 72


def test_only_new_models_look_at_the_images(store: FeatureStore) -> None:
    data = Named(PICTURES)
    answer(replace(OUTPUTS, models=MANY[:2]), context(data, store))
    used, data.seen = store.used, 0
    answer(OUTPUTS, context(data, store))
    assert data.seen == 72
    assert store.used == used + 64 + 4 * 72 * 3


def test_other_data_is_looked_at_again(store: FeatureStore) -> None:
    answer(OUTPUTS, context(Named(PICTURES), store))
    changed = provider_with({"ant": 40, "bee": 23, "cat": 9}, seed=1, side=32, channels=3)
    found = answer(OUTPUTS, context(Named(changed, "def"), store))
    np.testing.assert_allclose(found["sums"], answer(OUTPUTS, context(changed))["sums"], rtol=1e-5)


def test_data_without_a_digest_is_not_kept(store: FeatureStore) -> None:
    answer(OUTPUTS, context(PICTURES, store))
    assert store.used == 0


def test_a_few_rows_are_not_worth_a_table_of_all(store: FeatureStore) -> None:
    data = Named(SPRITES)
    answer(SquaredError(tuple(REGRESSORS), 5), context(data, store))
    assert (data.seen, store.used) == (5, 0)
    answer(SquaredError(tuple(REGRESSORS), 40), context(data, store))
    data.seen = 0
    answer(SquaredError(tuple(REGRESSORS), 5), context(data, store, QueryId(1, 0, 7)))
    assert data.seen == 0


def test_without_room_answers_come_from_images(tmp_path: Path) -> None:
    store = FeatureStore(tmp_path, 500)
    found = answer(OUTPUTS, context(Named(PICTURES), store))
    np.testing.assert_array_equal(found["sums"], answer(OUTPUTS, context(PICTURES))["sums"])
    assert store.used == 0


def test_tables_are_written_a_few_at_a_time(
    store: FeatureStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shown_of, "_FILES", 2)
    data = Named(PICTURES)
    found = answer(OUTPUTS, context(data, store))
    assert data.seen == 2 * 72
    np.testing.assert_allclose(found["sums"], answer(OUTPUTS, context(PICTURES))["sums"], rtol=1e-5)


def test_a_model_that_overflows_is_not_kept(store: FeatureStore) -> None:
    network = architecture("picture-cnn", {"widths": (2, 2, 2), "hidden": 2, "classes": 3})
    tensors = {
        name: 0 * tensor[0] + 3e38 for name, tensor in initial_stack(["x"], network, seed=0).items()
    }
    file = to_bytes(ModelFile(network, tensors))
    scene = replace(context(Named(PICTURES), store), files={digest_of(file): file})
    with pytest.raises(Refused) as caught:
        answer(ClassOutputs((digest_of(file),), CLASSES, 3), scene)
    assert caught.value.code is Code.MODEL_UNUSABLE
    assert store.used == 0


def test_classes_that_are_not_held_make_no_table(store: FeatureStore) -> None:
    found = answer(ClassOutputs(MANY, ("fox",), 6), context(Named(PICTURES), store))
    assert not found["sums"].any()
    assert store.used == 0
