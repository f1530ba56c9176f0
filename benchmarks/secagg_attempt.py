"""Whole attempts at secure aggregation, with one party's or the coordinator's part of them timed.

Messages are passed as bytes, so reading and writing them is timed too. What a party or the
coordinator could have found in another one's memory, it does not find: the timed party checks every
signature itself, reads each message first, and has its own copy of the question.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.encoding import Encoding
from protocols.secagg.floors import Floors
from protocols.secagg.keys import Identity, derive, verified
from protocols.secagg.participant import Participant
from protocols.secagg.question import (
    AggregationQuestion,
    expected_corrupt,
    expected_dropouts,
    minimum_threshold,
)
from protocols.secagg.rounds import Round
from protocols.secagg.server import Server, Sum
from protocols.secagg.states import Party

BOUND = 1.0
_SEED = bytes(range(32))

Vectors = Callable[[int], npt.NDArray[np.float32]]
"""The vector of a party, by its index: (length,) float32 in [-BOUND, BOUND]."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was said in an attempt, and what one party's part of it took.

    Attributes:
        question: What was asked.
        identities: Public identity keys by party.
        said: What the parties sent, by round and party.
        seconds: CPU time of the timed party, by round.
        sent: Bytes that the timed party sent, in all rounds.
        received: Bytes that it was sent, without the question.
        result: The sum.
    """

    question: AggregationQuestion
    identities: Mapping[ProviderId, bytes]
    said: Mapping[Round, Mapping[ProviderId, bytes]]
    seconds: Mapping[Round, float]
    sent: int
    received: int
    result: Sum


def ask(parties: int, length: int) -> AggregationQuestion:
    """The question of the benchmarks, with everything as it is by default."""
    return AggregationQuestion(
        job=JobId("benchmark"),
        query=QueryId(0, 0, 0),
        attempt=1,
        body=b"",
        parties=tuple(ProviderId(f"party-{index:05d}") for index in range(parties)),
        slots=(),
        rows=np.zeros((parties, 0), np.int64),
        threshold=minimum_threshold(parties),
        corrupt=expected_corrupt(parties),
        dropouts=expected_dropouts(parties),
        length=length,
        encoding=Encoding.choose(BOUND, parties),
        manifest=digest_of(b""),
    )


def play(
    question: AggregationQuestion, vectors: Vectors, *, timed: int, dropped: Collection[int] = ()
) -> Attempt:
    """Run an attempt.

    Args:
        question: What is asked.
        vectors: What each party has.
        timed: The party whose time is taken; it stays to the end.
        dropped: Who sends nothing more from MASK on: the coordinator has most to do then.
    """
    names = question.parties
    keys = {name: Identity.from_bytes(_secret(b"identity", name)) for name in names}
    identities = {name: key.public for name, key in keys.items()}
    remembered = lru_cache(maxsize=4 * len(names))(verified)
    subject, own_vector = names[timed], vectors(timed)  # drawn before the clock runs
    parties = {
        name: Participant(
            Party(name, question, keys[name], identities, Floors(), remembered),
            _secret(b"attempt", name),
            lambda index=index: vectors(index),  # type: ignore[misc]
        )
        for index, name in enumerate(names)
    }
    parties[subject] = Participant(
        Party(
            subject,
            AggregationQuestion.decode(question.encode()),
            keys[subject],
            identities,
            Floors(),
            verified,
        ),
        _secret(b"attempt", subject),
        lambda: own_vector,
    )
    silent = {names[index] for index in dropped}
    said: dict[Round, dict[ProviderId, bytes]] = {}
    seconds: dict[Round, float] = {}
    received = 0
    server = Server(question, identities)
    bodies = dict.fromkeys(names, b"")
    for round_ in Round:
        start = time.process_time()
        replies = {subject: parties[subject].answer(round_, bodies[subject])}
        seconds[round_] = time.process_time() - start
        received += len(bodies[subject])
        for name, body in bodies.items():
            if name != subject and (name not in silent or round_ in (Round.ADVERTISE, Round.SHARE)):
                replies[name] = parties[name].answer(round_, body)
        for name, reply in replies.items():
            server.receive(name, reply)
        said[round_] = replies
        bodies = {} if round_ is Round.UNMASK else server.close()
    return Attempt(
        question=question,
        identities=identities,
        said=said,
        seconds=seconds,
        sent=sum(len(replies[subject]) for replies in said.values()),
        received=received,
        result=server.finish(),
    )


def serve(attempt: Attempt) -> tuple[float, Sum]:
    """CPU seconds of a coordinator that hears all that again, and its sum."""
    server = Server(attempt.question, attempt.identities)
    start = time.process_time()
    for round_, replies in attempt.said.items():
        for name, reply in replies.items():
            server.receive(name, reply)
        if round_ is not Round.UNMASK:
            server.close()
    result = server.finish()
    return time.process_time() - start, result


def exact_sum(
    question: AggregationQuestion, vectors: Vectors, parties: Collection[int]
) -> npt.NDArray[np.float64]:
    """The sum of the vectors rounded to the fixed-point step, which float64 holds exactly."""
    total = np.zeros(question.length)
    for party in parties:
        total += np.rint(vectors(party).astype(np.float64) / question.encoding.step)
    return total * question.encoding.step


def _secret(what: bytes, name: ProviderId) -> bytes:
    return derive(_SEED, salt=what, info=name.encode())
