"""A node in secure aggregations whose coordinator holds its key and keeps to nothing else.

An honest run is recorded once. The node under test has the same secrets, so that recorded messages
suit it; what it gets is a choice of these, changed or not, in any order, under signatures that
hold.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from functools import cache
from random import Random

from protocols.errors import Refused
from protocols.ids import ProviderId, QueryId
from protocols.masked import MaskedQuery
from protocols.mquery import Join, SignedQuestion, Step, decode_mquery, round_id
from protocols.queries import ClassFeatureSums
from protocols.secagg.manifest import sign_manifest
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from provider.attempts import AttemptState
from provider.dataset import Float32, Indices
from synlearn.datasets.dsprites_renderer import Shape
from tests.fuzz.bodies import body
from tests.fuzz.target import Choices, Target
from tests.identities import COORDINATOR
from tests.masked_nodes import ERRORS, FILES, JOIN, Blobs, Provider, Table, names, no_delay
from tests.sprites import Sprites

ME = names(3)[0]
_ROUNDS = tuple(Round)
_STEPS = 10
_QUERIES: tuple[MaskedQuery, ...] = (
    ERRORS,
    ClassFeatureSums(list(FILES)[-1], ("ellipse", "ellipse", "nowhere"), 6),
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One honest aggregation, as this party saw it."""

    question: AggregationQuestion
    messages: tuple[bytes, ...]


def _same(name: ProviderId, count: int) -> bytes:
    return hashlib.shake_256(name.encode()).digest(count)


def _provider(name: ProviderId, place: int, rows: Sprites | None = None) -> Provider:
    return Provider(name, place, dataset=rows, fresh=lambda count: _same(name, count))


@cache
def recorded() -> tuple[bytes, tuple[Recorded, ...]]:
    """What joins the job, and an honest run of each query."""
    table = Table([_provider(name, place) for place, name in enumerate(names(3))])
    runs = []
    for place, query in enumerate(_QUERIES):
        rows = (ERRORS.rows,) if query is ERRORS else (4, 3, 0)
        question = table.question(
            query=query,
            query_id=QueryId(2, 5 + place, 0),
            rows=dict.fromkeys(table.providers, rows),
        )
        server, sent = table.open(question)
        signed = SignedQuestion.by(COORDINATOR, question.encode()).encode()
        messages = [signed]
        while server.round is not Round.UNMASK:
            messages.append(sent[ME])
            table.round(server, question, sent)
            sent = server.close()
        messages.append(sent[ME])
        runs.append(Recorded(question, tuple(messages)))
    join = Join(table.links, sign_manifest(table.manifest, COORDINATOR)).encode()
    return join, tuple(runs)


class _Watched:
    """The node under test."""

    def __init__(self) -> None:
        self.provider = _provider(ME, 0, _Rows(self))
        self.node = self.provider.node()
        self.masked: dict[tuple[QueryId, int], bytes] = {}

    def ask(self, query: QueryId, asked: bytes) -> None:
        """Ask; what comes of it must be on record."""
        try:
            answer = asyncio.run(self.node.answer(query, asked, Blobs(), no_delay))
        except Refused as refused:
            assert refused.local
            assert any(entry.query == query for entry in self.provider.ledger.entries())
            return
        found = decode_mquery(asked)
        if not isinstance(found, Step):
            assert answer == b""
            return
        mine = [
            attempt
            for attempt in self.provider.attempts.attempts()
            if attempt.transcript == found.transcript.hex()
        ]
        assert len(mine) == 1, "an answer to an attempt that is not on record"
        assert query == round_id(mine[0].query, mine[0].number, found.round)
        if found.round in _ROUNDS[2:]:
            assert mine[0].state is AttemptState.SPENT
        if found.round is Round.MASK:
            kept = self.masked.setdefault((mine[0].query, mine[0].number), answer)
            assert kept == answer, "one attempt was masked twice"

    def before_a_row(self) -> None:
        """Rows are read for attempts that are spent, and for no other."""
        spent = [a for a in self.provider.attempts.attempts() if a.state is AttemptState.SPENT]
        assert len(spent) > len(self.masked)


class _Rows(Sprites):
    def __init__(self, watched: _Watched) -> None:
        super().__init__(Shape.ELLIPSE, 20)
        self._watched = watched

    def images(self, rows: Indices) -> Float32:
        self._watched.before_a_row()
        return super().images(rows)


def run(data: bytes) -> None:
    """Some rounds to one node, recorded or changed, in the order of the input."""
    choices = Choices(data)
    join, runs = recorded()
    watched = _Watched()
    if choices.below(16):
        watched.ask(JOIN, join)
    for _ in range(_STEPS):
        if not choices.left:
            return
        kept, place, kind = runs[choices.below(len(runs))], choices.below(5), choices.below(16)
        random = Random(choices.below(2**16)) if kind > 7 else Random(0)
        round_, message, question = _ROUNDS[place], kept.messages[place], kept.question
        if kind in {8, 9, 10}:
            message = body(message, random)
        elif kind in {11, 12, 13} and place == 0:
            changed = body(question.encode(), random)
            message = SignedQuestion.by(COORDINATOR, changed).encode()
            question = _read(changed) or question
        elif kind == 14:
            round_ = random.choice(_ROUNDS)
        asked = Step(round_, question.transcript, message).encode()
        if kind == 15:
            asked = body(asked, random)
        watched.ask(round_id(question.query, question.attempt, round_), asked)


def _read(data: bytes) -> AggregationQuestion | None:
    try:
        return AggregationQuestion.decode(data)
    except Refused:
        return None


def seeds() -> list[bytes]:
    """Honest runs, alone and interleaved."""
    alone = [
        b"\1" + b"".join(bytes((run_, place, 0)) for place in range(5))
        for run_ in range(len(_QUERIES))
    ]
    both = b"\1" + b"".join(bytes((run_, place, 0)) for place in range(5) for run_ in range(2))
    changed = b"\1" + b"".join(bytes((0, 0, kind, kind, 0)) for kind in range(8, 16))
    return [*alone, both, changed]


def mutate(data: bytes, random: Random) -> bytes:
    """Another script."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 4))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0:
                del changed[place : place + 3]
            case 1 if place < len(changed):
                changed[place] = random.randrange(256)
            case 2:
                changed[place:place] = bytes((random.randrange(2), random.randrange(5), 0))
            case _:
                changed[place:place] = random.randbytes(random.choice((3, 5)))
    return bytes(changed)


TARGET = Target("node-sums", run, seeds, mutate, share=3.0, examples=40, largest=128)
