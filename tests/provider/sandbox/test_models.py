"""What a worker computes is what this process would have computed, to the last bit."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import JobId, QueryId, digest_of
from protocols.queries import (
    SCORES,
    Answer,
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
)
from provider.answers import Context, answer
from provider.answers.class_features import class_feature_sums
from provider.dataset import Dataset
from provider.model_api import Models
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from provider.sandbox.models import SandboxedModels
from provider.sandbox.process import ModelWorker
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.classifiers import classifier_file
from tests.labelled import provider_with
from tests.models import model_file
from tests.sprites import Sprites

CLASSES = ("ant", "bee", "cat")
PICTURES = provider_with({"ant": 40, "bee": 23, "cat": 9}, side=32, channels=3)
SPRITES = Sprites(Shape.HEART, rows=40)
TASKS = np.array([[0, 1, 2], [2, 0, -1]], np.int32)


def backbone_file(channels: int, architecture: str = "conv4") -> bytes:
    torch.manual_seed(0)
    spec = BackboneSpec(architecture, channels=channels, width=2, features=6)
    return save_backbone(Backbone(spec))


def shelf(*files: bytes) -> dict[str, bytes]:
    return {digest_of(data): data for data in files}


CLASSIFIERS = shelf(
    classifier_file("a", classes=3, hidden=5),
    classifier_file("b", classes=6, hidden=9),
    classifier_file("c", classes=3, hidden=5),
    classifier_file("d", classes=3, hidden=40),
)
REGRESSORS = shelf(*map(model_file, "abc"))
GREY, COLOUR, DEEP = backbone_file(1), backbone_file(3), backbone_file(3, "resnet12")
FILES = CLASSIFIERS | REGRESSORS | shelf(GREY, COLOUR, DEEP)
MANY = tuple(CLASSIFIERS)
RANDOM = np.random.default_rng(0)
HEADS = RANDOM.normal(size=(4, 2, 3, 8)).astype(np.float32)
QUESTIONS: list[tuple[Query, Dataset]] = [
    (ClassOutputs(MANY, CLASSES, outputs=6), PICTURES),
    (LeepLikelihood(MANY, CLASSES, TASKS, RANDOM.uniform(0.1, 1, (4, 2, 3, 6))), PICTURES),
    (HeadStatistics(MANY, CLASSES, 8, True, True), PICTURES),
    (HeadCorrect(MANY, CLASSES, True, TASKS, HEADS, HEADS[..., 0].copy()), PICTURES),
    (
        TaskEvidence(
            MANY, digest_of(COLOUR), 6, CLASSES, np.array([1, 4], np.int32), draws=3, scores=SCORES
        ),
        PICTURES,
    ),
    (SquaredError(tuple(REGRESSORS), 33), SPRITES),
    (TargetFeatures(digest_of(GREY), 5, 7), SPRITES),
    (PretrainingGradient(digest_of(COLOUR), 3, 4, 0.5), PICTURES),
    (PretrainingGradient(digest_of(DEEP), 2, 3, 0.5, precision="float64"), PICTURES),
    (PretrainingUpdate(digest_of(COLOUR), 3, 4, 0.5, 3, 0.1), PICTURES),
    (PretrainingUpdate(digest_of(GREY), 2, 3, 0.5, 2, 0.1, precision="float64"), SPRITES),
]


def context(dataset: Dataset, models: Models, files: Mapping[str, bytes] = FILES) -> Context:
    job = JobId("job")
    return Context(
        dataset=dataset,
        files=dict(files),
        models=models,
        random=row_generator(bytes(32), job, QueryId(1, 0, 0)),
        split=RowSplit(bytes(32)),
        random_about=partial(subject_generator, bytes(32), job),
    )


@pytest.fixture(scope="module")
def models(worker: ModelWorker) -> SandboxedModels:
    return SandboxedModels(worker)


@pytest.mark.parametrize(("query", "dataset"), QUESTIONS, ids=lambda each: type(each).__name__)
def test_an_answer_through_the_worker_is_the_same(
    query: Query, dataset: Dataset, models: SandboxedModels
) -> None:
    here, there = (answer(query, context(dataset, each)) for each in (ModelCache(), models))
    assert_same(here, there)


def test_a_part_of_a_masked_sum_is_the_same(models: SandboxedModels) -> None:
    slots, rows = ("ant", "bee", "ant"), np.array([5, 7, 30])
    query = ClassFeatureSums(digest_of(COLOUR), slots, 6)
    here, there = (
        class_feature_sums(
            PICTURES,
            each.backbone(query.backbone, COLOUR),
            query.slots,
            rows,
            np.random.default_rng(1),
        )
        for each in (ModelCache(), models)
    )
    assert here.tobytes() == there.tobytes()


def assert_same(one: Answer, other: Answer) -> None:
    assert one.keys() == other.keys()
    for name in one:
        assert one[name].tobytes() == other[name].tobytes(), name


def test_a_selection_is_of_the_models_selected(models: SandboxedModels) -> None:
    digests = tuple(REGRESSORS)
    whole = models.stack(digests, FILES)
    part = whole.select([2, 0, 1]).select([0, 2])
    assert part.ids == (digests[2], digests[1])
    images = SPRITES.images(np.arange(9))
    np.testing.assert_array_equal(part.predict(images), whole.predict(images)[[2, 1]])


def test_files_are_sent_once(models: SandboxedModels) -> None:
    digests = tuple(REGRESSORS)
    first = models.stack(digests, FILES)
    assert models.stack(digests, {}) is first
    models.backbone(digest_of(COLOUR), COLOUR)
    models.backbone(digest_of(COLOUR), b"not looked at again")


class Ear(ModelWorker):
    """Notes which loads are forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.forgotten: list[int] = []

    def call(self, header, *args, **kwargs):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN002, ANN003, ANN201
        if header["op"] == "forget":
            self.forgotten.append(header["handle"])
        return super().call(header, *args, **kwargs)


