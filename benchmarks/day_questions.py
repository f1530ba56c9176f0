"""What a node is asked in a day, and what is done to it meanwhile."""

import random
import threading
import time
from collections import Counter, deque
from concurrent.futures import Future, wait
from functools import partial
from typing import Final, NamedTuple

from benchmarks.cut_wire import CutWire
from benchmarks.one_site import PATIENCE, SITE, Coordinator, Site
from coordinator.session_questions import QueryRefused, Question
from protocols.errors import Code
from protocols.ids import Digest, QueryId, digest_of
from protocols.queries import (
    ClassOutputs,
    Describe,
    Query,
    SquaredError,
    TargetFeatures,
    encode_query,
)
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from synlearn.zoo.architectures import architecture
from synlearn.zoo.formats.torch import ModelFile, to_bytes
from synlearn.zoo.training import initial_stack

ACKNOWLEDGED_EVERY: Final = 1000
IN_FLIGHT: Final = 256
_PHASE: Final = 9
_CLASSES: Final = (("ant",), ("bee", "cat"), ("ant", "cat", "dog"), ("dog",))
_SHARES: Final = {
    "describe": 40,
    "class_outputs": 38,
    "target_features": 20,
    "forbidden": 1,
    "repeated": 1,
}
"""Of a hundred questions."""
_CUT_EVERY: Final = 40_000
_TOGETHER: Final = 16
"""Questions handed over at a time."""
POLICY: Final = 'profile = "open"\n[functions.squared_error]\nallow = false\n# edition {}\n'
"""With what it forbids."""
_WINDOWS: Final = 3
_DESCRIBE: Final = encode_query(Describe())


class _Asked(NamedTuple):
    """A question, and the refusal that it has to meet."""

    query: QueryId
    body: bytes
    refusal: Code | None = None


