"""What providers of overlapping classes answer over the wire, put together, is what one computation
over all their rows gives: NCE, LEEP, and the accuracy of re-trained heads."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import softmax

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.queries import (
    Answer,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    class_counts,
    decode_answer,
    encode_query,
    feature_signs,
)
from provider.answers import class_rows
from provider.dataset import ClassImages, Float32, Indices
from provider.gate import FixedGate
from provider.ledger import MemoryLedger
from provider.models import ModelCache
from provider.node import Node
from provider.rows import RowSplit
from provider.workbench import Workbench
from synlearn.scorers.leep import leep
from synlearn.scorers.nce import nce
from synlearn.validation import head_accuracy as heads_of
from synlearn.validation import leep as leep_of
from synlearn.validation import nce as nce_of
from synlearn.zoo.features import penultimate_features
from synlearn.zoo.stacked import stack_files
from tests.classifiers import classifier_file
from tests.labelled import pictures, provider_with

JOB, Q = JobId("job"), QueryId(1, 0, 0)
CLASSES = ("ant", "bee", "cat", "dog", "eel")
HELD = {
    "alice": {"ant": 9, "bee": 4, "cat": 6},
    "bob": {"bee": 12, "ant": 1, "dog": 7},
    "carol": {"eel": 3, "cat": 30},
    "dave": {"dog": 2, "eel": 8},
}
DATA = {
    ProviderId(name): provider_with(counts, seed, side=32, channels=3)
    for seed, (name, counts) in enumerate(HELD.items())
}
OTHER = {ProviderId("small"): provider_with({"ant": 4}, side=8)}
TASKS = np.array([[0, 1, 2], [4, 3, -1], [2, 0, 4]], np.int32)
FILES: dict[str, bytes] = {
    digest_of(data): data
    for data in (
        classifier_file("a", classes=3, hidden=5),
        classifier_file("b", classes=6, hidden=9),
        classifier_file("c", classes=3, hidden=5),
    )
}
MODELS = tuple(FILES)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that classes lie across batches."""
    monkeypatch.setattr(class_rows, "_IMAGES", 5)


def secret(provider: ProviderId) -> bytes:
    return provider.encode().ljust(32, b"\0")


class Shelf:
    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        return FILES[digest]


def ask(provider: ProviderId, query: Query) -> Answer:
    """The answer as the coordinator reads it."""
    with ThreadPoolExecutor(1) as executor:
        node = Node(
            provider,
            JOB,
            gate=FixedGate(),
            ledger=MemoryLedger(),
            bench=Workbench((DATA | OTHER)[provider], secret(provider), ModelCache(), executor),
        )
        body = asyncio.run(node.answer(Q, encode_query(query), Shelf(), lambda _: None))
    return decode_answer(query, body)


def ask_all(query: Query) -> list[Answer]:
    return [ask(provider, query) for provider in DATA]


