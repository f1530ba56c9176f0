"""A provider's node whose every answer, and every row it reads, is held against its records."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import cache
from typing import Any

import torch

from protocols.errors import Code, Refused
from protocols.ids import Digest, QueryId, digest_of
from provider.dataset import Dataset, Float32, Indices
from provider.gate import FixedGate
from provider.ledger import GONE, Entry, Ledger, State
from provider.ledger_file import LedgerFile
from provider.models import ModelCache
from provider.node import Node
from provider.policy import OpenPolicy, Policy
from provider.session import PendingUntil
from provider.sqlite_ledger import SqliteLedger
from provider.verification import verify
from provider.workbench import Workbench
from synlearn.datasets.dsprites_renderer import Shape
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.classifiers import classifier_file
from tests.fuzz.parsers import folder
from tests.identities import identity_of
from tests.labelled import provider_with
from tests.models import model_file
from tests.provider.journals import ALICE, journal_of
from tests.session_harness import JOB
from tests.sprites import Sprites


class Inline(Executor):
    """Computes where it is called, so that a run depends on nothing but its input."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401
        """As a thread would, but at once."""
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except BaseException as error:  # handed on
            done.set_exception(error)
        return done


class Files:
    """Serves these files, and no other."""

    def __init__(self, files: Mapping[Digest, bytes]) -> None:
        self._files = files

    async def fetch(self, digest: Digest, max_bytes: int) -> bytes:
        """The file of this digest."""
        data = self._files.get(digest)
        if data is None:
            raise Refused(Code.FILE_UNAVAILABLE, local="nobody serves it")
        if len(data) > max_bytes:
            raise Refused(Code.FILE_TOO_LARGE, local=f"it has {len(data)} bytes")
        return data


class Rows:
    """A dataset that asks, before a row is read, whether that was written down."""

    def __init__(self, rows: Dataset, check: Callable[[], None]) -> None:
        self._rows = rows
        self._check = check
        self.input_shape, self.targets, self.rows = rows.input_shape, rows.targets, rows.rows
        self.classes, self.rows_of = rows.classes, rows.rows_of

    def images(self, rows: Indices) -> Float32:
        """Images of the rows."""
        self._check()
        return self._rows.images(rows)

    def values(self, rows: Indices) -> Float32:
        """Values of the rows."""
        self._check()
        return self._rows.values(rows)


class Watched:
    """A node that answers plain questions, and who watches it.

    Args:
        dataset: Its rows.
        files: What the coordinator serves.
        policy: Its rules.
        models: Parsed files; shared, since parsing is not what is looked at.
    """

    def __init__(
        self,
        dataset: Dataset,
        files: Mapping[Digest, bytes],
        *,
        models: ModelCache,
        policy: Policy = OpenPolicy(),  # noqa: B008 - frozen
    ) -> None:
        self._path = folder() / "ledger.db"
        self._file = LedgerFile(self._path)
        self.ledger: Ledger = SqliteLedger(journal_of(self._file), JOB)
        self._now: QueryId | None = None
        self._files = Files(files)
        self._answers: dict[QueryId, tuple[Digest, bytes]] = {}
        self.node = Node(
            ALICE,
            JOB,
            gate=FixedGate(policy),
            ledger=self.ledger,
            bench=Workbench(Rows(dataset, self._before_a_row), bytes(32), models, Inline()),
        )

    def entry(self, query: QueryId) -> Entry | None:
        """The row of this id."""
        return next((entry for entry in self.ledger.entries() if entry.query == query), None)

    def ask(self, query: QueryId, body: bytes) -> bytes | None:
        """Ask; None where the node refused. Whatever it did must be on record.

        Any exception but Refused is a defect, and goes through.
        """
        before = self.entry(query)
        self._now = query
        try:
            answer = asyncio.run(self.node.answer(query, body, self._files, _no_delay))
        except Refused as refused:
            self._check_refusal(query, body, refused, before)
            return None
        finally:
            self._now = None
        self._check_answer(query, body, answer)
        return answer

    def close(self) -> None:
        """Close the ledger, which must hold what its provider signed, and forget it."""
        self._file.close()
        try:
            assert not verify(self._path, ALICE, identity_of(ALICE).public)
        finally:
            for path in self._path.parent.glob(f"{self._path.name}*"):
                path.unlink()

    def _before_a_row(self) -> None:
        assert self._now is not None, "rows are read though nothing was asked"
        entry = self.entry(self._now)
        assert entry is not None, "rows are read for a question that is not on record"
        assert entry.state is State.OPEN, entry

    def _check_answer(self, query: QueryId, body: bytes, answer: bytes) -> None:
        entry = self.entry(query)
        assert entry is not None, "an answer without a row in the ledger"
        assert entry.state is State.ANSWERED, entry
        assert (entry.body, entry.answer) == (digest_of(body), digest_of(answer))
        assert entry.computed == 1
        first = self._answers.setdefault(query, (digest_of(body), answer))
        assert first == (digest_of(body), answer), "two answers under one id"

    def _check_refusal(
        self, query: QueryId, body: bytes, refused: Refused, before: Entry | None
    ) -> None:
        assert refused.local
        entry = self.entry(query)
        assert entry is not None, "a refusal without a row in the ledger"
        if before is not None and before.state in {State.ANSWERED, *GONE}:
            kept = (before.state, before.body, before.answer, before.computed, before.cost)
            assert kept == (entry.state, entry.body, entry.answer, entry.computed, entry.cost)
        elif before is not None and before.state is State.OPEN:
            assert (entry.state, entry.body) == (State.OPEN, before.body)
        else:
            assert entry.state in {State.OPEN, State.REFUSED}, entry
            assert entry.body == digest_of(body)
            assert (entry.code, entry.reason) == (refused.code, refused.local)


def _no_delay(pending: PendingUntil) -> None:
    raise AssertionError(f"nothing to wait for: {pending}")


@cache
def files_here() -> dict[Digest, bytes]:
    """Model files of all kinds, and what is none."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        backbones = [
            save_backbone(Backbone(BackboneSpec(width=2, features=6))),
            save_backbone(Backbone(BackboneSpec(channels=3, width=2, features=6))),
            save_backbone(Backbone(BackboneSpec("resnet12", 1, 2, 6))),
        ]
    made = (
        *backbones,
        model_file("a"),
        model_file("b"),
        classifier_file("c"),
        classifier_file("d", classes=4, hidden=7),
        b"no model",
        b"",
    )
    return {digest_of(data): data for data in made}


@cache
def datasets() -> tuple[Dataset, ...]:
    """One of values to predict, and two of classes, one of them too small for most models."""
    return (
        Sprites(Shape.ELLIPSE, 12),
        provider_with({"cat": 9, "dog": 7, "emu": 1}, side=32, channels=3),
        provider_with({"cat": 4, "dog": 4}, side=8),
    )
