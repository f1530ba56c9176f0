"""The node's path: policy, then ledger, then data. Everything on it writes into one journal."""

import asyncio
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from protocols.errors import Code, Refused
from protocols.ids import Digest, JobId, ProviderId, QueryId, digest_of
from protocols.queries import (
    Describe,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    decode_answer,
    encode_query,
)
from protocols.values import encode_values
from provider.costs import FREE, Allow, Cost, Totals, allow_all
from provider.events import UNREADABLE, NodeEvent, QuestionEnded, Verdict
from provider.gate import FixedGate
from provider.ledger import Entry, Ledger, MemoryLedger, State
from provider.models import ModelCache
from provider.node import Node
from provider.policy import OpenPolicy, Policy
from provider.session import PendingUntil
from provider.sqlite_ledger import SqliteLedger
from provider.workbench import Workbench
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from tests.log_lines import log_lines
from tests.models import SMALL, model_file, stacked
from tests.provider.journals import journal_of
from tests.sprites import Float32, Indices, Sprites

Q = QueryId(2, 0, 0)
ALICE, JOB = ProviderId("alice"), JobId("job")
torch.manual_seed(0)
BACKBONE = save_backbone(Backbone(BackboneSpec(width=2, features=6)))
MODELS = {digest_of(data): data for data in map(model_file, "ab")}
ERRORS = SquaredError(tuple(MODELS), rows=5)
READS_ROWS: list[Query] = [
    ERRORS,
    PretrainingGradient(digest_of(BACKBONE), 2, 3, 0.5),
    PretrainingUpdate(digest_of(BACKBONE), 2, 3, 0.5, 2, 0.1),
    TargetFeatures(digest_of(BACKBONE), 3, 4),
]


Journal = list[str]
"""What happened, in order."""


class WatchedRows(Sprites):
    def __init__(self, journal: Journal, rows: int = 20) -> None:
        super().__init__(Shape.ELLIPSE, rows)
        self._journal = journal

    def images(self, rows: Indices) -> Float32:
        self._journal.append("read")
        return super().images(rows)

    def values(self, rows: Indices) -> Float32:
        self._journal.append("read")
        return super().values(rows)


class WatchedPolicy:
    max_model_bytes = 10**6
    paused = False

    def __init__(self, journal: Journal, verdict: Code | None = None) -> None:
        self._journal = journal
        self.verdict = verdict

    def check(self, query: Query, rows: int, classes: Mapping[str, int]) -> None:
        self._journal.append("policy")
        if self.verdict:
            raise Refused(self.verdict, local="the reason stays here")
        OpenPolicy().check(query, rows, classes)


class WatchedLedger:
    def __init__(self, journal: Journal, ledger: Ledger) -> None:
        self._journal = journal
        self._ledger = ledger

    def open(
        self,
        query: QueryId,
        body: Digest,
        function: str,
        cost: Cost = FREE,
        allow: Allow = allow_all,
    ) -> bytes | None:
        stored = self._ledger.open(query, body, function, cost, allow)
        self._journal.append("open")
        return stored

    def answered(self, query: QueryId, answer: bytes) -> None:
        self._ledger.answered(query, answer)
        self._journal.append("answered")

    def refused(self, query: QueryId, body: Digest, function: str, code: Code, reason: str) -> None:
        self._ledger.refused(query, body, function, code, reason)
        self._journal.append("refused")

    def acknowledge(self, up_to: QueryId) -> None:
        self._ledger.acknowledge(up_to)
        self._journal.append("acknowledged")

    def purge(self) -> None:
        self._ledger.purge()

    def entries(self) -> list[Entry]:
        return self._ledger.entries()

    def totals(self, function: str = "", uses: Collection[str] = ()) -> Totals:
        return self._ledger.totals(function, uses)


class Files:
    def __init__(self, journal: Journal, files: Mapping[Digest, bytes]) -> None:
        self._journal = journal
        self._files = files
        self.allowed: list[int] = []

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        self._journal.append("fetch")
        self.allowed.append(max_bytes)
        if digest not in self._files:
            raise Refused(Code.FILE_UNAVAILABLE)
        return self._files[digest]