def pooled(half: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of all providers; of half A (0) or B (1) where asked for."""
    images, labels = [], []
    for provider, data in DATA.items():
        for label, name in enumerate(CLASSES):
            rows = data.rows_of(name)
            if half is not None:
                rows = RowSplit(secret(provider)).halves(name, rows)[half]
            images.append(data.images(rows))
            labels += [label] * len(rows)
    return np.concatenate(images), np.array(labels)


def of_task(task: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.flatnonzero(np.isin(labels, task[task >= 0]))


def test_providers_describe_their_classes() -> None:
    for provider, answer in zip(DATA, ask_all(Describe()), strict=True):
        assert class_counts(answer) == HELD[provider]
        assert answer["input_shape"].tolist() == [3, 32, 32]
        assert int(answer["targets"]) == 0
        assert int(answer["rows"]) == sum(HELD[provider].values())


def test_nce_and_leep_of_models_of_different_architectures() -> None:
    answers = ask_all(ClassOutputs(MODELS, CLASSES, outputs=7))
    rows = np.sum([answer["rows"] for answer in answers], axis=0)
    assert rows.tolist() == [10, 16, 36, 9, 11]
    found_nce = nce_of.combine([answer["hard"] for answer in answers], TASKS)
    tables = leep_of.conditional_tables([answer["sums"] for answer in answers], TASKS)
    second = ask_all(LeepLikelihood(MODELS, CLASSES, TASKS, tables))
    found_leep = leep_of.combine(
        [leep_of.LogLikelihoods(answer["sums"], answer["rows"]) for answer in second], TASKS
    )
    images, labels = pooled()
    for model, digest in enumerate(MODELS):
        logits = stack_files([FILES[digest]]).predict(images)[0].astype(np.float64)
        said = softmax(logits, axis=1)
        for task, classes in enumerate(TASKS):
            used = of_task(classes, labels)
            # A model computes in float32, and not the same in every batch.
            assert found_nce[task, model] == pytest.approx(nce(said[used], labels[used]), abs=1e-9)
            assert found_leep[task, model] == pytest.approx(
                leep(said[used], labels[used]), abs=1e-6
            )


@pytest.mark.parametrize("unit_length", [False, True])
@pytest.mark.parametrize("width", [4, 9, 12])
def test_heads_and_their_accuracy(width: int, unit_length: bool) -> None:
    parts = [
        heads_of.FeatureSums(answer["sums"], answer["products"], answer["rows"])
        for answer in ask_all(HeadStatistics(MODELS, CLASSES, width, unit_length, True))
    ]
    heads = heads_of.solve_heads(parts, TASKS).rounded()
    answers = ask_all(HeadCorrect(MODELS, CLASSES, unit_length, TASKS, heads.weights, heads.biases))
    accuracy = heads_of.combine(
        [heads_of.CorrectCounts(answer["correct"], answer["rows"]) for answer in answers], TASKS
    )

    def features(digest: str, images: np.ndarray) -> np.ndarray:
        found = penultimate_features(stack_files([FILES[digest]]), images)[0].astype(np.float64)
        own = found.shape[1]
        found = found @ feature_signs(own, width) if own > width else found
        found = np.pad(found, ((0, 0), (0, width - found.shape[1])))
        return found / np.linalg.norm(found, axis=1, keepdims=True) if unit_length else found

    (learn, learned), (test, truth) = pooled(0), pooled(1)
    for model, digest in enumerate(MODELS):
        own = heads_of.psi_statistics(features(digest, learn)[None], learned, len(CLASSES))
        expected = heads_of.solve_heads([own], TASKS)
        np.testing.assert_allclose(heads.weights[model], expected.weights[0], atol=1e-4)
        x = features(digest, test)
        for task, classes in enumerate(TASKS):
            names = classes[classes >= 0]
            scores = x @ heads.weights[model, task, : len(names)].T
            said = names[(scores + heads.biases[model, task, : len(names)]).argmax(axis=1)]
            hits = [np.mean(said[truth == name] == name) for name in names]
            assert accuracy[task, model] == pytest.approx(np.mean(hits), abs=1e-9)


def test_sums_over_all_rows_are_those_of_both_halves() -> None:
    whole, half = (ask_all(HeadStatistics(MODELS, CLASSES, 9, False, halved))
                   for halved in (False, True))  # fmt: skip
    images, labels = pooled()
    for model, digest in enumerate(MODELS):
        found = penultimate_features(stack_files([FILES[digest]]), images)[0].astype(np.float64)
        found = found @ feature_signs(found.shape[1], 9) if found.shape[1] > 9 else found
        found = np.pad(found, ((0, 0), (0, 9 - found.shape[1])))
        expected = heads_of.psi_statistics(found[None], labels, len(CLASSES))
        for name in ("sums", "products"):
            summed = np.sum([answer[name][model] for answer in whole], axis=0)
            np.testing.assert_allclose(summed, getattr(expected, name)[0], rtol=1e-5, atol=1e-5)
    for all_rows, some in zip(whole, half, strict=True):
        assert (all_rows["rows"] >= some["rows"]).all()
        assert all_rows["rows"].sum() > some["rows"].sum()


def test_a_class_that_is_not_held_gives_zeros() -> None:
    answer = ask(ProviderId("dave"), ClassOutputs(MODELS, CLASSES, outputs=6))
    assert answer["rows"].tolist() == [0, 0, 0, 2, 8]
    assert not answer["sums"][:, :3].any()
    assert not answer["sums"][0, :, 3:].any()  # that model has three outputs


@pytest.mark.parametrize(
    "query",
    [
        ClassOutputs(MODELS, CLASSES, outputs=5),
        LeepLikelihood(MODELS, CLASSES, TASKS, np.ones((3, 3, 3, 5))),
    ],
)
def test_a_model_with_more_outputs_than_there_is_room_for_is_refused(query: Query) -> None:
    with pytest.raises(Refused) as caught:
        ask(ProviderId("alice"), query)
    assert caught.value.code is Code.MODEL_UNUSABLE
    assert "6 outputs; the question has room for 5" in caught.value.local


@pytest.mark.parametrize(
    "query", [ClassOutputs(MODELS, CLASSES, 6), HeadStatistics(MODELS, CLASSES, 4, True, True)]
)
def test_models_of_other_images_are_refused(query: Query) -> None:
    with pytest.raises(Refused) as caught:
        ask(ProviderId("small"), query)
    assert caught.value.code is Code.MODEL_UNUSABLE


def test_memory_stays_bounded_however_many_rows_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Watched(ClassImages):
        def images(self, rows: Indices) -> Float32:
            sizes.append(len(rows))
            return super().images(rows)

    data = Watched(pictures({"ant": 700, "bee": 50}))
    rows = [data.rows_of(name) for name in ("ant", "dog", "bee")]
    monkeypatch.undo()  # the small batches
    for numbers, most in ((1, 256), (2**13, 256), (2**15, 64), (2**30, 1)):
        sizes.clear()
        found = list(class_rows.batches(data, rows, numbers))
        assert max(sizes) == most
        assert sum(sizes) == 750
        labels = np.concatenate([batch.labels for batch in found])
        assert np.bincount(labels).tolist() == [700, 0, 50]
    assert list(class_rows.batches(data, [rows[1]], 1)) == []
