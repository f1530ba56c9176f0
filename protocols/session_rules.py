"""Which frame is allowed when: one small state machine for each end, with no I/O in it.

Each end owns one machine per stream, and tells it what it receives and what it sends. Receiving
something that is not allowed raises `FrameError`, which ends the stream; sending something that is
not allowed is our own mistake, and an assertion.
"""

from collections import deque
from collections.abc import Mapping
from enum import Enum

from protocols import frames as f
from protocols.errors import Code, FrameError
from protocols.ids import QueryId
from protocols.limits import Limits


class Stage(Enum):
    """How far a stream has come."""

    GREETING = "before the first frame of the other end"
    PROVING = "until the Welcome"
    OPEN = "open"
    OVER = "after the last frame"


_FROM_PROVIDER: dict[Stage, frozenset[type[f.Frame]]] = {
    Stage.GREETING: frozenset({f.Hello, f.Goodbye, f.Error}),
    Stage.PROVING: frozenset({f.Proof, f.Goodbye, f.Error}),
    Stage.OPEN: frozenset(
        {f.Answer, f.Refusal, f.Pending, f.BlobRequest, f.Heartbeat, f.Goodbye, f.Error}
    ),
    Stage.OVER: frozenset(),
}
_FROM_COORDINATOR: dict[Stage, frozenset[type[f.Frame]]] = {
    Stage.GREETING: frozenset({f.Challenge, f.Goodbye, f.Error}),
    Stage.PROVING: frozenset({f.Welcome, f.Goodbye, f.Error}),
    Stage.OPEN: frozenset(
        {f.Question, f.Ack, f.BlobChunk, f.BlobError, f.Heartbeat, f.Goodbye, f.Error}
    ),
    Stage.OVER: frozenset(),
}
_UNPROVEN = _FROM_COORDINATOR | {Stage.GREETING: frozenset({f.Welcome, f.Goodbye, f.Error})}
_LAST = frozenset({f.Goodbye, f.Error})
_NEXT: dict[type[f.Frame], Stage] = {
    f.Hello: Stage.PROVING,
    f.Challenge: Stage.PROVING,
    f.Welcome: Stage.OPEN,
    f.Goodbye: Stage.OVER,
    f.Error: Stage.OVER,
}


class _Rules:
    """What both ends share: the stage, and the kinds allowed in it."""

    def __init__(self, allowed: Mapping[Stage, frozenset[type[f.Frame]]]) -> None:
        self.stage = Stage.GREETING
        self._allowed = allowed

    @property
    def shaking_hands(self) -> bool:
        """Whether the provider is not let in yet."""
        return self.stage in {Stage.GREETING, Stage.PROVING}

    def _step(self, frame: f.Frame) -> None:
        kind = type(frame)
        allowed = self._allowed[self.stage]
        if kind not in allowed:
            where = f", {self.stage.value} of the session"
            if self.shaking_hands:
                (due,) = allowed - _LAST
                where = f" where a {due.__name__} was due"
            raise FrameError(Code.OUT_OF_ORDER, f"It was a {kind.__name__}{where}.")
        self.stage = _NEXT.get(kind, self.stage)


