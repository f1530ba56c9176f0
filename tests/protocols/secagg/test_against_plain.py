"""The product against the second implementation: the same inputs, the same bytes."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocols.ids import ProviderId
from protocols.secagg.graph import graph_for
from protocols.secagg.keys import ByteStream, derive
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Round
from protocols.secagg.states import Masked
from tests.protocols.secagg import plain
from tests.protocols.secagg.company import Attempt, Vector, ask, bytes_of, named


def inputs(
    question: AggregationQuestion, values: Mapping[ProviderId, Vector], silent: Mapping[int, str]
) -> plain.Inputs:
    """What the second implementation needs to play what `Attempt` plays."""
    parties = question.parties
    first = len(parties) - list(silent.values()).count("advertise")
    graph = graph_for(
        len(parties),
        corrupt=question.corrupt,
        dropouts=question.dropouts,
        threshold=question.threshold,
        present=first,
    )
    return plain.Inputs(
        question=question,
        identities=[bytes_of("identity", name) for name in parties],
        seeds=[bytes_of("attempt", n, question.query, question.attempt) for n in parties],
        values=[np.asarray(values[name], np.float64).tolist() for name in parties],
        silent=silent,
        degree=None if graph.complete else graph.degree,
        holders=graph.threshold,
    )


def compare(attempt: Attempt, silent: Mapping[int, str]) -> plain.Played:
    """Play both ways; assert that every message is the same, byte by byte."""
    question = attempt.question
    given_ = inputs(question, attempt.values, silent)
    opened = {}
    held: dict[tuple[int, int], bytes] = {}
    for round_ in Round:
        opened.update({(round_.value, name): body for name, body in attempt.bodies.items()})
        attempt.play(silent=[i for i in silent if Round(silent[i]) is round_])
        if round_ is Round.MASK:
            for holder in range(len(question.parties)):
                state = attempt[holder]._state
                if isinstance(state, Masked):
                    held |= {(owner, holder): both for owner, both in state.held.items()}
    result = attempt.server.finish()
    if question.encoding.noise is not None:
        given_ = dataclasses.replace(given_, noise=noise(attempt, given_))
    played = plain.play(given_)
    names = question.parties
    for (round_name, index), body in played.sent.items():
        assert attempt.replies[Round(round_name)].pop(names[index]) == body, (round_name, index)
    assert not any(attempt.replies.values())
    for (round_name, index), body in played.opened.items():
        assert opened.pop((round_name, names[index])) == body, (round_name, index)
    assert {round_name for round_name, _ in opened} <= {"advertise"}
    assert held.items() <= played.shares.items()
    assert [named(i) for i in played.survivors] == list(result.survivors)
    step = question.encoding.step
    assert result.total.tolist() == [float(word * step) for word in played.total]
    return played


def noise(attempt: Attempt, given_: plain.Inputs) -> list[list[int]]:
    """The noise itself is tested elsewhere; here its place in the protocol is."""
    question = attempt.question
    assert question.encoding.noise is not None
    sampler = question.encoding.noise.share(question.encoding.step)
    drawn = []
    for seed in given_.seeds:
        attempt_seed = derive(seed, salt=attempt.server._context, info=b"synlearn/secagg/v1")
        random = ByteStream(attempt_seed, "noise")
        drawn.append(sampler.sample(question.length, random).tolist())
    return drawn


@pytest.mark.parametrize("parties", [2, 3, 5, 9])
def test_all_stay(parties: int) -> None:
    played = compare(Attempt(ask(parties, length=10)), {})
    assert played.total == [1024] * parties + [0] * (10 - parties)


@pytest.mark.parametrize("round_", Round)
def test_one_drops_out(round_: Round) -> None:
    played = compare(Attempt(ask(5, length=5)), {2: round_.value})
    assert len(played.survivors) == (5 if round_ in (Round.SIGN, Round.UNMASK) else 4)


def test_some_drop_out_in_every_round() -> None:
    silent = {index: round_.value for index, round_ in zip((0, 3, 4, 7, 12), Round, strict=True)}
    played = compare(Attempt(ask(16, length=16)), silent)
    assert len(played.survivors) == 13


def test_wide_words() -> None:
    question = ask(4, bound=1.0, step=2.0**-40)
    assert question.encoding.width == 64
    values = {name: np.linspace(-1, 1, 4) * (i + 1) / 4 for i, name in enumerate(question.parties)}
    compare(Attempt(question, values), {1: "mask"})


def test_slots_and_rows() -> None:
    compare(Attempt(ask(3, slots=("cat", ""), rows=[[1, 2], [300, 0], [0, 2**40]])), {})


def test_noise_is_added_before_the_masks() -> None:
    question = ask(5, corrupt=1, noise=DiscreteGaussian(20.0, 4, 1), step=1.0, bound=8.0)
    played = compare(Attempt(question), {3: "mask"})
    assert played.total != [1] * 4


def test_the_sparse_graph() -> None:
    question = ask(40, length=40, dropouts=4)
    graph = graph_for(40, corrupt=8, dropouts=4, threshold=question.threshold, present=39)
    assert not graph.complete
    compare(Attempt(question), {5: "advertise", 11: "share", 17: "mask", 23: "sign", 29: "unmask"})


@st.composite
def runs(draw: st.DrawFn) -> tuple[AggregationQuestion, dict[ProviderId, Vector], dict[int, str]]:
    parties = draw(st.integers(2, 8))
    question = ask(
        parties,
        length=draw(st.integers(1, 4)),
        bound=draw(st.sampled_from([0.3, 1.0, 1000.0])),
        step=draw(st.sampled_from([2.0**-30, 2.0**-8, 0.125])),
        body=draw(st.binary(max_size=5)),
        attempt=draw(st.integers(1, 3)),
    )
    bound = question.encoding.bound
    numbers = st.floats(-bound, bound) | st.sampled_from([bound, -bound, 0.0, -0.0])
    values = {
        name: np.array(draw(st.lists(numbers, min_size=question.length, max_size=question.length)))
        for name in question.parties
    }
    leavers = draw(
        st.lists(st.integers(0, parties - 1), max_size=parties - question.threshold, unique=True)
    )
    return question, values, {i: draw(st.sampled_from(Round)).value for i in leavers}


@settings(max_examples=25, deadline=None)
@given(runs())
def test_any_run(run: tuple[AggregationQuestion, dict[ProviderId, Vector], dict[int, str]]) -> None:
    question, values, silent = run
    compare(Attempt(question, values), silent)
