"""Random lies of the coordinator and its colluders: whatever they are told, they learn one sum."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from protocols.secagg import client
from protocols.secagg.graph import COMPLETE_UP_TO
from protocols.secagg.messages import Agreement, Unmasking
from protocols.secagg.question import (
    AggregationQuestion,
    expected_corrupt,
    minimum_threshold,
)
from protocols.secagg.states import HasSigned
from tests.attacks.adversary import Adversary, Told, learned
from tests.protocols.secagg.company import ask, remembered


def attack(
    seed: int, parties: int | None = None, *, beyond: int = 0
) -> tuple[AggregationQuestion, frozenset[int], Told]:
    """One attempt against as many colluders as the question tolerates, or some beyond it."""
    random = np.random.default_rng(seed)
    count = int(random.integers(3, 11)) if parties is None else parties
    threshold = minimum_threshold(count)
    if count <= COMPLETE_UP_TO:
        threshold = int(random.integers(threshold, count + 1))
        corrupt = int(random.integers(0, 2 * threshold - count))
    else:
        corrupt = expected_corrupt(count)
    question = ask(
        count, threshold=threshold, corrupt=corrupt, dropouts=count - threshold, length=1
    )
    colluders = min(2 * threshold - count - 1 + beyond if beyond else corrupt, count - 2)
    chosen = frozenset(random.permutation(count)[:colluders].tolist())
    adversary = Adversary(question, chosen, random, remembered())
    return question, chosen, adversary.attack()


def breaches(question: AggregationQuestion, corrupt: frozenset[int], told: Told) -> list[str]:
    """What must not be: several sums, a sum over few, both secrets of an honest party."""
    found = []
    sums = learned(told, corrupt)
    least = question.threshold - len(corrupt)
    if len(sums) > 1:
        found.append(f"{len(sums)} sums were learned")
    found += [f"a sum over {len(each)} of {least}" for each in sums if len(each) < least]
    for party in told.masked:
        own, pair = (
            len(shares.get(party, set()) | (corrupt & told.holders[party]))
            for shares in (told.own, told.pair)
        )
        if min(own, pair) >= told.threshold[party]:
            found.append(f"both secrets of party {party}")
    return found


def test_whatever_the_coordinator_says_it_learns_one_sum_of_enough_parties() -> None:
    ends: Counter[str] = Counter()
    for seed in range(150):
        question, corrupt, told = attack(seed)
        assert not breaches(question, corrupt, told), seed
        sums = learned(told, corrupt)
        ends["a sum" if sums else "unmasked in vain" if told.unmasked else "nothing"] += 1
        ends["refused"] += bool(told.refusals)
    # The lies are worth telling: some pass, some are refused.
    assert min(ends["a sum"], ends["nothing"], ends["refused"]) > 15, ends


@pytest.mark.parametrize("parties", [33, 36])
def test_whatever_the_coordinator_says_on_the_sparse_graph(parties: int) -> None:
    for seed in range(6):
        question, corrupt, told = attack(seed, parties)
        assert not breaches(question, corrupt, told), seed


def first_breach(parties: int | None = None, *, beyond: int = 0, tries: int = 100) -> str:
    for seed in range(tries):
        question, corrupt, told = attack(seed, parties, beyond=beyond)
        for breach in breaches(question, corrupt, told):
            return breach
    return ""


def test_with_more_colluders_than_tolerated_the_adversary_wins() -> None:
    """So its lies, and the reckoning of what they give away, find what these tests look for."""
    assert first_breach(beyond=1)


def test_without_the_quorum_the_adversary_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the sparse graph, where fewer than half of the holders are enough for a secret."""
    unmask = client.unmask

    def gullible(state: HasSigned, _: Agreement) -> Unmasking:
        party = replace(state.before.party, verify=lambda *_: True)
        trusting = replace(state, before=replace(state.before, party=party))
        return unmask(trusting, Agreement(dict.fromkeys(state.survivors, b"")))

    monkeypatch.setattr(client, "unmask", gullible)
    assert first_breach(33, tries=20)
