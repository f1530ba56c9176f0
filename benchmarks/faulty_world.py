"""A secure aggregation in a world where everything fails: messages, nodes, the coordinator.

A schedule is drawn from a seed and played against a fake clock: messages are lost, repeated, late
and overtake one another; nodes restart and have forgotten the attempt, or are gone for good, or
hold a value that may not leave; the coordinator restarts and begins the next attempt. In attempt k,
party i adds k times the unit vector e_i, so a contribution that is lost, doubled or of another
attempt is seen in the sum.

In the style of the simulation in `divviup/janus`.
"""

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import count

import numpy as np
import numpy.typing as npt

from protocols.errors import Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.encoding import Encoding
from protocols.secagg.floors import Floors
from protocols.secagg.keys import Identity, derive, verified
from protocols.secagg.messages import Unmasking
from protocols.secagg.participant import Participant
from protocols.secagg.question import (
    MAX_ATTEMPTS,
    AggregationQuestion,
    expected_corrupt,
    minimum_threshold,
)
from protocols.secagg.rounds import Aborted, Round
from protocols.secagg.server import Server, Sum
from protocols.secagg.states import Party

DEADLINE = 10.0
"""Fake seconds that a round lasts at most."""


@dataclass(frozen=True, slots=True)
class Faults:
    """How a world misbehaves.

    Attributes:
        lost: Probability that a message is lost.
        repeated: Probability that it arrives a second time, later.
        delay: Mean of a message's travelling time, in seconds.
        late: Probability that it takes up to three deadlines more.
        node_restarts: How often nodes lose their memory, for one round of all.
        leavers: Probability that a node is gone for good at some time.
        withheld: Probability that a node has a value out of bound, in an attempt.
        coordinator_restarts: Probability that the coordinator restarts, in an attempt.
    """

    lost: float
    repeated: float
    delay: float
    late: float
    node_restarts: float
    leavers: float
    withheld: float
    coordinator_restarts: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a schedule ended.

    Attributes:
        parties: How many were asked.
        attempts: How many were made.
        survivors: How many are in the sum; 0 where there is none.
        reason: Why there is no sum; empty where there is one.
        happened: Faults and messages, by kind.
    """

    parties: int
    attempts: int
    survivors: int
    reason: str
    happened: Counter[str]


class WrongSumError(AssertionError):
    """A sum that is not that of its survivors, or a secret that should not have been told."""


def play(seed: int, parties: int | None = None) -> Outcome:
    """Draw a schedule and play it to its end.

    Args:
        seed: Decides everything.
        parties: How many take part; drawn if not given, mostly 2 to 12.

    Raises:
        WrongSumError: What must never happen.
    """
    random = np.random.default_rng(seed)
    if parties is None:
        low, high = ((2, 13), (13, 33), (33, 45))[random.choice(3, p=[0.975, 0.015, 0.01])]
        parties = int(random.integers(low, high))
    return _World(parties, _faults(random, parties), random).run()


def _faults(random: np.random.Generator, parties: int) -> Faults:
    """Each kind of fault is absent from some worlds, rare in others, and frequent in the rest."""

    def rate(most: float) -> float:
        return float(random.choice([0.0, 0.1, 1.0]) * random.uniform(0, most))

    # About as many as end some attempts and let others pass, whatever their size.
    each = 1 / np.sqrt(parties)
    return Faults(
        lost=rate(0.3 * each),
        repeated=rate(0.8),
        delay=float(random.uniform(0.01, 2.0)),
        late=rate(0.2 * each),
        node_restarts=rate(0.5),
        leavers=rate(0.5 * each),
        withheld=rate(0.2 * each),
        coordinator_restarts=rate(0.8),
    )


_verified = lru_cache(maxsize=1024)(verified)
"""All see the same signatures: one check serves the whole world."""


@lru_cache(maxsize=64)
def _identity(name: ProviderId) -> Identity:
    return Identity.from_bytes(derive(name.encode(), salt=b"", info=b"identity"))


def _question(parties: tuple[ProviderId, ...], attempt: int) -> AggregationQuestion:
    threshold = minimum_threshold(len(parties))
    return AggregationQuestion(
        job=JobId("simulation"),
        query=QueryId(0, 0, 0),
        attempt=attempt,
        body=b"one-hot",
        parties=parties,
        slots=("all",),
        rows=np.ones((len(parties), 1), np.int64),
        threshold=threshold,
        corrupt=expected_corrupt(len(parties)),
        dropouts=len(parties) - threshold,
        length=len(parties),
        encoding=Encoding.choose(float(MAX_ATTEMPTS), len(parties), step=1.0),
        manifest=digest_of(b"simulation"),
    )


@dataclass
class _Node:
    """A provider's node: what it remembers, and what survives a restart.

    Attributes:
        name: Who it is.
        seed: Gives the secrets of its attempts.
        withheld: Attempts in which its value is out of bound.
        last: The latest attempt that it ever began; on its disk.
        open: The attempt under way, in memory.
        gone: Whether it is gone for good.
    """

    name: ProviderId
    seed: bytes
    withheld: frozenset[int]
    last: int = 0
    open: tuple[int, Participant] | None = None
    gone: bool = False

    def answer(self, attempt: int, round_: Round, body: bytes) -> bytes | None:
        """Its reply, or None if it does not take part, any more or at all."""
        if round_ is Round.ADVERTISE and attempt > self.last:
            self._begin(attempt, AggregationQuestion.decode(body))
        if self.open is None or self.open[0] != attempt:
            return None
        try:
            return self.open[1].answer(round_, b"" if round_ is Round.ADVERTISE else body)
        except Refused:
            return None

    def _begin(self, attempt: int, question: AggregationQuestion) -> None:
        self.last = attempt
        identities = {name: _identity(name).public for name in question.parties}
        party = Party(self.name, question, _identity(self.name), identities, Floors(), _verified)
        seed = derive(self.seed, salt=b"", info=b"attempt %d" % attempt)
        self.open = attempt, Participant(party, seed, partial(self._values, question))

    def _values(self, question: AggregationQuestion) -> npt.NDArray[np.float64]:
        values = np.zeros(question.length)
        wrong = question.attempt in self.withheld
        values[question.index(self.name)] = np.nan if wrong else question.attempt
        return values


class _World:
    """The events of one schedule, in the order of the fake clock."""

    def __init__(self, parties: int, faults: Faults, random: np.random.Generator) -> None:
        self._faults, self._random = faults, random
        self._names = tuple(ProviderId(f"node{i:03}") for i in range(parties))
        self._nodes = {
            name: _Node(
                name,
                random.bytes(32),
                frozenset(a for a in range(1, MAX_ATTEMPTS + 1) if self._chance(faults.withheld)),
            )
            for name in self._names
        }
        self._now = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._attempt = 0
        self._server: Server | None = None
        self._messages: dict[ProviderId, bytes] = {}
        self._result: Sum | None = None
        self._reason = ""
        self._told: dict[int, _Told] = {}
        self._happened: Counter[str] = Counter()

    def run(self) -> Outcome:
        """Play until nothing is left to happen: also what arrives after the end."""
        self._begin("")
        for name, node in self._nodes.items():
            if self._chance(self._faults.leavers):
                self._later(self._random.uniform(0, 6 * DEADLINE), partial(self._leave, node))
            for _ in range(self._random.poisson(self._faults.node_restarts / len(self._names) * 5)):
                self._later(self._random.uniform(0, 6 * DEADLINE), partial(self._restart, name))
        while self._events:
            self._now, _, event = heapq.heappop(self._events)
            event()
        self._check()
        survivors = len(self._result.survivors) if self._result else 0
        return Outcome(len(self._names), self._attempt, survivors, self._reason, self._happened)

    # The coordinator.

    def _begin(self, why: str) -> None:
        """Start the next attempt, unless the last one was made."""
        self._server = None
        if self._attempt == MAX_ATTEMPTS:
            self._reason = why
            return
        self._attempt += 1
        self._told[self._attempt] = _Told()
        question = _question(self._names, self._attempt)
        identities = {name: _identity(name).public for name in self._names}
        self._server = Server(question, identities, _verified)
        self._open(dict.fromkeys(self._names, question.encode()))
        if self._chance(self._faults.coordinator_restarts):
            restart = partial(self._restart_coordinator, self._attempt)
            self._later(self._random.uniform(0, 10 * self._faults.delay), restart)

    def _open(self, messages: dict[ProviderId, bytes]) -> None:
        assert self._server is not None
        self._messages = messages
        here = self._attempt, self._server.round
        for name in messages:
            self._ask(here, name)
        self._later(DEADLINE / 2, partial(self._ask_again, here))
        self._later(DEADLINE, partial(self._deadline, here))

    def _ask(self, here: tuple[int, Round], name: ProviderId) -> None:
        self._send(partial(self._at_node, here, name, self._messages[name]))

    def _ask_again(self, here: tuple[int, Round]) -> None:
        """A connection that was lost came back: whoever has not answered is asked once more."""
        if self._is_now(here):
            assert self._server is not None
            for name in sorted(self._server.waiting):
                self._happened["asked again"] += 1
                self._ask(here, name)

    def _at_coordinator(self, here: tuple[int, Round], name: ProviderId, reply: bytes) -> None:
        if not self._is_now(here):
            self._happened["replies too late"] += 1
            return
        assert self._server is not None
        self._server.receive(name, reply)
        if not self._server.waiting:
            self._close()

    def _deadline(self, here: tuple[int, Round]) -> None:
        if self._is_now(here):
            self._happened["deadlines"] += 1
            self._close()

    def _close(self) -> None:
        assert self._server is not None
        try:
            if self._server.round is Round.UNMASK:
                self._result, self._server = self._server.finish(), None
            else:
                self._open(self._server.close())
        except Aborted as aborted:
            self._happened[f"aborts in {aborted.round}"] += 1
            self._begin(str(aborted))

    def _restart_coordinator(self, attempt: int) -> None:
        if self._server is not None and self._attempt == attempt:
            self._happened["coordinator restarts"] += 1
            self._begin("the coordinator restarted")

    def _is_now(self, here: tuple[int, Round]) -> bool:
        return self._server is not None and here == (self._attempt, self._server.round)

    # The nodes.

    def _at_node(self, here: tuple[int, Round], name: ProviderId, body: bytes) -> None:
        node = self._nodes[name]
        if node.gone:
            return
        attempt, round_ = here
        reply = node.answer(attempt, round_, body)
        if reply is None:
            self._happened["refusals"] += 1
            return
        if round_ is Round.UNMASK:
            self._told[attempt].hear(Unmasking.decode(reply))
        self._send(partial(self._at_coordinator, here, name, reply))

    def _restart(self, name: ProviderId) -> None:
        self._happened["node restarts"] += 1
        self._nodes[name].open = None

    def _leave(self, node: _Node) -> None:
        self._happened["nodes gone"] += 1
        node.gone = True

    # The network and the clock.

    def _send(self, arrive: Callable[[], None]) -> None:
        self._happened["messages"] += 1
        if self._chance(self._faults.lost):
            self._happened["lost"] += 1
            return
        delay = self._random.exponential(self._faults.delay)
        if self._chance(self._faults.late):
            self._happened["late"] += 1
            delay += self._random.uniform(0, 3 * DEADLINE)
        self._later(delay, arrive)
        if self._chance(self._faults.repeated):
            self._happened["repeated"] += 1
            self._later(delay + self._random.exponential(self._faults.delay), arrive)

    def _later(self, delay: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self._now + delay, next(self._order), event))

    def _chance(self, probability: float) -> bool:
        return bool(self._random.random() < probability)

    # What has to hold.

    def _check(self) -> None:
        for told in self._told.values():
            if told.own & told.pair:
                raise WrongSumError("shares of both secrets of one party were told")
        if self._result is None:
            if not self._reason:
                raise WrongSumError("there is neither a sum nor a reason")
            return
        present = set(self._result.survivors)
        if len(present) != len(self._result.survivors) or not present <= set(self._names):
            raise WrongSumError(f"these are no survivors: {self._result.survivors}")
        if len(present) < minimum_threshold(len(self._names)):
            raise WrongSumError(f"only {len(present)} survivors")
        expected = [self._attempt * (name in present) for name in self._names]
        if self._result.total.tolist() != expected:
            raise WrongSumError(f"the sum is {self._result.total.tolist()}, not {expected}")


@dataclass
class _Told:
    """Of whom shares were told in an attempt: of the own mask's seed, of the masking key."""

    own: set[int] = field(default_factory=set)
    pair: set[int] = field(default_factory=set)

    def hear(self, unmasking: Unmasking) -> None:
        self.own.update(unmasking.own_masks)
        self.pair.update(unmasking.pair_masks)