class Site:
    """One node and everything around it."""

    def __init__(
        self,
        ledger: Ledger | None = None,
        *,
        policy: Policy | None = None,
        verdict: Code | None = None,
        files: Mapping[Digest, bytes] | None = None,
        rows: int = 20,
        executor: Executor | None = None,
    ) -> None:
        self.journal: Journal = []
        self.policy = WatchedPolicy(self.journal, verdict)
        self.ledger = WatchedLedger(self.journal, ledger or MemoryLedger())
        self.files = Files(
            self.journal, {digest_of(BACKBONE): BACKBONE, **MODELS} if files is None else files
        )
        self.node = Node(
            ALICE,
            JOB,
            gate=FixedGate(policy or self.policy),
            ledger=self.ledger,
            bench=Workbench(
                WatchedRows(self.journal, rows),
                bytes(32),
                ModelCache(),
                executor or ThreadPoolExecutor(1),
            ),
        )

    async def answer(self, query: Query | bytes, query_id: QueryId = Q) -> bytes:
        body = query if isinstance(query, bytes) else encode_query(query)
        return await self.node.answer(query_id, body, self.files, _no_delay)

    def ask(self, query: Query | bytes, query_id: QueryId = Q) -> bytes:
        return asyncio.run(self.answer(query, query_id))

    def refusal(self, query: Query | bytes, query_id: QueryId = Q) -> Code:
        with pytest.raises(Refused) as caught:
            self.ask(query, query_id)
        return caught.value.code


def _no_delay(pending: PendingUntil) -> None:
    raise AssertionError(f"nothing to wait for: {pending}")


@pytest.mark.parametrize("query", READS_ROWS)
def test_policy_then_ledger_then_files_then_rows(query: Query) -> None:
    site = Site()
    decode_answer(query, site.ask(query))
    assert list(dict.fromkeys(site.journal)) == ["policy", "open", "fetch", "read", "answered"]


def test_the_record_is_on_disk_before_the_first_row_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    site = Site(SqliteLedger(journal_of(path), JOB))
    seen: list[State] = []

    class LooksFirst(WatchedRows):
        def images(self, rows: Indices) -> Float32:
            on_disk = SqliteLedger(journal_of(path), JOB).entries()
            seen.append(on_disk[0].state)
            return super().images(rows)

    site.node._bench = replace(site.node._bench, dataset=LooksFirst(site.journal))
    site.ask(ERRORS)
    assert seen == [State.OPEN]


@pytest.mark.parametrize("code", [Code.PAUSED, Code.NOT_ALLOWED, Code.TOO_FEW_ROWS])
def test_what_the_policy_refuses_is_recorded_and_reads_nothing(code: Code) -> None:
    site = Site(verdict=code)
    assert site.refusal(ERRORS) is code
    assert site.journal == ["policy", "refused"]
    (entry,) = site.ledger.entries()
    assert (entry.state, entry.function) == (State.REFUSED, "squared_error")
    assert (entry.code, entry.reason) == (code, "the reason stays here")


def test_a_refused_question_may_be_asked_again_once_the_policy_agrees() -> None:
    site = Site(verdict=Code.PAUSED)
    assert site.refusal(ERRORS) is Code.PAUSED
    site.policy.verdict = None
    decode_answer(ERRORS, site.ask(ERRORS))
    assert site.ledger.entries()[0].state is State.ANSWERED


def test_more_rows_than_there_are_cannot_be_asked_for() -> None:
    site = Site(rows=4)
    assert site.refusal(ERRORS) is Code.TOO_FEW_ROWS
    assert "read" not in site.journal


def test_what_the_ledger_refuses_reads_nothing() -> None:
    site = Site()
    site.ask(ERRORS)
    site.journal.clear()
    assert site.refusal(Describe()) is Code.DIFFERENT_BODY
    assert site.journal == ["policy", "refused"]
    site.node.acknowledge(Q)
    site.journal.clear()
    assert site.refusal(ERRORS) is Code.ANSWER_GONE
    assert site.journal == ["policy", "refused"]


@pytest.mark.parametrize("query", [*READS_ROWS, Describe()])
def test_a_repeat_gets_the_stored_answer_for_nothing(query: Query) -> None:
    site = Site()
    first = site.ask(query)
    site.journal.clear()
    assert site.ask(query) == first
    assert site.journal == ["policy", "open"]
    assert site.ledger.entries()[0].computed == 1


def test_a_repeat_after_a_restart_gets_the_stored_answer(tmp_path: Path) -> None:
    def site() -> Site:
        return Site(SqliteLedger(journal_of(tmp_path / "ledger.db"), JOB))

    first = site().ask(ERRORS)
    again = site()
    assert again.ask(ERRORS) == first
    assert again.journal == ["policy", "open"]


