"""Questions, parties and whole attempts for the tests of secure aggregation.

An `Attempt` carries the messages between honest parties and an honest coordinator. A test stops it
before the round in which somebody lies, changes what is about to be delivered, and looks on.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pytest

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.encoding import Encoding
from protocols.secagg.floors import Floors
from protocols.secagg.keys import Identity, verified
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.participant import Participant
from protocols.secagg.question import (
    AggregationQuestion,
    expected_corrupt,
    minimum_threshold,
)
from protocols.secagg.rounds import Round
from protocols.secagg.server import Server, Sum
from protocols.secagg.states import Party, Verify

Vector = npt.NDArray[np.float64]


def named(index: int) -> ProviderId:
    """The name of the party at `index`; names and indices are in the same order."""
    return ProviderId(f"p{index:04}")


def bytes_of(*what: object) -> bytes:
    """32 bytes, always the same for the same things."""
    return hashlib.sha256(repr(what).encode()).digest()


def identity(name: str) -> Identity:
    """The lasting key of a party."""
    return Identity.from_bytes(bytes_of("identity", name))


def ask(
    parties: int | Sequence[ProviderId] = 3,
    *,
    threshold: int | None = None,
    length: int = 4,
    slots: Sequence[str] = (),
    rows: Sequence[Sequence[int]] | None = None,
    attempt: int = 1,
    query: QueryId | None = None,
    body: bytes = b"class_feature_sums of model 1",
    corrupt: int | None = None,
    dropouts: int = 0,
    bound: float = 1.0,
    step: float = 2.0**-10,
    noise: DiscreteGaussian | None = None,
    width: int | None = None,
) -> AggregationQuestion:
    """A question that honest parties answer, but for what a test changes in it."""
    names = tuple(map(named, range(parties))) if isinstance(parties, int) else tuple(parties)
    count = len(names)
    table = np.ones((count, len(slots)), np.int64) if rows is None else np.array(rows, np.int64)
    encoding = Encoding.choose(bound, count, step=step, noise=noise)
    if width is not None:
        encoding = Encoding(bound, step, width, noise)
    return AggregationQuestion(
        job=JobId("job"),
        query=query or QueryId(1, 2, 3),
        attempt=attempt,
        body=body,
        parties=names,
        slots=tuple(slots),
        rows=table.reshape(count, len(slots)),
        threshold=minimum_threshold(count) if threshold is None else threshold,
        corrupt=(expected_corrupt(count) if count > 32 else 0) if corrupt is None else corrupt,
        dropouts=dropouts,
        length=length,
        encoding=encoding,
        manifest=digest_of(b"manifest"),
    )


def one_hot(question: AggregationQuestion) -> dict[ProviderId, Vector]:
    """Party i contributes e_i: a lost or a doubled contribution is seen in the sum."""
    return {
        name: np.eye(1, question.length, index, dtype=np.float64)[0]
        for index, name in enumerate(question.parties)
    }


def remembered() -> Verify:
    """Checks each signature once, for all parties of a test."""
    return lru_cache(maxsize=4096)(verified)


def participant(
    question: AggregationQuestion,
    name: ProviderId,
    values: Vector | None = None,
    *,
    floors: Floors | None = None,
    identities: Mapping[ProviderId, bytes] | None = None,
    seed: bytes | None = None,
    verify: Verify = verified,
) -> Participant:
    """An honest party that was asked `question`."""
    vector = np.zeros(question.length) if values is None else values
    known = {each: identity(each).public for each in question.parties}
    party = Party(
        name,
        question,
        identity(name),
        known if identities is None else identities,
        floors or Floors(),
        verify,
    )
    seed = bytes_of("attempt", name, question.query, question.attempt) if seed is None else seed
    return Participant(party, seed, lambda: vector)


@dataclass
class Attempt:
    """Honest parties and an honest coordinator, some way through an attempt.

    Attributes:
        question: What is asked.
        values: Each party's vector; one-hot by default.
        participants: By name.
        server: The coordinator.
        bodies: What opens the round that comes next, by party; it may be changed.
        replies: What the parties sent, by round and name.
        refusals: Of the parties that ended the attempt for themselves.
        over: Whether the last round was played.
    """

    question: AggregationQuestion
    values: Mapping[ProviderId, Vector] = field(default_factory=dict)
    floors: Floors = field(default_factory=Floors)
    verify: Verify = verified
    participants: dict[ProviderId, Participant] = field(init=False)
    server: Server = field(init=False)
    bodies: dict[ProviderId, bytes] = field(init=False)
    replies: dict[Round, dict[ProviderId, bytes]] = field(init=False)
    refusals: dict[ProviderId, Refused] = field(init=False, default_factory=dict)
    over: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        names = self.question.parties
        self.values = self.values or one_hot(self.question)
        self.participants = {
            name: participant(
                self.question, name, self.values[name], floors=self.floors, verify=self.verify
            )
            for name in names
        }
        identities = {name: identity(name).public for name in names}
        self.server = Server(self.question, identities, self.verify)
        self.bodies = dict.fromkeys(names, b"")
        self.replies = {round_: {} for round_ in Round}

    def __getitem__(self, index: int) -> Participant:
        return self.participants[named(index)]

    def until(self, round_: Round, *, silent: Iterable[int] = ()) -> "Attempt":
        """Play all rounds before `round_`; the silent ones drop out of the next one played."""
        while self.server.round is not round_:
            self.play(silent=silent)
        return self

    def play(
        self,
        *,
        silent: Iterable[int] = (),
        tamper: Callable[[ProviderId, bytes], bytes] = lambda _, body: body,
    ) -> "Attempt":
        """One round, and the coordinator's reply to it; who refuses has dropped out."""
        left_out = {named(index) for index in silent}
        for name in sorted(self.bodies.keys() - left_out):
            try:
                reply = self.answer(name, self.bodies[name])
            except Refused as refused:
                self.refusals[name] = refused
            else:
                self.hear(name, tamper(name, reply))
        self.over = self.server.round is Round.UNMASK
        if not self.over:
            self.bodies = self.server.close()
        return self

    def answer(self, name: ProviderId, body: bytes) -> bytes:
        """What a party replies to `body` in the coordinator's round; it is not delivered."""
        reply = self.participants[name].answer(self.server.round, body)
        self.replies[self.server.round][name] = reply
        return reply

    def hear(self, name: ProviderId, reply: bytes) -> None:
        """Deliver a party's reply."""
        self.server.receive(name, reply)

    def refuses(self, index: int, body: bytes, code: Code, round_: Round | None = None) -> str:
        """Assert that a party refuses `body`, and for good; returns why."""
        party, round_ = self.participants[named(index)], round_ or self.server.round
        with pytest.raises(Refused) as caught:
            party.answer(round_, body)
        assert caught.value.code is code, caught.value
        assert party.next_round is None
        with pytest.raises(Refused):  # no second try with the right message
            party.answer(round_, self.bodies.get(named(index), b""))
        return caught.value.local

    def finish(self) -> Sum:
        """Play on to the end."""
        self.until(Round.UNMASK)
        if not self.over:
            self.play()
        return self.server.finish()
