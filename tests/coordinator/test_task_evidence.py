from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from coordinator.holdings import Counts, Holdings
from coordinator.questions import Questions
from coordinator.session_server import Question
from coordinator.task_evidence import (
    EvidenceRequest,
    GatheredEvidence,
    gather_evidence,
    own_tasks,
)
from protocols.ids import ProviderId, QueryId, digest_of
from protocols.queries import (
    SCORES,
    Answer,
    QueryError,
    TaskEvidence,
    decode_query,
    encode_answer,
)
from synlearn.errors import InputError
from synlearn.mre.backbone import save_backbone
from tests.coordinator.grouped_site import DIGESTS, GroupedSite, holdings

HOLDINGS = Holdings.of(
    {
        ProviderId("p0"): {"a/1": 9, "a/2": 9, "a/3": 7, "b/1": 99},
        ProviderId("p1"): {"a/1": 9, "a/2": 9, "b/1": 9, "b/2": 9},  # of no set three
        ProviderId("p2"): {f"a/{i}": 3 for i in range(1, 5)},
        ProviderId("p3"): {f"{name}/{i}": 40 for name in "ab" for i in range(1, 4)},
        ProviderId("p4"): {"a/1": 1, "a/2": 1, "a/3": 1},
    }
)
MODELS = tuple(digest_of(str(number).encode()) for number in range(7))
REQUEST = EvidenceRequest(
    MODELS,
    (np.arange(7),),
    digest_of(b"g"),
    features=4,
    ks=(2, 4, 10),
    draws=3,
    scores=("logme", "knn"),
    ways=3,
)
MEANS = np.random.default_rng(0).uniform(-1, 1, (5, 100, 3, 4)).astype(np.float32)
"""Of each provider's target datasets."""


def score(provider: str, name: str, k: int, draw: int, model: str) -> float:
    """What the providers say: different for everything it may depend on."""
    key = f"{provider}{name}{k}{draw}{model}".encode()
    return int(digest_of(key)[:8], 16) / 2**32


class Providers:
    """Answer at once.

    Attributes:
        asked: Every question.
        fickle: Whether rows are drawn anew for each question.
    """

    def __init__(self, *, fickle: bool = False) -> None:
        self.asked: list[tuple[ProviderId, QueryId, TaskEvidence]] = []
        self.fickle = fickle

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        futures = []
        for question in questions:
            query = decode_query(question.body)
            assert isinstance(query, TaskEvidence)
            self.asked.append((question.provider, question.query, query))
            future: Future[bytes] = Future()
            future.set_result(encode_answer(query, self.answer(question, query)))
            futures.append(future)
        return futures

    def acknowledge(self, up_to: QueryId) -> None:
        raise AssertionError("what is not in a checkpoint is not acknowledged")

    def answer(self, question: Question, query: TaskEvidence) -> Answer:
        sides = (len(query.ks), query.draws)
        means = MEANS[int(question.provider[1:]), : sides[0] * sides[1]].reshape(*sides, 3, 4)
        other = self.fickle and question.query.part > 0
        pairs = [
            [
                [
                    score("", "alike", k, draw, one + other)
                    for place, one in enumerate(query.models)
                    for other in query.models[place + 1 :]
                ]
                for draw in range(query.draws)
            ]
            for k in query.ks.tolist()
        ]
        return {
            "means": -means if other else means,
            "scores": np.array(
                [
                    [
                        [
                            [score(question.provider, name, k, draw, m) for m in query.models]
                            for name in query.scores
                        ]
                        for draw in range(query.draws)
                    ]
                    for k in query.ks.tolist()
                ]
            ),
            "similarity": np.array(pairs, np.float32),
            "rows": np.full(3, 50),
        }


def gather(providers: Providers, request: EvidenceRequest = REQUEST) -> GatheredEvidence:
    ids = (QueryId(2, 5, part) for part in count())
    random = np.random.default_rng(1)
    return gather_evidence(request, HOLDINGS, Questions(providers, 9.0), ids, random)


def test_each_provider_that_can_answer_is_asked_about_a_task_of_its_own() -> None:
    providers = Providers()
    gather(providers)
    assert [provider for provider, _, _ in providers.asked] == ["p0", "p2", "p3"]
    assert {query_id for _, query_id, _ in providers.asked} == {QueryId(2, 5, 0)}
    for provider, _, query in providers.asked:
        held = HOLDINGS.rows[HOLDINGS.providers.index(provider)]
        rows = [int(held[place]) for place in HOLDINGS.positions(query.classes)]
        fewest = min(rows)
        assert query.ks.tolist() == [k for k in (2, 4, 10) if k <= fewest]
        assert len(query.classes) == 3
        assert len({name[0] for name in query.classes}) == 1
        assert (query.models, query.backbone, query.features) == (MODELS, digest_of(b"g"), 4)
        assert (query.draws, query.scores) == (3, ("logme", "knn"))
    assert providers.asked[0][2].ks.tolist() == [2, 4]
    assert providers.asked[1][2].ks.tolist() == [2]


