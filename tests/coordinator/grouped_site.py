"""Providers of overlapping classes within the test's process, and a job of grouped closures.

Every answer is computed by the nodes' own code; only sessions, ledgers and masks are left out. Sums
go through the very encoding that a masked question would have.
"""

import hashlib
import io
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from coordinator.aggregation_events import AggregationFailed, Dropped, MaskedSum
from coordinator.aggregation_question import Terms
from coordinator.algorithm import synergistic_learning
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.grouped_job import (
    GroupedJob,
    GroupedLearning,
    GroupedMetric,
    GroupedProviders,
    Validation,
)
from coordinator.grouped_run import GroupedRun, LearningClassifiers
from coordinator.grouped_state import (
    GroupedState,
    Sizes,
    grouped_state_tensors,
    initial_grouped_state,
    restore_grouped_state,
)
from coordinator.holdings import Holdings
from coordinator.job_sections import Pretraining
from coordinator.progress import Progress
from coordinator.questions import Questions
from coordinator.session_server import Question
from protocols.ids import Digest, ProviderId, QueryId, digest_of
from protocols.masked import MaskedQuery, vector_of
from protocols.queries import Query, decode_query, encode_answer
from protocols.secagg.encoding import Encoding
from protocols.secagg.rounds import Round
from provider.answers import Context, answer
from provider.contribution import check_rows, contribution
from provider.models import ModelCache
from provider.rows import RowSplit, row_generator, subject_generator
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_model import ClassificationMRE
from tests.classifiers import classifier_file
from tests.coordinator.tiny import bits
from tests.labelled import provider_with

if TYPE_CHECKING:
    from protocols.errors import Code

FEW = "pets/yak"
"""Held by two providers only; all other classes by three or more."""
HELD = {
    "p0": {"insects/ant": 6, "insects/bee": 5, "insects/fly": 6},
    "p1": {"insects/ant": 5, "insects/gnat": 7, "insects/bee": 4},
    "p2": {"insects/fly": 6, "insects/gnat": 4, "insects/bee": 6},
    "p3": {"insects/ant": 4, "insects/fly": 4, "insects/gnat": 6},
    "p4": {"pets/cat": 5, "pets/dog": 6, "pets/fox": 4, "pets/yak": 5},
    "p5": {"pets/cat": 4, "pets/dog": 4, "pets/hen": 6, "pets/pig": 5, "pets/yak": 9},
    "p6": {"pets/fox": 6, "pets/dog": 4, "pets/hen": 5, "pets/pig": 4},
    "p7": {"pets/cat": 4, "pets/fox": 5, "pets/hen": 4, "pets/pig": 6},
}
DATA = {
    ProviderId(name): provider_with(counts, seed, side=32, channels=3)
    for seed, (name, counts) in enumerate(HELD.items())
}
FILES = tuple(
    classifier_file(f"model {number}", classes=3 + number % 2, hidden=3 + number % 3)
    for number in range(5)
)
SPECIFICATIONS = ClassSets.of(
    [np.random.default_rng(number).normal(size=(3 + number % 2, 7)) for number in range(5)]
)
SIZES = Sizes(channels=3, models=5, outputs=4, specification=(7,))
SEED = 2
"""With it, the second round draws a model that the first did not."""
JOB = GroupedJob(
    name="tiny",
    zoo=Path("zoo"),
    providers=GroupedProviders(pool=Path("pool"), split=Path("split")),
    seed=SEED,
    threads=1,
    pretraining=Pretraining(rounds=2, classes=2, rows_per_class=2, width=2, features=6),
    learning=GroupedLearning(
        rounds=2,
        tasks_per_round=6,
        models_per_round=4,
        ways=3,
        k_least=2,
        k_most=5,
        draws=2,
        updates_per_round=3,
    ),
    validation=Validation("head_accuracy", width=4, models_per_question=2),
    metric=GroupedMetric(width=4, hidden=6, members=2, batch_tasks=2, batch_models=3, device="cpu"),
)


class Everybody:
    """The attendants of a job that nobody joins or leaves."""

    def begin_round(self, state: GroupedState) -> None:
        """All take part in every round."""

    def gone(self, among: Collection[ProviderId]) -> dict[ProviderId, str]:
        """Nobody."""
        return {}

    def caught_up(self, state: GroupedState) -> bool:
        """There is one roster."""
        return False


class Killed(BaseException):
    """SIGKILL, for a coordinator that is a function call."""


def with_validation(function: str) -> GroupedJob:
    """The tiny job with another validation function."""
    return replace(JOB, validation=replace(JOB.validation, function=function))


def holdings() -> Holdings:
    """What the providers say that they hold."""
    return Holdings.of({provider: dict(data.classes) for provider, data in DATA.items()})


def secret(provider: ProviderId) -> bytes:
    """Of a provider's node."""
    return hashlib.sha256(provider.encode()).digest()


