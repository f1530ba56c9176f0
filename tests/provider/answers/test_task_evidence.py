"""What a node answers about small target datasets is what one computes from the very rows."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.queries import SCORES, Answer, TaskEvidence, decode_answer, encode_query
from provider.answers import direct_evidence, evidence_images
from provider.answers.task_evidence import Drawn, draw_rows, subject_of
from provider.dataset import Float32, Indices
from provider.gate import FixedGate
from provider.ledger import MemoryLedger
from provider.models import ModelCache
from provider.node import Node
from provider.rows import subject_generator
from provider.workbench import Workbench
from synlearn.fusion.moved import COPIES, has_copies, moved
from synlearn.fusion.similarity import (
    from_triangle,
    gram_directions,
    similarities,
    triangle_of,
)
from synlearn.mre.backbone import Backbone, BackboneSpec, load_backbone, save_backbone
from synlearn.scorers.direct import Direct, ModelOutputs, direct_scores
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.formats.torch import ModelFile, from_bytes, to_bytes
from synlearn.zoo.stacked import StackedModels, stack_files
from tests.classifiers import classifier_file
from tests.labelled import provider_with

JOB, Q, SECRET = JobId("job"), QueryId(2, 0, 0), bytes(range(32))
HELD = {"ant": 12, "bee": 7, "cat": 30, "dog": 1}
DATA = provider_with(HELD, side=32, channels=3)
SMALL = provider_with(HELD, side=8, channels=3)
"""Of images that no model takes."""
CLASSES = ("cat", "ant", "bee")


def backbone_file(channels: int = 3, *, wild: bool = False) -> bytes:
    torch.manual_seed(0)
    backbone = Backbone(BackboneSpec(channels=channels, width=2, features=6))
    if wild:
        with torch.no_grad():
            backbone.head.weight.fill_(3e38)
    return save_backbone(backbone)


def overflowing_model() -> bytes:
    model = from_bytes(classifier_file("wild"), "the test's model")
    return to_bytes(
        ModelFile(model.architecture, {name: 0 * t + 1e30 for name, t in model.tensors.items()})
    )


def shelf(*files: bytes) -> dict[str, bytes]:
    return {digest_of(data): data for data in files}


MODELS = shelf(
    classifier_file("a", classes=3, hidden=5),
    classifier_file("b", classes=6, hidden=9),
    classifier_file("c", classes=4, hidden=5),
    classifier_file("d", classes=3, hidden=5),
    classifier_file("e", classes=3, hidden=40),
)
BACKBONE, WILD, OVERFLOWING = backbone_file(), backbone_file(wild=True), overflowing_model()
FILES = MODELS | shelf(BACKBONE, WILD, OVERFLOWING, backbone_file(channels=1))
QUERY = TaskEvidence(
    tuple(MODELS),
    digest_of(BACKBONE),
    6,
    CLASSES,
    np.array([1, 2, 5], np.int32),
    draws=3,
    scores=SCORES,
)


class Shelf:
    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        return FILES[digest]


class Watched:
    """The rows, and which of them were read."""

    def __init__(self, small: bool = False) -> None:
        self._data = SMALL if small else DATA
        self.read: set[int] = set()
        self.rows, self.targets = self._data.rows, 0
        self.input_shape, self.classes = self._data.input_shape, self._data.classes
        self.rows_of, self.values = self._data.rows_of, self._data.values

    def images(self, rows: Indices) -> Float32:
        self.read |= set(rows.tolist())
        return self._data.images(rows)


def ask(
    query: TaskEvidence,
    query_id: QueryId = Q,
    *,
    data: Watched | None = None,
    job: JobId = JOB,
    secret: bytes = SECRET,
) -> Answer:
    """The answer as the coordinator reads it."""
    with ThreadPoolExecutor(1) as executor:
        node = Node(
            ProviderId("alice"),
            job,
            gate=FixedGate(),
            ledger=MemoryLedger(),
            bench=Workbench(data or Watched(), secret, ModelCache(), executor),
        )
        body = asyncio.run(node.answer(query_id, encode_query(query), Shelf(), lambda _: None))
    return decode_answer(query, body)


def with_copies(images: Float32, stacks: list[StackedModels]) -> ModelOutputs:
    """What models make of the images and, where these are few, of their moved copies."""
    copies = range(COPIES if has_copies(len(images)) else 0)
    shown = np.concatenate([images, *(moved(images, copy) for copy in copies)])
    features = [penultimate_features(stack, shown)[0] for stack in stacks]
    return ModelOutputs.of(features, [np.ones((len(shown), 1))] * len(stacks))


def held() -> list[Indices]:
    return [DATA.rows_of(name) for name in CLASSES]


def drawn(query: TaskEvidence) -> Drawn:
    random = subject_generator(SECRET, JOB, subject_of(query))
    return draw_rows(held(), query.ks, query.draws, random)


def same(one: Answer, other: Answer, *names: str) -> bool:
    return all(one[name].tobytes() == other[name].tobytes() for name in names)


def test_the_closed_list_of_scores_is_the_librarys() -> None:
    assert tuple(Direct) == SCORES


def test_an_answer_is_what_one_computes_from_the_rows() -> None:
    answer = ask(QUERY)
    rows = drawn(QUERY)
    backbone = load_backbone(BACKBONE)
    for place, of_k in enumerate(rows.of_k):
        for draw, positions in enumerate(of_k):
            used = rows.distinct[positions.ravel()]
            labels = np.repeat(np.arange(3), positions.shape[1])
            images = DATA.images(used)
            with torch.no_grad():
                features = backbone(torch.from_numpy(images)).numpy()
            means = features.reshape(*positions.shape, -1).mean(axis=1)
            np.testing.assert_allclose(answer["means"][place, draw], means, atol=1e-6)
            stacks = [stack_files([data]) for data in MODELS.values()]
            outputs = ModelOutputs.of(
                [penultimate_features(stack, images)[0] for stack in stacks],
                [softmax(stack.predict(images)[0].astype(np.float64), axis=1) for stack in stacks],
            )
            expected = direct_scores(outputs, labels)
            for score, found in zip(SCORES, answer["scores"][place, draw], strict=True):
                # A model computes in float32, and not the same in every batch.
                np.testing.assert_allclose(found, expected[Direct(score)], rtol=1e-4, atol=1e-5)
            similarity = similarities(gram_directions(with_copies(images, stacks)))
            np.testing.assert_allclose(
                from_triangle(answer["similarity"][place, draw], 5), similarity, atol=1e-5
            )
    assert answer["rows"].tolist() == [len(rows) for rows in held()]


def test_only_drawn_rows_are_read_and_a_draw_is_of_different_rows_of_each_class() -> None:
    data = Watched()
    ask(QUERY, data=data)
    rows = drawn(QUERY)
    assert data.read == set(rows.distinct.tolist())
    for k, of_k in zip(QUERY.ks.tolist(), rows.of_k, strict=True):
        assert of_k.shape == (3, 3, k)
        for dataset in rows.distinct[of_k]:
            for own, rows_of_class in zip(dataset, held(), strict=True):
                assert len(set(own.tolist())) == k
                assert set(own.tolist()) <= set(rows_of_class.tolist())
    largest = rows.distinct[rows.of_k[-1]]
    assert not np.array_equal(largest[0, 0], largest[1, 0])  # draws differ


def test_asking_again_or_about_other_models_is_about_the_same_rows() -> None:
    first = ask(QUERY)
    again = ask(QUERY, QueryId(2, 7, 1))
    assert same(first, again, "means", "scores", "similarity", "rows")
    some = replace(QUERY, models=QUERY.models[3:1:-1], scores=("logme", "knn"))
    data = Watched()
    other = ask(some, QueryId(2, 8, 0), data=data)
    assert same(first, other, "means", "rows")
    np.testing.assert_allclose(
        other["scores"], first["scores"][:, :, [2, 5]][..., [3, 2]], rtol=1e-4, atol=1e-5
    )
    pair = triangle_of(np.arange(25.0).reshape(5, 5)).tolist().index(2 * 5 + 3)
    np.testing.assert_allclose(
        other["similarity"][..., 0], first["similarity"][..., pair], atol=1e-5
    )
    assert data.read == set(drawn(QUERY).distinct.tolist())


def test_one_model_is_compared_with_none() -> None:
    answer = ask(replace(QUERY, models=QUERY.models[:1]))
    assert answer["similarity"].shape == (3, 3, 0)


@pytest.mark.parametrize(
    "query",
    [
        replace(QUERY, classes=CLASSES[:2]),
        replace(QUERY, classes=CLASSES[::-1]),
        replace(QUERY, draws=2),
        replace(QUERY, ks=np.array([1, 2, 3], np.int32)),
    ],
)
def test_another_subject_has_rows_of_its_own(query: TaskEvidence) -> None:
    assert subject_of(query) != subject_of(QUERY)


def test_rows_are_the_nodes_own_and_the_jobs() -> None:
    answers = [ask(QUERY), ask(QUERY, job=JobId("other")), ask(QUERY, secret=bytes(32))]
    assert len({answer["means"].tobytes() for answer in answers}) == 3


def test_few_models_at_a_time_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ask(QUERY)
    monkeypatch.setattr(evidence_images, "_IMAGES", 4)
    for numbers in (1, 30_000):
        monkeypatch.setattr(direct_evidence, "_NUMBERS", numbers)
        parts = ask(QUERY)
        assert same(whole, parts, "means", "rows")
        np.testing.assert_allclose(parts["scores"], whole["scores"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(parts["similarity"], whole["similarity"], atol=1e-5)


def only_the_larger_is_seen(images: Float32) -> bytes:
    """A model of one feature, which is zero for one of two images."""
    model = from_bytes(classifier_file("narrow", classes=2, hidden=1), "the test's model")

    def shifted(by: float) -> bytes:
        tensors = {**model.tensors, "hidden.bias": torch.tensor([by])}
        return to_bytes(ModelFile(model.architecture, tensors))

    seen = penultimate_features(stack_files([shifted(100.0)]), images)
    return shifted(100.0 - float(seen.mean()))


def test_evidence_without_bound_is_sent_as_it_is() -> None:
    """One row of each of two classes, one feature: each class is a linear function of it."""
    query = replace(QUERY, classes=("ant", "bee"), ks=np.array([1], np.int32), draws=1)
    first = draw_rows(
        [held()[1], held()[2]], query.ks, 1, subject_generator(SECRET, JOB, subject_of(query))
    )
    model = only_the_larger_is_seen(DATA.images(first.distinct))
    FILES[digest_of(model)] = model
    answer = ask(replace(query, models=(QUERY.models[0], digest_of(model))))
    infinite = np.argwhere(np.isinf(answer["scores"]))
    assert infinite.tolist() == [[0, 0, SCORES.index("logme"), 1]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        (replace(QUERY, ks=np.array([1, 9], np.int32)), Code.TOO_FEW_ROWS),  # of bee there are 8
        (replace(QUERY, classes=("ant", "fly")), Code.TOO_FEW_ROWS),
        (replace(QUERY, features=7), Code.MODEL_UNUSABLE),
        (replace(QUERY, backbone=digest_of(backbone_file(channels=1))), Code.MODEL_UNUSABLE),
        (replace(QUERY, backbone=digest_of(WILD)), Code.MODEL_UNUSABLE),
        (replace(QUERY, backbone=QUERY.models[0]), Code.MODEL_UNUSABLE),
        (
            replace(QUERY, models=(*QUERY.models, digest_of(OVERFLOWING))),
            Code.MODEL_UNUSABLE,
        ),
        (replace(QUERY, models=(digest_of(BACKBONE),)), Code.MODEL_UNUSABLE),
    ],
)
def test_what_cannot_be_answered_is_refused(query: TaskEvidence, code: Code) -> None:
    with pytest.raises(Refused) as caught:
        ask(query)
    assert caught.value.code is code


def test_models_of_other_images_are_refused() -> None:
    with pytest.raises(Refused) as caught:
        ask(QUERY, data=Watched(small=True))
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_a_refusal_for_too_few_rows_reads_none() -> None:
    data = Watched()
    with pytest.raises(Refused):
        ask(replace(QUERY, classes=("ant", "dog", "cat"), ks=np.array([2], np.int32)), data=data)
    assert not data.read
