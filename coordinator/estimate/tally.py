"""Adding up: what each provider is asked by each step and function, and what that takes."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from coordinator.estimate.cost_model import CostModel
from coordinator.estimate.message_sizes import answer_size, attempt_size, query_size
from coordinator.estimate.node_time import NodeTime
from coordinator.estimate.questions import Asked, Step, Summed
from protocols.ids import ProviderId


@dataclass(slots=True)
class Load:
    """What one provider is asked of one function in one step, in all.

    Attributes:
        questions: How many; an attempt at a masked sum is one.
        sent: Bytes of the questions' bodies, to the provider.
        received: Bytes of the answers' bodies, from it.
        seconds: That its node computes.
    """

    questions: int = 0
    sent: float = 0.0
    received: float = 0.0
    seconds: float = 0.0

    def add(self, other: "Load", times: int = 1) -> None:
        """Add another one, so many times."""
        self.questions += times * other.questions
        self.sent += times * other.sent
        self.received += times * other.received
        self.seconds += times * other.seconds


@dataclass(slots=True)
class Sums:
    """The masked questions of one function, in all.

    Attributes:
        attempts: One for each sum: nobody is taken to drop out.
        parties: Of the largest.
        fewest: Parties of the smallest.
        entries: Of all vectors, one of each sum.
        longest: Entries of the longest vector.
        question: Bytes of the largest opening question to one party.
    """

    attempts: int = 0
    parties: int = 0
    fewest: int = 0
    entries: int = 0
    longest: int = 0
    question: int = 0


Loads = dict[ProviderId, Load]


@dataclass(slots=True)
class Tally:
    """All that was added up.

    Attributes:
        loads: By step and function.
        sums: By function.
        waits: How often a step waits for all answers to a question.
        at_once: Bytes of all answers to one question that the coordinator holds at a time, at most,
            by function.
        seconds: Of the coordinator, for sessions and sums, by step.
    """

    loads: defaultdict[tuple[Step, str], Loads] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Load))
    )
    sums: defaultdict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))
    waits: defaultdict[Step, int] = field(default_factory=lambda: defaultdict(int))
    at_once: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    seconds: defaultdict[Step, float] = field(default_factory=lambda: defaultdict(float))

    def of_step(self, step: Step) -> Loads:
        """What each provider is asked in a step."""
        return self._merged(own for (found, _), own in self.loads.items() if found is step)

    def of_function(self, function: str) -> Loads:
        """What each provider is asked of a function."""
        return self._merged(own for (_, name), own in self.loads.items() if name == function)

    def of_all(self) -> Loads:
        """What each provider is asked."""
        return self._merged(self.loads.values())

    @property
    def functions(self) -> list[str]:
        """All that are asked, in the order in which they first are."""
        return list(dict.fromkeys(function for _, function in self.loads))

    @staticmethod
    def _merged(parts: Iterable[Loads]) -> Loads:
        found: defaultdict[ProviderId, Load] = defaultdict(Load)
        for part in parts:
            for name, load in part.items():
                found[name].add(load)
        return found


def tally_of(
    questions: Iterator[Asked | Summed],
    rows: Mapping[ProviderId, Mapping[str, int]],
    costs: CostModel,
    node: NodeTime,
) -> Tally:
    """Add up all questions of a job.

    Args:
        questions: In order.
        rows: Of each class of each provider.
        costs: Of the parts.
        node: What nodes compute.
    """
    tally, together = Tally(), 0.0
    for asked in questions:
        if isinstance(asked, Summed):
            _add_sum(tally, asked, rows, costs, node)
            continue
        found = _loads(asked, rows, costs, node)
        function = next(iter(asked.queries.values())).function
        own = tally.loads[asked.step, function]
        for name, load in found.items():
            own[name].add(load, asked.times)
        sent, received = (
            sum(getattr(load, name) for load in found.values()) for name in ("sent", "received")
        )
        together = together * asked.together + received
        tally.at_once[function] = max(tally.at_once[function], together)
        tally.waits[asked.step] += 0 if asked.together else asked.times
        tally.seconds[asked.step] += asked.times * (
            len(found) * costs.question_seconds
            + sent * costs.sent_byte_seconds
            + received * costs.answer_byte_seconds
        )
    return tally


def _loads(
    asked: Asked, rows: Mapping[ProviderId, Mapping[str, int]], costs: CostModel, node: NodeTime
) -> dict[ProviderId, Load]:
    sizes: dict[object, tuple[int, int]] = {}
    found = {}
    for name, query in asked.queries.items():
        if query not in sizes:
            sizes[query] = query_size(query), answer_size(query, asked.lengths)
        sent, received = sizes[query]
        seconds = node.of_query(query, rows[name]) + costs.node_question_seconds
        found[name] = Load(1, sent, received, seconds + received * costs.node_byte_seconds)
    return found


def _add_sum(
    tally: Tally,
    asked: Summed,
    rows: Mapping[ProviderId, Mapping[str, int]],
    costs: CostModel,
    node: NodeTime,
) -> None:
    question, function = asked.question, asked.query.function
    size, parties = attempt_size(question), question.parties
    classes = set(asked.query.slots)
    held = sum(rows[name].get(label, 0) for name in parties for label in classes) / len(parties)
    load = Load(
        1,
        size.sent / len(parties),
        size.received / len(parties),
        node.of_sum(asked, size, held) + 5 * costs.node_question_seconds,
    )
    own = tally.loads[asked.step, function]
    for name in parties:
        own[name].add(load)
    sums = tally.sums[function]
    sums.attempts += 1
    sums.fewest = min(sums.fewest or len(parties), len(parties))
    sums.parties = max(sums.parties, len(parties))
    sums.entries += question.length
    sums.longest = max(sums.longest, question.length)
    sums.question = max(sums.question, size.question)
    tally.waits[asked.step] += 5
    shares = len(parties) * size.neighbours
    tally.seconds[asked.step] += (
        5 * len(parties) * costs.question_seconds
        + (size.sent + size.received) * costs.sent_byte_seconds
        + len(parties) * costs.party_seconds
        + shares * costs.share_seconds
        + len(parties) * question.length * costs.entry_seconds
    )