class GroupedSite:
    """One coordinator process, and the providers: they answer at once.

    Args:
        path: Folder of the run.
        job: What to run.
        resume: Go on with the run in the folder.
        dies_at: The event at which the coordinator is killed.
        lost: Who takes no part in masked sums.

    Attributes:
        asked: Every plain question.
        summed: Every masked one, with the rows that were asked of each party.
        events: What happened, in order.
        refused: Masked questions that fail, with the code that the parties give.
    """

    def __init__(
        self,
        path: Path,
        job: GroupedJob = JOB,
        *,
        resume: bool = False,
        dies_at: str | None = None,
        lost: frozenset[ProviderId] = frozenset(),
    ) -> None:
        self.job = job
        self.dies_at = dies_at
        self.lost = lost
        self.asked: list[tuple[ProviderId, QueryId, Query]] = []
        self.summed: list[tuple[QueryId, MaskedQuery, Mapping[ProviderId, Sequence[int]]]] = []
        self.events: list[str] = []
        self.refused: dict[QueryId, Code] = {}
        self.models = ModelCache()
        self._pulled: dict[Digest, bytes] = {}
        self.blobs = MemoryBlobs()
        self.folder = RunFolder(path)
        self.folder.open(job, "a" * 64, resume=resume)
        saved = self.folder.load()
        self.state = (
            initial_grouped_state(job, holdings(), SIZES)
            if saved is None
            else restore_grouped_state(job, SIZES, saved)
        )
        self.run = GroupedRun(
            job,
            LearningClassifiers(
                tuple(map(self.blobs.publish, FILES)), SPECIFICATIONS, 4, anchors="b" * 64
            ),
            self.state,
            questions=Questions(self, 9.0),
            masked=self,
            blobs=self.blobs,
            folder=self.folder,
            progress=Progress(
                job, len(DATA), self.folder.log, Console(file=io.StringIO()), lambda: 0.0
            ),
            attendants=Everybody(),
        )

    def learn(self) -> ClassificationMRE:
        """Run Algorithm 1."""
        return synergistic_learning(self.run)

    def ask_many(self, questions: Sequence[Question]) -> list[Future[bytes]]:
        """As the session server."""
        self._happens(f"ask {questions[0].query}")
        futures = []
        for question in questions:
            query = decode_query(question.body)
            self.asked.append((question.provider, question.query, query))
            context = self._context(question.provider, question.query, query.blobs)
            future: Future[bytes] = Future()
            future.set_result(encode_answer(query, answer(query, context)))
            futures.append(future)
        return futures

    def acknowledge(self, up_to: QueryId) -> None:
        """As the session server, and as `Aggregations`."""
        on_disk = bits(self.folder.load() or {})
        assert on_disk == bits(grouped_state_tensors(self.state)), "acknowledged before it was kept"
        self._happens(f"acknowledge {up_to.phase}.{up_to.step}")

    def ask(
        self,
        query_id: QueryId,
        query: MaskedQuery,
        rows: Mapping[ProviderId, Sequence[int]],
        terms: Terms,
        *,
        again: Callable[[frozenset[ProviderId]], Mapping[ProviderId, Sequence[int]]],
    ) -> MaskedSum:
        """As `Aggregations`; where somebody is lost, in an attempt without them."""
        self._happens(f"sum {query_id}")
        if query_id in self.refused:
            reason = Dropped(Round.ADVERTISE, "no more", self.refused[query_id])
            raise AggregationFailed(
                query_id, query.function, "too few stayed.", dict.fromkeys(rows, reason)
            )
        if self.lost & set(rows):
            rows = again(frozenset(rows) - self.lost)
        self.summed.append((query_id, query, rows))
        encoding, layout = Encoding.choose(terms.bound, len(rows)), vector_of(query)
        total = np.zeros(layout.least_length(), encoding.dtype)
        for party in rows:
            total += encoding.encode(self.vector(party, query_id, query, rows[party], terms.bound))
        sums = layout.unflatten(encoding.decode(total), terms.bound)
        return MaskedSum(sums, np.sum(list(rows.values()), axis=0), tuple(rows), {}, 1)

    def vector(
        self,
        party: ProviderId,
        query_id: QueryId,
        query: MaskedQuery,
        rows: Sequence[int],
        bound: float,
    ) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        """What a party adds to a sum."""
        counts = np.array(rows, np.int64)
        check_rows(query, counts, DATA[party])
        return contribution(query, counts, self._context(party, query_id, query.blobs, 1), bound)

    def _context(
        self, provider: ProviderId, query_id: QueryId, names: Sequence[str], attempt: int = 0
    ) -> Context:
        return Context(
            dataset=DATA[provider],
            files={name: self._file(Digest(name)) for name in names},
            models=self.models,
            random=row_generator(secret(provider), self.job.id, query_id, attempt),
            split=RowSplit(secret(provider)),
            random_about=partial(subject_generator, secret(provider), self.job.id),
        )

    def _file(self, digest: Digest) -> bytes:
        if digest not in self._pulled:
            size = self.blobs.size(digest)
            assert size is not None, "a provider could not fetch its file"
            self._pulled[digest] = bytes(self.blobs.read(digest, 0, size))
        return self._pulled[digest]

    def _happens(self, event: str) -> None:
        self.events.append(event)
        if event == self.dies_at:
            raise Killed


DIGESTS = tuple(map(digest_of, FILES))