@pytest.mark.parametrize(
    ("limits", "forgotten"),
    [
        ({"keep": len(COLOUR) + len(GREY)}, [1, 0]),  # the last one is larger than the two
        ({"most": 2}, [1]),
        ({}, []),
    ],
)
def test_what_was_not_used_for_long_is_forgotten(
    limits: dict[str, int], forgotten: list[int]
) -> None:
    worker = Ear()
    models = SandboxedModels(worker, **limits)
    try:
        for data in (COLOUR, GREY, COLOUR, DEEP):
            models.backbone(digest_of(data), data)
    finally:
        worker.close()
    assert worker.forgotten == forgotten


@pytest.mark.parametrize("data", [b"", b"\x80\x04}.", model_file("a")[:-1], COLOUR])
def test_an_unusable_model_is_refused_and_the_worker_stays(
    data: bytes, models: SandboxedModels
) -> None:
    files = shelf(*map(model_file, "xy"), data)
    starts = models.worker.starts
    with pytest.raises(Refused) as caught:
        models.groups(tuple(files), files)
    assert caught.value.code is Code.MODEL_UNUSABLE
    assert models.worker.starts == starts
    models.stack(tuple(files)[:2], files)


@pytest.mark.parametrize("data", [b"", b"\x80\x04}.", COLOUR[:-1], model_file("a")])
def test_an_unusable_backbone_is_refused(data: bytes, models: SandboxedModels) -> None:
    with pytest.raises(Refused) as caught:
        models.backbone("digest", data)
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_a_stack_of_two_architectures_is_refused(models: SandboxedModels) -> None:
    with pytest.raises(Refused) as caught:
        models.stack(MANY, FILES)
    assert "3 architectures" in caught.value.local


def test_models_of_other_images_are_refused(models: SandboxedModels) -> None:
    stack = models.stack(tuple(REGRESSORS), FILES)
    with pytest.raises(Refused) as caught:
        stack.predict(np.zeros((2, 1, 8, 8), np.float32))
    assert "64 x 64" in caught.value.local


def test_steps_behind_a_failed_one_are_not_taken_for_the_next_question(
    models: SandboxedModels,
) -> None:
    wrong = [torch.zeros(2, 2, 5, 16, 16)] * 3  # of five channels
    with pytest.raises(Refused):
        models.local_update(digest_of(COLOUR), COLOUR, wrong, 0.5, 0.1)
    query, dataset = QUESTIONS[0]
    assert_same(*(answer(query, context(dataset, each)) for each in (ModelCache(), models)))
