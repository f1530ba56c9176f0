"""A whole aggregation in one process: the very state machines of the wire, and their bytes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import JobId, ProviderId, QueryId, digest_of
from protocols.secagg.encoding import Encoding
from protocols.secagg.floors import Floors
from protocols.secagg.keys import Identity, derive, verified
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.participant import Participant
from protocols.secagg.question import AggregationQuestion, expected_corrupt
from protocols.secagg.rounds import Round
from protocols.secagg.server import Server
from protocols.secagg.states import Party


@dataclass(frozen=True, slots=True)
class Aggregate:
    """What an aggregation gave, and what it cost.

    Attributes:
        total: float64, in the inputs' shape: the sum over the survivors.
        survivors: Whose inputs are in it, ascending.
        bytes_sent: Of all messages that a party sent, by party.
        seconds: Spent on each round, by party.
        coordinator_seconds: Spent on each round by the coordinator.
    """

    total: npt.NDArray[np.float64]
    survivors: tuple[str, ...]
    bytes_sent: Mapping[str, int]
    seconds: Mapping[str, Mapping[Round, float]]
    coordinator_seconds: Mapping[Round, float]


def aggregate_locally(
    inputs: Mapping[str, npt.NDArray[np.floating]],
    *,
    bound: float,
    threshold: int,
    drop: Mapping[str, Round] | None = None,
    seed: bytes,
    step: float | None = None,
    noise: DiscreteGaussian | None = None,
    corrupt: int | None = None,
    dropouts: int | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Aggregate:
    """Sum the inputs by secure aggregation, with every party in this process.

    Args:
        inputs: One array a party, all of one shape, of size at most `bound`; at least two parties.
        bound: Largest size of an entry.
        threshold: How many parties must stay to the end; at least floor(2n/3) + 1.
        drop: The round whose message a party no longer sends, and none after it.
        seed: Any bytes; the same ones give the same messages.
        step: A power of two to which entries are rounded; bound x 2^-20, rounded up, by default.
        noise: What the parties add for differential privacy, if anything.
        corrupt: Colluding parties to be safe against; a fifth by default.
        dropouts: Most parties that may drop out by themselves; by default as many as `threshold`
            allows. Fewer are cheaper above 32 parties, where each shares with some others only.
        clock: Seconds; for `Aggregate.seconds`.

    Raises:
        ValueError: An entry out of bound, a NaN, unequal shapes, fewer than two parties, a
            threshold too low, a dropped party that is none.
        Aborted: Fewer than `threshold` parties stayed.
    """
    drop = drop or {}
    names = tuple(ProviderId(name) for name in sorted(inputs))
    shape = _check(inputs, drop)
    question = AggregationQuestion(
        job=JobId("local"),
        query=QueryId(0, 0, 0),
        attempt=1,
        body=b"",
        parties=names,
        slots=(),
        rows=np.zeros((len(names), 0), np.int64),
        threshold=threshold,
        corrupt=expected_corrupt(len(names)) if corrupt is None else corrupt,
        dropouts=len(names) - threshold if dropouts is None else dropouts,
        length=int(np.prod(shape)),
        encoding=Encoding.choose(bound, len(names), step=step, noise=noise),
        manifest=digest_of(b""),
    )
    run = _Run(question, inputs, seed, clock)
    bodies = dict.fromkeys(names, b"")
    for round_ in Round:
        for name, body in bodies.items():
            if name not in drop or list(Round).index(drop[name]) > list(Round).index(round_):
                run.step(name, round_, body)
        if round_ is not Round.UNMASK:
            bodies = run.close()
    return run.result(shape)


class _Run:
    """The parties, the coordinator between them, and the clock."""

    def __init__(
        self,
        question: AggregationQuestion,
        inputs: Mapping[str, npt.NDArray[np.floating]],
        seed: bytes,
        clock: Callable[[], float],
    ) -> None:
        # Parties see the same lists: in one process a signature need not be checked once for each.
        verify = lru_cache(maxsize=4 * len(question.parties))(verified)
        keys = {
            name: Identity.from_bytes(derive(seed, salt=b"", info=b"identity|" + name.encode()))
            for name in question.parties
        }
        identities = {name: key.public for name, key in keys.items()}
        self._participants = {
            name: Participant(
                Party(name, question, keys[name], identities, Floors(), verify),
                derive(seed, salt=b"", info=b"attempt|" + name.encode()),
                lambda name=name: np.ravel(inputs[name]),  # type: ignore[misc]
            )
            for name in question.parties
        }
        self._server = Server(question, identities, verify)
        self._clock = clock
        self._sent = dict.fromkeys(map(str, question.parties), 0)
        self._seconds: dict[str, dict[Round, float]] = {
            name: dict.fromkeys(Round, 0.0) for name in question.parties
        }
        self._coordinator = dict.fromkeys(Round, 0.0)

    def step(self, name: ProviderId, round_: Round, body: bytes) -> None:
        """Let a party answer, and the coordinator take the answer."""
        before = self._clock()
        try:
            reply = self._participants[name].answer(round_, body)
        except Refused as refused:
            if round_ is Round.ADVERTISE or refused.code is Code.OUT_OF_BOUND:
                raise ValueError(f"party {name}: {refused.local}") from refused
            return
        between = self._clock()
        self._server.receive(name, reply)
        self._seconds[name][round_] += between - before
        self._coordinator[round_] += self._clock() - between
        self._sent[name] += len(reply)

    def close(self) -> dict[ProviderId, bytes]:
        """End the round at the coordinator."""
        round_, before = self._server.round, self._clock()
        bodies = self._server.close()
        self._coordinator[round_] += self._clock() - before
        return bodies

    def result(self, shape: tuple[int, ...]) -> Aggregate:
        """End the aggregation."""
        before = self._clock()
        result = self._server.finish()
        self._coordinator[Round.UNMASK] += self._clock() - before
        survivors = tuple(str(name) for name in result.survivors)
        return Aggregate(
            result.total.reshape(shape), survivors, self._sent, self._seconds, self._coordinator
        )


def _check(
    inputs: Mapping[str, npt.NDArray[np.floating]], drop: Mapping[str, Round]
) -> tuple[int, ...]:
    """The inputs' common shape."""
    if len(inputs) < 2:
        raise ValueError(f"a sum hides nobody among {len(inputs)} parties; give at least 2 inputs")
    shapes = {name: np.shape(value) for name, value in inputs.items()}
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if shape != shapes[first]:
            raise ValueError(
                f"all inputs have one shape; {name!r} has {shape}, {first!r} has {shapes[first]}"
            )
    if 0 in shapes[first]:
        raise ValueError(f"the inputs have no entries: their shape is {shapes[first]}")
    strangers = drop.keys() - inputs.keys()
    if strangers:
        raise ValueError(f"{min(strangers)!r} is to drop out, and has no input")
    return shapes[first]
