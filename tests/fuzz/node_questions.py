"""Questions to a whole node: policy, ledger, files and rows, in whatever order they come."""

from functools import cache
from random import Random

import numpy as np

from protocols.ids import Digest, QueryId
from protocols.queries import (
    SCORES,
    ClassOutputs,
    Describe,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    PretrainingUpdate,
    Query,
    SquaredError,
    TargetFeatures,
    TaskEvidence,
    encode_query,
)
from provider.models import ModelCache
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.profiles import GUARDED
from provider.policy import OpenPolicy, Policy
from tests.fuzz.bodies import body
from tests.fuzz.queries import mquery_seeds
from tests.fuzz.target import Choices, Target
from tests.fuzz.watched import Watched, datasets, files_here

_IDS = tuple(QueryId(2, step, 0) for step in range(4))
_STEPS = 12
_POLICIES: tuple[Policy, ...] = (
    OpenPolicy(),
    OpenPolicy(min_rows=3),
    OpenPolicy(functions=frozenset({"describe", "class_outputs"})),
    OpenPolicy(paused=True),
    OpenPolicy(max_model_bytes=1000),
    OwnerPolicy(GUARDED),
)


@cache
def questions() -> tuple[bytes, ...]:
    """A valid question of each function, for each of the files that it may be asked about."""
    backbones, models = list(files_here())[:3], list(files_here())[3:]
    tasks = np.array([[0, 1], [1, -1]], np.int32)
    classes = ("cat", "dog")
    asked: list[Query] = [Describe(), Describe()]
    for backbone in backbones:
        asked += [
            PretrainingGradient(backbone, 2, 3, 0.5),
            PretrainingUpdate(backbone, 2, 3, 0.5, 2, 0.1, "float64"),
            TargetFeatures(backbone, 3, 4),
        ]
    for own in (tuple(models[:2]), tuple(models[2:4]), (models[2], models[-2]), (models[-1],)):
        count = len(own)
        asked += [
            SquaredError(own, 5),
            ClassOutputs(own, (*classes, "emu", "nowhere"), 4),
            LeepLikelihood(own, classes, tasks, np.full((count, 2, 2, 4), 0.25)),
            HeadStatistics(own, classes, 6, unit_length=True, halved=True),
            HeadStatistics(own, ("ellipse",), 3, unit_length=False, halved=False),
            HeadCorrect(
                own,
                classes,
                unit_length=False,
                tasks=tasks,
                weights=np.ones((count, 2, 2, 6), np.float32),
                biases=np.zeros((count, 2, 2), np.float32),
            ),
            *(
                TaskEvidence(own, backbone, 6, classes, np.array([1, 3], np.int32), 2, SCORES)
                for backbone in backbones[:2]
            ),
        ]
    return (*map(encode_query, asked), *mquery_seeds(), b"")


@cache
def _models() -> ModelCache:
    return ModelCache()


def run(data: bytes) -> None:
    """Some questions to one node, each valid or changed, new or repeated, and acknowledgements."""
    choices = Choices(data)
    watched = Watched(
        datasets()[choices.below(len(datasets()))],
        {Digest(name): content for name, content in files_here().items()},
        models=_models(),
        policy=_POLICIES[choices.below(len(_POLICIES))],
    )
    try:
        sent: list[bytes] = []
        for _ in range(_STEPS):
            if not choices.left:
                break
            _step(watched, choices, sent)
    finally:
        watched.close()


def _step(watched: Watched, choices: Choices, sent: list[bytes]) -> None:
    query, kind = _IDS[choices.below(len(_IDS))], choices.below(8)
    if kind == 0:
        watched.node.acknowledge(query)
        return
    if kind == 1 and sent:  # again, under this id or another
        asked = sent[choices.below(len(sent))]
    else:
        asked = questions()[choices.below(len(questions()))]
        for _ in range(choices.below(4) if kind > 3 else 0):
            asked = body(asked, Random(choices.below(2**32)))
    sent.append(asked)
    entry = watched.entry(query)
    if entry is None or entry.answer is None or entry.state.value != "acknowledged":
        watched.ask(query, asked)
    else:
        assert watched.ask(query, asked) is None, "an acknowledged question was answered again"


def seeds() -> list[bytes]:
    """Every question once, to every node; the same one twice; one acknowledged."""
    count = len(questions())
    asked = [
        bytes((rows, 0, 0)) + b"".join(bytes((i % 4, 2, place)) for i, place in enumerate(part))
        for rows in range(len(datasets()))
        for part in (range(first, min(first + 4, count)) for first in range(0, count, 4))
    ]
    return [*asked, bytes((1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 2, 0))]


def mutate(data: bytes, random: Random) -> bytes:
    """Another script of steps."""
    changed = bytearray(data)
    for _ in range(random.choice((1, 2, 4))):
        place = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0:
                del changed[place : place + 3]
            case 1 if place < len(changed):
                changed[place] = random.randrange(256)
            case _:
                changed[place:place] = bytes(
                    random.randrange(256) for _ in range(random.choice((3, 9)))
                )
    return bytes(changed)


TARGET = Target("node", run, seeds, mutate, share=3.0, examples=30, largest=128)