def test_a_node_that_died_before_it_answered_computes_the_same(tmp_path: Path) -> None:
    dead = Site(SqliteLedger(journal_of(tmp_path / "ledger.db"), JOB))
    dead.ledger.open(Q, digest_of(encode_query(ERRORS)), "squared_error")
    again = Site(SqliteLedger(journal_of(tmp_path / "ledger.db"), JOB))
    assert again.ask(ERRORS) == Site().ask(ERRORS)
    assert again.ledger.entries()[0].computed == 1


def test_a_question_asked_again_while_it_is_computed_is_computed_once() -> None:
    """A computation outlives the deadline that cancelled its question (a thread cannot be stopped).

    The coordinator asks again with a new deadline, while it still runs.
    """
    executor = ThreadPoolExecutor(1)
    site = Site(executor=executor)
    reached, go_on = threading.Event(), threading.Event()

    class Slow(WatchedRows):
        def images(self, rows: Indices) -> Float32:
            reached.set()
            assert go_on.wait(5)
            return super().images(rows)

    site.node._bench = replace(site.node._bench, dataset=Slow(site.journal))

    async def scenario() -> bytes:
        first = asyncio.create_task(site.answer(ERRORS))
        while not reached.is_set():
            await asyncio.sleep(0.001)
        first.cancel()
        again = asyncio.create_task(site.answer(ERRORS))
        await asyncio.sleep(0.01)
        go_on.set()
        return await again

    answer = asyncio.run(scenario())
    assert site.ledger.entries()[0].computed == 1
    assert site.journal.count("read") == 2  # images and values, once each
    assert site.ask(ERRORS) == answer


def test_files_are_pulled_up_to_the_policys_size() -> None:
    site = Site()
    site.ask(ERRORS)
    assert site.files.allowed == [site.policy.max_model_bytes] * len(MODELS)


def test_a_file_that_is_not_served_reads_nothing() -> None:
    site = Site(files={})
    assert site.refusal(ERRORS) is Code.FILE_UNAVAILABLE
    assert "read" not in site.journal
    assert site.ledger.entries()[0].state is State.OPEN


def damaged_model(spoil: Callable[[np.ndarray], np.ndarray]) -> bytes:
    tensors = stacked(["a"]).tensors_of(0)
    spoilt = {name: torch.from_numpy(spoil(tensor.numpy())) for name, tensor in tensors.items()}
    return to_bytes(ModelFile(SMALL, spoilt))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04K\x01.",  # a pickle
        model_file("a")[:-1],
        damaged_model(lambda a: np.full_like(a, np.nan)),
        damaged_model(lambda a: np.full_like(a, np.inf)),
    ],
)
def test_an_unusable_model_is_refused_before_a_row_is_read(data: bytes) -> None:
    site = Site(files={digest_of(data): data})
    assert site.refusal(SquaredError((digest_of(data),), 5)) is Code.MODEL_UNUSABLE
    assert "read" not in site.journal


def test_predictions_that_overflow_are_not_sent() -> None:
    data = damaged_model(lambda a: np.full_like(a, 3e38))
    site = Site(files={digest_of(data): data})
    assert site.refusal(SquaredError((digest_of(data),), 5)) is Code.MODEL_UNUSABLE
    assert "answered" not in site.journal


def overflowing_backbone() -> bytes:
    backbone = Backbone(BackboneSpec(width=2, features=6))
    with torch.no_grad():
        backbone.head.weight.fill_(3e38)
        backbone.head.bias.fill_(3e38)
    return save_backbone(backbone)


WILD = overflowing_backbone()


@pytest.mark.parametrize(
    "query",
    [
        PretrainingGradient(digest_of(WILD), 2, 3, 0.5),
        PretrainingUpdate(digest_of(WILD), 2, 3, 0.5, 2, 0.1),
        TargetFeatures(digest_of(WILD), 3, 4),
    ],
)
def test_a_nan_in_an_answer_is_not_sent(query: Query) -> None:
    site = Site(files={digest_of(WILD): WILD})
    assert site.refusal(query) is Code.MODEL_UNUSABLE
    assert "answered" not in site.journal


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\xff", Code.BAD_PARAMETERS),
        (encode_values("exec", {"code": "import os"}), Code.UNKNOWN_FUNCTION),
        (encode_values("squared_error", {"models": tuple(MODELS)}), Code.BAD_PARAMETERS),
        (
            encode_values("squared_error", {"models": tuple(MODELS), "rows": np.arange(3)}),
            Code.BAD_PARAMETERS,
        ),
    ],
)
def test_what_is_not_on_the_closed_list_is_recorded_and_refused(body: bytes, code: Code) -> None:
    site = Site()
    assert site.refusal(body) is code
    assert site.journal == ["refused"]
    (entry,) = site.ledger.entries()
    assert (entry.state, entry.function, entry.body) == (
        State.REFUSED,
        "unreadable",
        digest_of(body),
    )


