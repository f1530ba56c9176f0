"""Bytes of questions and answers, and of all messages of an attempt at a masked sum."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from protocols.mquery import SignedQuestion
from protocols.queries import Query
from protocols.secagg.graph import Graph, graph_for
from protocols.secagg.messages import (
    ADVERTISEMENT_BYTES,
    KEY_BYTES,
    SEALED_BYTES,
    SIGNATURE_BYTES,
    Advertisement,
    Agreement,
    Delivery,
    KeyList,
    SealedShares,
    Signed,
    Survivors,
    Unmasking,
)
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.shamir import SHARE_BYTES
from protocols.sizes import array_like, encoded_size, octets_like

_KEY, _SIGNATURE = bytes(KEY_BYTES), bytes(SIGNATURE_BYTES)


def query_size(query: Query) -> int:
    """Bytes of a question's body."""
    fields = {field.name: getattr(query, field.name) for field in dataclasses.fields(query)}
    return encoded_size(query.function, fields)


def answer_size(query: Query, lengths: Mapping[str, int]) -> int:
    """Bytes of an answer's body.

    Args:
        query: The question.
        lengths: Of the axes that may have any length, by the array's name.
    """
    arrays = {
        name: array_like(
            spec.dtype, tuple(lengths[name] if side is None else side for side in spec.shape)
        )
        for name, spec in query.answer.items()
    }
    return encoded_size("", arrays)


@dataclass(frozen=True, slots=True)
class AttemptSize:
    """Bodies of one attempt in which nobody drops out.

    Attributes:
        question: Bytes of what opens the first round, the same for each party.
        sent: Bytes to all parties together, in all rounds.
        received: Bytes from all parties together.
        neighbours: Whom each party draws; all others where the graph is complete.
    """

    question: int
    sent: int
    received: int
    neighbours: int


def attempt_size(question: AggregationQuestion) -> AttemptSize:
    """Bytes of an attempt at a masked sum.

    Above 32 parties neighbours are drawn by chance: then all parties are taken to have as many
    others' shares as they have drawn, which is the mean.
    """
    count = len(question.parties)
    graph = graph_for(
        count,
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=count,
    )
    opening = _step(Round.ADVERTISE, _signed(question.encoded_size()))
    return AttemptSize(
        opening,
        count * (opening + sum(_step(*message) for message in _messages(graph))),
        count * (_replies(graph) + _vector(question)),
        graph.degree,
    )


def _messages(graph: Graph) -> list[tuple[Round, int]]:
    """Bytes of the coordinator's messages to one party, after the question."""
    everyone = range(graph.parties)
    others = dict.fromkeys(range(graph.degree), bytes(SEALED_BYTES))
    signatures = dict.fromkeys(everyone, _SIGNATURE)
    keys = KeyList(tuple(everyone), bytes(graph.parties * ADVERTISEMENT_BYTES))
    return [
        (Round.SHARE, len(keys.encode())),
        (Round.MASK, len(Delivery(dict.fromkeys(everyone, _KEY), others).encode())),
        (Round.SIGN, len(Survivors(signatures).encode())),
        (Round.UNMASK, len(Agreement(signatures).encode())),
    ]


def _replies(graph: Graph) -> int:
    """Bytes of one party's messages, but for its vector."""
    others = dict.fromkeys(range(graph.degree), bytes(SEALED_BYTES))
    held = dict.fromkeys(range(graph.degree + graph.complete), bytes(SHARE_BYTES))
    return sum(
        len(message.encode())
        for message in (
            Advertisement(_KEY, _KEY, _KEY, _KEY, _SIGNATURE),
            SealedShares(_KEY, others),
            Signed(_SIGNATURE),
            Unmasking(held, {}),
        )
    )


def _vector(question: AggregationQuestion) -> int:
    """Bytes of one party's masked vector."""
    dtype = f"int{question.encoding.width}"
    return encoded_size(
        "masked",
        {
            "vector": array_like(dtype, (question.length,)),
            "signature": octets_like(SIGNATURE_BYTES),
        },
    )


def _signed(body: int) -> int:
    """Bytes of a signed question."""
    values = {"body": octets_like(body), "signature": octets_like(SIGNATURE_BYTES)}
    return encoded_size(f"signed {SignedQuestion.purpose}", values)


def _step(round_: Round, message: int) -> int:
    """Bytes of what opens a round at a party."""
    values = {
        "round": round_.value,
        "transcript": octets_like(32),
        "message": octets_like(message),
    }
    return encoded_size("mquery", values)
