"""What questions, answers and files take: a real embedded federation, asked what costs no model.

Its sessions are plain ones on loopback; the nodes answer, and keep their record, in a process of
their own. Questions about a class that nobody holds have answers of any size and read no row.
"""

import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import torch

from benchmarks.cost_fit import process_seconds, slope
from benchmarks.ledger import IDENTITY, SITE, ask
from coordinator.blobs import MemoryBlobs
from coordinator.federation import EmbeddedFederation, embedded_federation
from coordinator.joining import join
from coordinator.questions import Questions
from protocols.ids import Digest, JobId, ProviderId, QueryId
from protocols.queries import Describe, HeadCorrect, HeadStatistics, Query
from provider.journal import Journal
from provider.ledger_file import LedgerFile
from provider.sqlite_ledger import SqliteLedger
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes

PROVIDERS: Final = 8
_PATIENCE: Final = 120.0
_SMALL: Final = 300
"""Questions to each provider that are as small as can be."""
_LOOKS: Final = 5
_CLASSES: Final = (1, 20, 60)
"""In questions of which the answer grows."""
_TASKS: Final = (1, 60, 180)
"""In questions that grow."""
_LARGE: Final = 3
"""Questions to each provider of each size."""
_WIDTHS: Final = (1, 8, 24)
"""Of models whose files grow: 1, 8 and 24 MiB."""
_LEDGER: Final = (1000, 3000)


@dataclass(frozen=True, slots=True)
class _Took:
    """Processor seconds."""

    coordinator: float
    nodes: float


@dataclass(slots=True)
class _Desk:
    """Asks, each question under an id of its own."""

    federation: EmbeddedFederation
    questions: Questions
    providers: tuple[ProviderId, ...]
    ids: "count[int]" = field(default_factory=lambda: count(1))
    sizes: list[tuple[int, int]] = field(default_factory=list)

    def ask(self, query: Query) -> None:
        """Ask everybody; add up what comes, as a job does."""
        found = self.questions.ask(
            QueryId(2, next(self.ids), 0), dict.fromkeys(self.providers, query)
        )
        answers = list(found.values())
        if isinstance(query, HeadStatistics):
            for name in answers[0]:
                total = np.zeros_like(answers[0][name])
                for answer in answers:
                    total += answer[name]

    def took(self, work: Callable[[], None]) -> _Took:
        """What some work took here and at the nodes."""
        (worker,) = self.federation.workers
        own, nodes = time.process_time(), process_seconds(worker)
        work()
        return _Took(time.process_time() - own, process_seconds(worker) - nodes)

    def acknowledge(self) -> None:
        """Let the nodes forget what they answered."""
        self.federation.server.acknowledge(QueryId(2, next(self.ids), 0))


def measure_questions() -> dict[str, float]:
    """Constants of questions, files and records."""
    with tempfile.TemporaryDirectory() as scratch:
        found = _ledger(Path(scratch))
        blobs, job = MemoryBlobs(), JobId("questions")
        names = tuple(ProviderId(f"provider-{number:03d}") for number in range(PROVIDERS))
        shares = {name: {"domain": place, "split_seed": 0} for place, name in enumerate(names)}
        with embedded_federation(
            job, shares, blobs, folder=Path(scratch), seed=0, workers=1, on_event=lambda _: None
        ) as federation:
            federation.server.wait_for(names, _PATIENCE)
            join(federation.server, federation.trust, names, _PATIENCE)
            sizes: list[tuple[int, int]] = []
            questions = Questions(
                federation.server,
                _PATIENCE,
                on_answered=lambda own: sizes.append((own.sent, own.received)),
            )
            desk = _Desk(federation, questions, names, sizes=sizes)
            found |= _small(desk)
            found |= _large(desk, blobs)
    return found


def _ledger(folder: Path) -> dict[str, float]:
    """Bytes of a record of few questions, and of more."""
    sizes = []
    for number in _LEDGER:
        path = folder / f"record-{number}.db"
        file = LedgerFile(path)
        ask(SqliteLedger(Journal(file, SITE, IDENTITY), JobId("job")), 0, number)
        file.close()
        sizes.append(path.stat().st_size)
    return {"ledger_bytes": slope(_LEDGER, sizes)}