def test_the_reason_of_a_refusal_goes_to_the_local_log() -> None:
    with log_lines() as lines:
        Site(verdict=Code.PAUSED).refusal(ERRORS)
    (line,) = lines.about(job=JOB, query=str(Q), provider=ALICE, code="PAUSED")
    assert "the reason stays here" in line["message"]
    assert line["function"] == ERRORS.function


def test_what_the_thread_of_answers_logs_is_about_the_question() -> None:
    site = Site()

    class Talks(WatchedRows):
        def images(self, rows: Indices) -> Float32:
            logging.getLogger("provider.answers").warning("looks at rows")
            return super().images(rows)

    site.node._bench = replace(site.node._bench, dataset=Talks(site.journal))
    with log_lines() as lines:
        site.ask(ERRORS)
    said = [line["message"] for line in lines.about(job=JOB, query=str(Q), provider=ALICE)]
    assert "looks at rows" in said


def test_every_answer_is_one_line_and_one_given_again_a_detail() -> None:
    site = Site()
    with log_lines() as lines:
        answer = site.ask(ERRORS)
        site.ask(ERRORS)
    first, again = lines.about(query=str(Q), function=ERRORS.function, bytes=len(answer))
    assert (first["message"], first["level"]) == ("answered", "INFO")
    assert (again["message"], again["level"]) == ("answered again", "DEBUG")


def test_what_comes_of_a_question_is_told() -> None:
    told: list[NodeEvent] = []
    site = Site()
    site.node._watcher = told.append
    size = len(site.ask(ERRORS))
    site.ask(ERRORS)
    site.refusal(b"no question")
    site.policy.verdict = Code.PAUSED
    site.refusal(ERRORS, QueryId(2, 9, 0))
    ended = [event for event in told if isinstance(event, QuestionEnded)]
    assert [(each.function, each.verdict, each.code, each.size) for each in ended] == [
        (ERRORS.function, Verdict.ANSWERED, None, size),
        (ERRORS.function, Verdict.STORED, None, size),
        (UNREADABLE, Verdict.REFUSED, ended[2].code, 0),
        (ERRORS.function, Verdict.REFUSED, Code.PAUSED, 0),
    ]
    assert all(each.job == JOB and each.seconds >= 0 for each in ended)


def test_a_question_that_is_given_up_or_fails_is_told_too() -> None:
    told: list[NodeEvent] = []

    class Stuck(Files):
        async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
            await asyncio.sleep(60)
            raise AssertionError

    class Broken(Files):
        async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
            raise ZeroDivisionError

    async def ask(files: type[Files]) -> None:
        site = Site()
        site.node._watcher = told.append
        site.files = files([], {})
        await asyncio.wait_for(site.answer(ERRORS), 0.05)

    for files, error in ((Stuck, TimeoutError), (Broken, ZeroDivisionError)):
        with pytest.raises(error):
            asyncio.run(ask(files))
    ended = [(each.verdict, each.code) for each in told if isinstance(each, QuestionEnded)]
    assert ended == [(Verdict.DROPPED, None), (Verdict.REFUSED, Code.NODE_FAULT)]


def test_two_providers_draw_rows_of_their_own() -> None:
    """The same job, question and data: only the secret differs."""
    site, other = Site(), Site()
    other.node._bench = replace(other.node._bench, secret=bytes(31) + b"\1")
    assert site.ask(ERRORS) != other.ask(ERRORS)


MISFIT = save_backbone(Backbone(BackboneSpec(channels=3, width=2, features=6)))


@pytest.mark.parametrize(
    "query",
    [
        PretrainingGradient(digest_of(MISFIT), 2, 3, 0.5),
        PretrainingUpdate(digest_of(MISFIT), 2, 3, 0.5, 2, 0.1),
        TargetFeatures(digest_of(MISFIT), 3, 4),
    ],
)
def test_a_backbone_of_other_images_is_unusable_and_no_fault_of_ours(query: Query) -> None:
    site = Site(files={digest_of(MISFIT): MISFIT})
    assert site.refusal(query) is Code.MODEL_UNUSABLE
    assert "answered" not in site.journal