BLOCKS = (np.array([1, 4, 6]), np.array([0, 3, 5]), np.array([2]))


@pytest.mark.parametrize("blocks", [REQUEST.blocks, BLOCKS])
def test_answers_are_laid_out_by_target_dataset(blocks: tuple[Counts, ...]) -> None:
    providers = Providers()
    found = gather(providers, replace(REQUEST, blocks=blocks))
    assert len(providers.asked) == 3 * len(blocks)
    for number, block in enumerate(blocks):
        for provider, _, query in providers.asked[3 * number : 3 * number + 3]:
            assert provider in ("p0", "p2", "p3")
            assert query.models == tuple(MODELS[place] for place in block)
    assert found.provider.tolist() == [0, 2, 3]
    assert found.task.tolist() == [0] * 6 + [1] * 3 + [2] * 9
    assert found.k.tolist() == [2, 2, 2, 4, 4, 4, 2, 2, 2, 2, 2, 2, 4, 4, 4, 10, 10, 10]
    names = [[HOLDINGS.classes[place] for place in task] for task in found.tasks.tolist()]
    assert names == [list(query.classes) for _, _, query in providers.asked[:3]]
    assert (np.diff(found.tasks, axis=1) > 0).all()
    assert found.means.dtype == np.float32
    means = np.concatenate([MEANS[0, :6], MEANS[2, :3], MEANS[3, :9]])
    np.testing.assert_array_equal(found.means, means)
    assert list(found.scores) == ["logme", "knn"]
    for name, scores in found.scores.items():
        assert scores.shape == (18, 7)
        for row, (task, k) in enumerate(zip(found.task.tolist(), found.k.tolist(), strict=True)):
            provider = HOLDINGS.providers[found.provider[task]]
            expected = [score(provider, name, k, row % 3, model) for model in MODELS]
            np.testing.assert_array_equal(scores[row], expected)
    for block, similarity in zip(blocks, found.similarity, strict=True):
        assert similarity.shape == (18, len(block) * (len(block) - 1) // 2)
        for row, k in enumerate(found.k.tolist()):
            expected = [
                score("", "alike", k, row % 3, MODELS[one] + MODELS[other])
                for place, one in enumerate(block)
                for other in block[place + 1 :]
            ]
            np.testing.assert_array_equal(similarity[row], np.array(expected, np.float32))


def test_nodes_answer_what_is_asked(tmp_path: Path) -> None:
    """Each provider has four rows of each class, or more."""
    site = GroupedSite(tmp_path / "run")
    backbone = site.blobs.publish(save_backbone(site.state.backbone))
    blocks = (np.array([0, 3]), np.array([1, 2, 4]))
    request = EvidenceRequest(DIGESTS, blocks, backbone, 6, (1, 4, 9), 2, SCORES, ways=3)
    ids = (QueryId(2, 0, part) for part in count())
    questions, held = Questions(site, 9.0), holdings()
    found = gather_evidence(request, held, questions, ids, np.random.default_rng(0))
    assert found.provider.tolist() == list(range(8))
    assert found.k.tolist() == [1, 1, 4, 4] * 8
    assert found.means.shape == (32, 3, 6)
    assert all(scores.shape == (32, 5) for scores in found.scores.values())
    assert [own.shape for own in found.similarity] == [(32, 1), (32, 3)]
    again = gather_evidence(request, held, questions, ids, np.random.default_rng(0))
    assert again.means.tobytes() == found.means.tobytes()


def test_answers_about_other_rows_are_not_put_together() -> None:
    with pytest.raises(QueryError, match="provider p0: answers about some models are of other"):
        gather(Providers(fickle=True), replace(REQUEST, blocks=BLOCKS))


def test_tasks_are_of_every_set_and_the_same_for_the_same_randomness() -> None:
    drawn = [own_tasks(HOLDINGS, 3, (2,), np.random.default_rng(seed)) for seed in range(40)]
    assert drawn[7] == own_tasks(HOLDINGS, 3, (2,), np.random.default_rng(7))
    assert {HOLDINGS.classes[tasks[2].classes[0]][0] for tasks in drawn} == {"a", "b"}
    assert len({tasks[1].classes for tasks in drawn}) == 4  # three of four classes


def test_classes_that_name_no_set_are_of_one() -> None:
    holdings = Holdings.of({ProviderId("p0"): {"ant": 5, "bee": 5}})
    (task,) = own_tasks(holdings, 2, (1, 3, 4), np.random.default_rng(0))
    assert (task.place, task.classes, task.ks) == (0, (0, 1), (1, 3, 4))


def test_nobody_who_can_answer_is_an_error() -> None:
    request = EvidenceRequest(MODELS, REQUEST.blocks, digest_of(b"g"), 4, (60,), 1, SCORES, ways=3)
    with pytest.raises(InputError, match=r"3 classes of one set with 60 rows or more"):
        gather(Providers(), request)