def _small(desk: _Desk) -> dict[str, float]:
    """The smallest question there is, again and again; nothing is acknowledged meanwhile."""
    each = _SMALL // _LOOKS
    own, nodes = [], []

    def some() -> None:
        for _ in range(each):
            desk.ask(Describe())

    some()
    for _ in range(_LOOKS):
        took = desk.took(some)
        own.append(took.coordinator / (each * PROVIDERS))
        nodes.append(took.nodes / (each * PROVIDERS))
    remembered = _remembered(desk)
    desk.acknowledge()
    return {
        "question_seconds": statistics.median(own),
        "node_question_seconds": statistics.median(nodes),
        "remembered_bytes": remembered,
    }


def _remembered(desk: _Desk) -> float:
    """What Python's own memory grows by for each question; gRPC's buffers are not in it."""
    asked, memory = [], []
    tracemalloc.start()
    try:
        for look in range(4):
            for _ in range(10):
                desk.ask(Describe())
            gc.collect()
            asked.append(look * 10 * PROVIDERS)
            memory.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    return slope(asked[1:], memory[1:])


def _large(desk: _Desk, blobs: MemoryBlobs) -> dict[str, float]:
    """Answers, questions and files that grow."""
    digest, pulled = blobs.publish(_model(_WIDTHS[0], 0)), []
    answers = _grown(desk, {size: _statistics(digest, size) for size in _CLASSES})
    questions = _grown(desk, {size: _heads(digest, size) for size in _TASKS})
    for width in _WIDTHS:
        size, seconds = 0, []
        for number in range(1, 4):  # each is another file, which one process pulls once
            data = _model(width, number)
            size, query = len(data), _statistics(blobs.publish(data), 1)
            seconds.append(desk.took(lambda query=query: desk.ask(query)).coordinator)  # type: ignore[misc]
            desk.acknowledge()
        pulled.append((size, statistics.median(seconds)))
    received, here = [own.received for own, _ in answers], [own.coordinator for _, own in answers]
    return {
        "answer_byte_seconds": slope(received, here),
        "node_byte_seconds": slope(received, [own.nodes for _, own in answers]),
        "sent_byte_seconds": slope(
            [own.sent for own, _ in questions], [own.coordinator for _, own in questions]
        ),
        "file_byte_seconds": slope([n for n, _ in pulled], [t for _, t in pulled]),
    }


@dataclass(frozen=True, slots=True)
class _Bytes:
    sent: int
    received: int


def _grown(desk: _Desk, queries: Mapping[int, Query]) -> list[tuple[_Bytes, _Took]]:
    """Ask each several times; bytes and seconds of all."""
    found = []
    for query in queries.values():
        desk.ask(query)  # files are pulled, models parsed
        desk.sizes.clear()
        took = desk.took(partial(_again, desk, query))
        sent, received = (sum(each) for each in zip(*desk.sizes, strict=True))
        found.append((_Bytes(sent, received), took))
        desk.acknowledge()
    return found


def _again(desk: _Desk, query: Query) -> None:
    for _ in range(_LARGE):
        desk.ask(query)


def _names(number: int) -> tuple[str, ...]:
    return tuple(f"nobody/{each:04d}" for each in range(number))


def _statistics(model: Digest, classes: int) -> HeadStatistics:
    """Its answer has 17 KB for each class."""
    return HeadStatistics((model,), _names(classes), 64, unit_length=False, halved=False)


def _heads(model: Digest, tasks: int) -> HeadCorrect:
    """It has 5 KB for each task."""
    ways, width = 20, 64
    return HeadCorrect(
        (model,),
        _names(ways),
        False,
        np.tile(np.arange(ways, dtype=np.int32), (tasks, 1)),
        np.zeros((1, tasks, ways, width), np.float32),
        np.zeros((1, tasks, ways), np.float32),
    )


def _model(width: int, number: int) -> bytes:
    """The file of a model of dSprites' images that says the same of all; no two are alike."""
    network = architecture("sprite-cnn", {"widths": (2, 2, width), "hidden": 4096})
    shapes = network.tensor_shapes().items()
    return to_bytes(
        ModelFile(network, {name: torch.full(shape, number / 8) for name, shape in shapes})
    )
