"""Algorithm 1 with providers that are functions: what is asked, when it is kept, how it goes on."""

import hashlib
import io
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from coordinator.algorithm import synergistic_learning
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.job import Job
from coordinator.progress import Progress
from coordinator.questions import Questions
from coordinator.run import LearningModels, Run
from coordinator.session_server import Question
from coordinator.state import State, restore_state, state_tensors
from protocols.ids import Digest, ProviderId, QueryId, digest_of
from protocols.queries import (
    Answer,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    QueryError,
    SquaredError,
    TargetFeatures,
    decode_query,
    encode_answer,
)
from synlearn.mre.model import MREModel
from synlearn.mre.pretraining import flatten_parameters
from synlearn.mre.storage import save_mre
from tests.coordinator.tiny import JOB, SPECIFICATIONS, bits, fresh, with_mode

PROVIDERS = [ProviderId(f"provider-{number}") for number in range(4)]
PARAMETERS = flatten_parameters(fresh().backbone).numel()
Asked = tuple[ProviderId, QueryId, Query]


class Killed(BaseException):
    """SIGKILL, for a coordinator that is a function call."""


def plausible(provider: ProviderId, query_id: QueryId, query: Query) -> Answer:
    """An answer that depends on everything that a node's would depend on."""
    key = hashlib.sha256(f"{provider}|{query_id}|{query}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(key, "big"))
    counts = {"hinge_sum": np.array(3.5), "active": np.array(7), "triplets": np.array(9)}
    match query:
        case PretrainingGradient():
            return {"gradient": random.normal(size=PARAMETERS).astype("f4"), **counts}
        case PretrainingUpdate():
            return {"change": 0.01 * random.normal(size=PARAMETERS).astype("f4"), **counts}
        case SquaredError():
            sums = random.random(len(query.models))
            return {"sums": sums, "count": np.array(2 * query.rows)}
        case TargetFeatures():
            return {"means": random.uniform(-0.4, 0.4, (query.draws, 6)).astype("f4")}
        case _:
            raise AssertionError(query)


class Scene:
    """One coordinator process: everything in it but the folder is gone when it dies."""

    def __init__(
        self,
        path: Path,
        job: Job = JOB,
        *,
        resume: bool = False,
        answer: Callable[[ProviderId, QueryId, Query], Answer] = plausible,
        dies_at: str | None = None,
    ) -> None:
        self.job = job
        self.answer = answer
        self.dies_at = dies_at
        self.asked: list[Asked] = []
        self.events: list[str] = []
        self.blobs = MemoryBlobs()
        self.state = fresh(job)
        self.folder = RunFolder(path)
        self.folder.open(job, "a" * 64, resume=resume)
        saved = self.folder.load()
        if saved is not None:
            restore_state(self.state, saved)

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        self._happens(f"ask {questions[0].query}")
        futures = []
        for question in questions:
            query = decode_query(question.body)
            for digest in query.blobs:
                assert self.blobs.size(Digest(digest)), "a provider could not fetch its file"
            self.asked.append((question.provider, question.query, query))
            future: Future[bytes] = Future()
            answer = self.answer(question.provider, question.query, query)
            future.set_result(encode_answer(query, answer))
            futures.append(future)
        return futures

    def acknowledge(self, up_to: QueryId) -> None:
        on_disk = bits(self.folder.load() or {})
        assert on_disk == bits(state_tensors(self.state)), "acknowledged before it was on disk"
        self._happens(f"acknowledge {up_to.phase}.{up_to.step}")

    def run(self) -> MREModel:
        models = LearningModels(
            tuple(self.blobs.publish(b"model %d" % number) for number in range(5)),
            SPECIFICATIONS,
            anchors="b" * 64,
        )
        console = Console(file=io.StringIO())
        with Progress(self.job, 4, self.folder.log, console, lambda: 0.0) as progress:
            return synergistic_learning(
                Run(
                    self.job,
                    PROVIDERS[::-1],
                    models,
                    self.state,
                    questions=Questions(self, 9.0),
                    blobs=self.blobs,
                    folder=self.folder,
                    progress=progress,
                )
            )

    def _happens(self, event: str) -> None:
        self.events.append(event)
        if event == self.dies_at:
            raise Killed


def test_the_steps_follow_algorithm_1(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "run")
    scene.run()
    assert scene.events == [
        "ask 1.0.0",
        "acknowledge 1.0",
        "ask 1.1.0",
        "acknowledge 1.1",
        "ask 1.2.0",
        "acknowledge 1.2",
        "ask 2.0.0",
        "ask 2.0.1",
        "acknowledge 2.0",
        "ask 2.1.0",
        "ask 2.1.1",
        "acknowledge 2.1",
    ]


@pytest.mark.parametrize(
    ("mode", "kind"), [("gradient", PretrainingGradient), ("update", PretrainingUpdate)]
)
def test_pretraining_asks_every_provider_the_same(
    mode: str, kind: type[Query], tmp_path: Path
) -> None:
    scene = Scene(tmp_path / "run", with_mode(mode))
    scene.run()
    asked = [entry for entry in scene.asked if entry[1].phase == 1]
    assert {type(query) for _, _, query in asked} == {kind}
    for step in range(3):
        now = [(who, query) for who, query_id, query in asked if query_id.step == step]
        assert [who for who, _ in now] == PROVIDERS
        assert len({query for _, query in now}) == 1
    assert len({query for _, _, query in asked}) == 3, "each round is about another backbone"


def test_without_pretraining_the_backbone_stays_as_it_was_drawn(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "run", with_mode("off"))
    model = scene.run()
    assert scene.events[0] == "ask 2.0.0"
    start = flatten_parameters(fresh(with_mode("off")).backbone)
    assert torch.equal(flatten_parameters(model.backbone), start)


def test_learning_asks_the_sampled_tasks_about_the_sampled_models(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "run")
    scene.run()
    for step in range(2):
        by_part: list[list[tuple[ProviderId, Query]]] = [
            [
                (who, query)
                for who, query_id, query in scene.asked
                if query_id == QueryId(2, step, p)
            ]
            for p in range(2)
        ]
        validated, described = by_part
        assert [who for who, _ in validated] == [who for who, _ in described]
        assert len({who for who, _ in validated}) == 3
        (errors,) = {query for _, query in validated}
        assert isinstance(errors, SquaredError)
        assert (len(errors.models), errors.rows) == (4, 5)
        (features,) = {query for _, query in described}
        assert isinstance(features, TargetFeatures)
        assert (features.k, features.draws) == (3, 2)


def test_answers_land_at_their_task_and_model(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "run")
    scene.run()
    digests = [digest_of(b"model %d" % number) for number in range(5)]
    sums, counts = np.zeros((4, 5)), np.zeros((4, 5))
    for who, query_id, query in scene.asked:
        if isinstance(query, SquaredError):
            for value, digest in zip(
                plausible(who, query_id, query)["sums"], query.models, strict=True
            ):
                cell = PROVIDERS.index(who), digests.index(Digest(digest))
                sums[cell] += value
                counts[cell] += 10
    np.testing.assert_allclose(scene.state.gathered.sums, sums)
    np.testing.assert_array_equal(scene.state.gathered.counts, counts)


def test_the_result_says_where_it_comes_from(tmp_path: Path) -> None:
    provenance = Scene(tmp_path / "run").run().provenance
    assert (provenance.job, provenance.seed, provenance.k) == (JOB.id, 0, 3)
    assert (provenance.tasks, provenance.models, provenance.anchors) == (4, 5, "b" * 64)


EVENTS = [
    "ask 1.0.0",
    "acknowledge 1.0",
    "ask 1.2.0",
    "acknowledge 1.2",
    "ask 2.0.0",
    "ask 2.0.1",
    "acknowledge 2.0",
    "ask 2.1.1",
    "acknowledge 2.1",
]


@pytest.mark.parametrize("mode", ["gradient", "update"])
@pytest.mark.parametrize("dies_at", EVENTS)
def test_a_killed_job_goes_on_to_the_same_bytes(dies_at: str, mode: str, tmp_path: Path) -> None:
    job = with_mode(mode)
    unbroken = Scene(tmp_path / "unbroken", job)
    expected = save_mre(unbroken.run(), tmp_path / "expected")
    killed = Scene(tmp_path / "run", job, dies_at=dies_at)
    with pytest.raises(Killed):
        killed.run()
    torch.manual_seed(99)
    resumed = Scene(tmp_path / "run", job, resume=True)
    assert save_mre(resumed.run(), tmp_path / "found") == expected
    # What was asked again was the very same question: a node gives its stored answer.
    questions: dict[tuple[ProviderId, QueryId], Query] = {}
    for who, query_id, query in killed.asked + resumed.asked:
        assert questions.setdefault((who, query_id), query) == query
    assert questions == {(who, query_id): query for who, query_id, query in unbroken.asked}


def test_a_finished_job_gives_its_model_again_without_a_question(tmp_path: Path) -> None:
    expected = save_mre(Scene(tmp_path / "run").run(), tmp_path / "expected")
    again = Scene(tmp_path / "run", resume=True)
    assert save_mre(again.run(), tmp_path / "found") == expected
    assert again.asked == []


def lies(name: str, lie: Callable[[np.ndarray], np.ndarray]) -> Callable[..., Answer]:
    """The third provider gives something else under this name."""

    def answer(provider: ProviderId, query_id: QueryId, query: Query) -> Answer:
        honest = plausible(provider, query_id, query)
        if provider == PROVIDERS[2] and name in honest:
            honest[name] = lie(honest[name])
        return honest

    return answer


def kept(state: State) -> dict[str, bytes]:
    return bits(state_tensors(state))


@pytest.mark.parametrize(
    ("mode", "name"), [("gradient", "gradient"), ("update", "change"), ("off", "means")]
)
@pytest.mark.parametrize(
    "lie",
    [
        lambda array: array[..., :1],
        lambda array: array[..., :0],
        lambda array: np.concatenate([array, array], axis=-1),
    ],
    ids=["one number, to be broadcast", "nothing", "twice as much"],
)
def test_an_array_that_does_not_fit_the_backbone_stops_the_job(
    mode: str, name: str, lie: Callable[[np.ndarray], np.ndarray], tmp_path: Path
) -> None:
    scene = Scene(tmp_path / "run", with_mode(mode), answer=lies(name, lie))
    before = kept(scene.state)
    with pytest.raises(QueryError, match=f"provider provider-2: '{name}' has length"):
        scene.run()
    assert (
        kept(scene.state)["metric.task_transform.0.weight"]
        == (before["metric.task_transform.0.weight"])
    )
    assert scene.folder.load() is None, "nothing of it was kept"