class CoordinatorRules(_Rules):
    """The coordinator's end of one stream.

    Every question sent on a stream has exactly one Answer or Refusal on that stream, also when its
    deadline has passed. So the two ends always agree on how many are open.
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__(_FROM_PROVIDER)
        self.open: set[QueryId] = set()
        self.in_flight = limits.in_flight
        self.max_body = limits.max_body
        self.max_blob_requests = limits.blob_window
        self.blob_requests = 0

    def receive(self, frame: f.Frame) -> None:
        """Check a frame of the provider; FrameError where it breaks the rules."""
        self._step(frame)
        if isinstance(frame, f.Answer | f.Refusal):
            self._check_open(frame)
            self.open.remove(frame.query)
        elif isinstance(frame, f.Pending):
            self._check_open(frame)
        elif isinstance(frame, f.BlobRequest):
            if self.blob_requests >= self.max_blob_requests:
                raise FrameError(
                    Code.TOO_MANY, f"At most {self.max_blob_requests} file requests may be open."
                )
            self.blob_requests += 1
        elif isinstance(frame, f.Hello):
            self.in_flight = min(self.in_flight, frame.in_flight)
            self.max_body = min(self.max_body, frame.max_body)

    def welcomed(self) -> None:
        """Note the Welcome as sent: nothing but a Proof may come before."""
        assert self.stage is Stage.PROVING  # noqa: S101 - our own mistake
        self.stage = Stage.OPEN

    def may_ask(self, query: QueryId) -> bool:
        """Whether a question may be sent now."""
        return len(self.open) < self.in_flight and query not in self.open

    def asked(self, query: QueryId) -> None:
        """Note a question as sent."""
        assert self.stage is Stage.OPEN  # noqa: S101 - our own mistake
        assert self.may_ask(query)  # noqa: S101 - our own mistake
        self.open.add(query)

    def served(self) -> None:
        """Note the oldest blob request as replied to."""
        assert self.blob_requests > 0  # noqa: S101 - our own mistake
        self.blob_requests -= 1

    def _check_open(self, frame: f.Answer | f.Refusal | f.Pending) -> None:
        if frame.query not in self.open:
            raise FrameError(
                Code.OUT_OF_ORDER,
                f"Question {frame.query} is not open on this stream, and got "
                f"a {type(frame).__name__}.",
            )


class ProviderRules(_Rules):
    """The provider's end of one stream; the mirror of `CoordinatorRules`.

    Args:
        limits: Sizes and times.
        proves: The coordinator has to pose a challenge before its Welcome; False where nodes have
            no roster, and then it must not.
    """

    def __init__(self, limits: Limits, *, proves: bool) -> None:
        super().__init__(_FROM_COORDINATOR if proves else _UNPROVEN)
        self.open: set[QueryId] = set()
        self.in_flight = limits.in_flight
        self.max_chunk = limits.max_chunk
        self.max_body = limits.max_body
        self.blob_window = limits.blob_window
        self.blob_requests: deque[f.BlobRequest] = deque()

    def receive(self, frame: f.Frame) -> None:
        """Check a frame of the coordinator; FrameError where it breaks the rules.

        A question that is open already may come again: it stays one question, with one answer.
        """
        self._step(frame)
        if isinstance(frame, f.Question):
            self.open.add(frame.query)
            if len(self.open) > self.in_flight:
                raise FrameError(
                    Code.TOO_MANY, f"At most {self.in_flight} questions may be open at a time."
                )
        elif isinstance(frame, f.BlobChunk):
            request = self._requested(frame)
            expected = min(request.length, max(0, frame.total - frame.offset))
            if len(frame.data) != expected:
                raise FrameError(
                    Code.MALFORMED,
                    f"A piece of a file had {len(frame.data)} bytes where {expected} were asked.",
                )
        elif isinstance(frame, f.BlobError):
            self._requested(frame)
        elif isinstance(frame, f.Welcome):
            self.max_chunk = min(self.max_chunk, frame.max_chunk)
            self.max_body = min(self.max_body, frame.max_body)
            self.blob_window = min(self.blob_window, frame.blob_window)
            if frame.in_flight > self.in_flight:
                raise FrameError(Code.MALFORMED, "Welcome allows more questions than Hello did.")

    def answered(self, query: QueryId) -> None:
        """Note the Answer or Refusal to an open question as sent."""
        self.open.remove(query)

    def requested(self, request: f.BlobRequest) -> None:
        """Note a piece of a file as asked for."""
        self.blob_requests.append(request)

    def _requested(self, frame: f.BlobChunk | f.BlobError) -> f.BlobRequest:
        if not self.blob_requests:
            raise FrameError(Code.OUT_OF_ORDER, "A piece of a file came that nobody asked for.")
        request = self.blob_requests.popleft()
        if (frame.digest, frame.offset) != (request.digest, request.offset):
            raise FrameError(Code.OUT_OF_ORDER, "A piece of a file came before one asked earlier.")
        return request
