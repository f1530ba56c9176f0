"""The recorded runs, played again from what the files say alone."""

import hashlib
import json
from typing import Any

import numpy as np
import pytest

from protocols.errors import Refused
from protocols.ids import ProviderId
from protocols.secagg.floors import Floors
from protocols.secagg.graph import graph_for
from protocols.secagg.keys import ByteStream, Identity, derive
from protocols.secagg.participant import Participant
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.server import Server
from protocols.secagg.states import Party
from tests.protocols.secagg import plain
from tests.protocols.secagg.company import participant, remembered
from tests.protocols.secagg.record_vectors import DIGEST, FOLDER, files, spaced

RUNS = sorted(path.stem for path in FOLDER.glob("*.json") if path.stem != "questions")


Json = dict[str, Any]


def load(name: str) -> Json:
    content: Json = json.loads((FOLDER / f"{name}.json").read_text())
    return content


def same(recorded: dict[str, str], party: int, body: bytes) -> bool:
    text = recorded.get("all") or recorded[str(party)]
    if text.startswith(DIGEST):
        return text == DIGEST + spaced(hashlib.sha256(body).digest())
    return text == spaced(body)


class Replay:
    """The product, with the inputs of a recorded run."""

    def __init__(self, run: Json) -> None:
        self.run = run
        self.question = AggregationQuestion.decode(bytes.fromhex(run["question"]))
        keys = {
            ProviderId(party["name"]): Identity.from_bytes(bytes.fromhex(party["identity"]))
            for party in run["parties"]
        }
        assert tuple(keys) == self.question.parties
        public = {name: key.public for name, key in keys.items()}
        verify = remembered()
        self.parties = []
        for party, (name, key) in zip(run["parties"], keys.items(), strict=True):
            vector = np.array(party["vector"])
            me = Party(name, self.question, key, public, Floors(), verify)
            seed = bytes.fromhex(party["seed"])
            self.parties.append(Participant(me, seed, lambda vector=vector: vector))  # type: ignore[misc]
        self.server = Server(self.question, public, verify)
        self.bodies = dict.fromkeys(self.question.parties, b"")

    def silent(self, index: int) -> bool:
        from_ = self.run["parties"][index]["silent_from"]
        return from_ is not None and list(Round).index(Round(from_)) <= list(Round).index(
            self.server.round
        )

    def play(self) -> None:
        """One round, every message checked."""
        recorded = self.run["messages"][self.server.round.value]
        for name, body in self.bodies.items():
            index = self.question.index(name)
            if self.server.round is not Round.ADVERTISE:
                assert same(recorded["opened"], index, body)
            if not self.silent(index):
                reply = self.parties[index].answer(self.server.round, body)
                assert same(recorded["sent"], index, reply)
                self.server.receive(name, reply)
        if self.server.round is not Round.UNMASK:
            self.bodies = self.server.close()


@pytest.mark.parametrize("name", RUNS)
def test_the_product_sends_the_recorded_messages(name: str) -> None:
    replay = Replay(load(name))
    for _ in Round:
        replay.play()
    result = replay.server.finish()
    expected = replay.run["sum"]
    assert list(result.survivors) == expected["survivors"]
    step = replay.question.encoding.step
    assert result.total.tolist() == [unit * step for unit in expected["units"]]


@pytest.mark.parametrize(
    ("name", "index"), [(name, i) for name in RUNS for i in range(len(load(name)["must_fail"]))]
)
def test_steps_that_must_fail(name: str, index: int) -> None:
    replay = Replay(load(name))
    step = replay.run["must_fail"][index]
    while replay.server.round.value != step["round"]:
        replay.play()
    with pytest.raises(Refused) as caught:
        replay.parties[step["party"]].answer(replay.server.round, bytes.fromhex(step["message"]))
    assert (caught.value.code.value, caught.value.code.name) == (step["code"], step["code_name"])


def test_every_round_has_a_step_that_must_fail() -> None:
    steps = [step for name in RUNS for step in load(name)["must_fail"]]
    assert {step["round"] for step in steps} == set(Round) - {Round.ADVERTISE}


def begin(body: bytes) -> None:
    """Ask a question of its first party."""
    question = AggregationQuestion.decode(body)
    participant(question, question.parties[0]).answer(Round.ADVERTISE, b"")


@pytest.mark.parametrize("asked", load("questions")["must_fail"], ids=lambda asked: asked["why"])
def test_questions_that_must_fail(asked: Json) -> None:
    with pytest.raises(Refused) as caught:
        begin(bytes.fromhex(asked["question"]))
    assert (caught.value.code.value, caught.value.code.name) == (asked["code"], asked["code_name"])


@pytest.mark.parametrize("name", RUNS)
def test_the_second_implementation_sends_the_recorded_messages(name: str) -> None:
    run = load(name)
    question = AggregationQuestion.decode(bytes.fromhex(run["question"]))
    assert spaced(plain.question_bytes(question)) == run["question"]
    silent = {
        index: party["silent_from"]
        for index, party in enumerate(run["parties"])
        if party["silent_from"]
    }
    graph = graph_for(
        len(question.parties),
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=len(question.parties) - list(silent.values()).count("advertise"),
    )
    seeds = [bytes.fromhex(party["seed"]) for party in run["parties"]]
    given = plain.Inputs(
        question=question,
        identities=[bytes.fromhex(party["identity"]) for party in run["parties"]],
        seeds=seeds,
        values=[party["vector"] for party in run["parties"]],
        silent=silent,
        degree=None if graph.complete else graph.degree,
        holders=graph.threshold,
        noise=noise(run, question, seeds),
    )
    played = plain.play(given)
    for (round_, party), body in played.sent.items():
        assert same(run["messages"][round_]["sent"], party, body)
    for (round_, party), body in played.opened.items():
        assert same(run["messages"][round_]["opened"], party, body)
    for owner, held in run["shares"].items():
        for holder, digest in held.items():
            both = played.shares[int(owner), int(holder)]
            assert spaced(hashlib.sha256(both).digest()) == digest
    assert [question.parties[i] for i in played.survivors] == run["sum"]["survivors"]
    assert played.total == run["sum"]["units"]


def noise(run: Json, question: AggregationQuestion, seeds: list[bytes]) -> list[list[int]] | None:
    """The noise is drawn by the product; `test_noise.py` and its like test how."""
    if question.encoding.noise is None:
        return None
    keys = bytes.fromhex(run["messages"]["share"]["opened"]["all"])
    context = plain.tagged("context", plain.sha256(bytes.fromhex(run["question"])) + keys)
    sampler = question.encoding.noise.share(question.encoding.step)
    return [
        sampler.sample(
            question.length,
            ByteStream(derive(seed, salt=context, info=b"synlearn/secagg/v1"), "noise"),
        ).tolist()
        for seed in seeds
    ]


def test_the_files_are_what_their_command_writes() -> None:
    """``python -m tests.protocols.secagg.record_vectors`` would change nothing."""
    written = files()
    assert written.keys() == {path.name for path in FOLDER.iterdir()}
    for name, text in written.items():
        assert (FOLDER / name).read_text() == text
    assert sum(map(len, written.values())) < 200_000