class Day:
    """Asks one site.

    Args:
        coordinator: Who asks.
        site: Who answers.
        wire: Between them.
        total: How many questions.

    Attributes:
        asked: How many were asked so far.
        kinds: How many of each kind.
        cuts: How often the wire was cut.
        paused: Seconds for which the owner had paused the node, or was about to.
        answers: SHA-256 of each answer that came.
        refused: The questions that were refused, as they should be.
        unexpected: What else came, in words.
    """

    def __init__(self, coordinator: Coordinator, site: Site, wire: CutWire, total: int) -> None:
        self.total = total
        self.asked = self.cuts = 0
        self.paused = 0.0
        self.kinds: Counter[str] = Counter()
        self.answers: dict[QueryId, Digest] = {}
        self.refused: set[QueryId] = set()
        self.unexpected: list[str] = []
        self._server, self._site, self._wire = coordinator.server, site, wire
        self._bodies = _bodies(coordinator)
        self._random = random.Random(0)  # noqa: S311 - no secret
        self._room = threading.Semaphore(IN_FLIGHT)
        self._waiting: list[_Asked] = []
        self._open: deque[tuple[_Asked, Future[bytes]]] = deque()
        self._settled: list[_Asked] = []
        self._ends: deque[QueryId] = deque()

    def begin(self) -> None:
        """Ask every question once: the node starts its worker, pulls and keeps what it needs."""
        allowed = (body for kind, of in self._bodies.items() if kind != "forbidden" for body in of)
        for place, body in enumerate(allowed):
            self._put(_Asked(QueryId(_PHASE, 0, place), body))
        self._drain()

    def live(self) -> None:
        """Ask all, acknowledge all."""
        times = max(1, self.total // _CUT_EVERY)
        cuts = {self.total * (place + 1) // (times + 1) for place in range(times)}
        for step in range(1, self.total + 1):
            self._put(self._next(step))
            self.asked = step
            if step % ACKNOWLEDGED_EVERY == 0:
                self._acknowledge()
            if step in cuts:
                self._wire.cut()
                self.cuts += 1
            if step == self.total // 4:
                self._site.home.policy.write_text(POLICY.format(1))
            if step == self.total * 3 // 4:
                self._pause()
        self._drain()
        for _ in range(_WINDOWS):
            self._acknowledge()

    def _next(self, step: int) -> _Asked:
        """The next question."""
        (kind,) = self._random.choices(list(_SHARES), list(_SHARES.values()))
        if kind == "repeated" and not self._settled:
            kind = "describe"
        self.kinds[kind] += 1
        if kind == "repeated":
            return self._random.choice(self._settled)
        body = self._random.choice(self._bodies[kind])
        refusal = Code.NOT_ALLOWED if kind == "forbidden" else None
        return _Asked(QueryId(_PHASE, step, 0), body, refusal)

    def _put(self, asked: _Asked) -> None:
        if not self._room.acquire(blocking=False):
            self._hand_over()
            if not self._room.acquire(timeout=PATIENCE):
                raise SystemExit("the node has stopped answering")
        self._waiting.append(asked)
        if len(self._waiting) >= _TOGETHER:
            self._hand_over()

    def _hand_over(self) -> None:
        waiting, self._waiting = self._waiting, []
        futures = self._server.ask_many(
            [Question(SITE, each.query, each.body, PATIENCE) for each in waiting]
        )
        for asked, future in zip(waiting, futures, strict=True):
            self._open.append((asked, future))
            future.add_done_callback(partial(self._came, asked))

    def _came(self, asked: _Asked, found: Future[bytes]) -> None:
        """Note what came; called in the thread of the sessions."""
        error = found.exception()
        if error is None:
            digest = digest_of(found.result())
            if asked.refusal or self.answers.setdefault(asked.query, digest) != digest:
                self.unexpected.append(f"{asked.query}: another answer, or one too many")
        elif isinstance(error, QueryRefused) and error.code is asked.refusal:
            self.refused.add(asked.query)
        else:
            self.unexpected.append(f"{asked.query}: {error}")
        self._room.release()

    def _acknowledge(self) -> None:
        """Let the node drop what nobody will ask for again.

        Answers that have come since the last time are asked for again until the next one, and
        acknowledged the time after it.
        """
        self._hand_over()
        self._settled, since = [], max(self._ends, default=QueryId(_PHASE, 0, 0))
        while self._open and self._open[0][1].done():
            asked, future = self._open.popleft()
            if future.exception() is None and asked.query > since:  # no repeated one
                self._settled.append(asked)
        self._ends.append(max([since, *(asked.query for asked in self._settled)]))
        if len(self._ends) >= _WINDOWS:
            self._server.acknowledge(self._ends.popleft())

    def _drain(self) -> None:
        self._hand_over()
        wait([future for _, future in self._open], PATIENCE)

    def _pause(self) -> None:
        """Pause the node, see that it refuses, and resume it."""
        self._drain()
        begun = time.perf_counter()
        self._site.command("pause", "--reason", "a look at the data")
        for part in range(1, 6):
            self._put(_Asked(QueryId(_PHASE, self.asked, part), _DESCRIBE, Code.PAUSED))
        self._drain()
        self._site.command("resume")
        self.paused = time.perf_counter() - begun
        self.kinds["while_paused"] += 5


def _bodies(coordinator: Coordinator) -> dict[str, list[bytes]]:
    """The questions of each kind."""
    small = architecture(
        "picture-cnn", {"widths": (4, 4, 4), "kernel": 3, "hidden": 8, "classes": 4}
    )
    models = []
    for seed in range(4):
        tensors = initial_stack(["a"], small, seed=seed)
        file = to_bytes(ModelFile(small, {name: each[0] for name, each in tensors.items()}))
        models.append(coordinator.blobs.publish(file))
    backbone = coordinator.blobs.publish(
        save_backbone(Backbone(BackboneSpec(channels=3, width=2, features=8)))
    )
    queries: dict[str, list[Query]] = {
        "class_outputs": [ClassOutputs((model,), some, 4) for model in models for some in _CLASSES],
        "target_features": [TargetFeatures(backbone, 5, draws) for draws in (1, 2)],
        "forbidden": [SquaredError((models[0],), 5)],
    }
    encoded = {kind: [encode_query(each) for each in of] for kind, of in queries.items()}
    return encoded | {"describe": [_DESCRIBE]}
