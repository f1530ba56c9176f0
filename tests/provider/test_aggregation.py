"""A node's part in a secure aggregation; tests/attacks/test_mquery*.py has those that it denies."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from coordinator.aggregation_question import Terms
from protocols.errors import Code
from protocols.ids import QueryId, digest_of
from protocols.masked import slots_of, vector_of
from protocols.mquery import round_id
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    PretrainingGradient,
    encode_query,
)
from protocols.secagg.member import Member
from protocols.secagg.messages import Advertisement
from protocols.secagg.roster import Roster, sign_roster
from protocols.secagg.rounds import Round
from provider.answers.class_features import class_feature_sums
from provider.attempts import AttemptState
from provider.masked_rules import MaskedRules
from provider.node import Node
from provider.rows import row_generator
from provider.workbench import Workbench
from synlearn.mre.backbone import load_backbone
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.labelled import provider_with
from tests.log_lines import log_lines
from tests.masked_nodes import (
    BACKBONE,
    ERRORS,
    FUNCTIONS,
    TERMS,
    Provider,
    Q,
    Table,
    expected,
    names,
    providers,
)
from tests.session_harness import JOB

A, B, C = names(3)
BACKBONE_DIGEST = digest_of(BACKBONE)


def test_the_sum_is_that_of_the_vectors() -> None:
    table = Table(providers(3))
    result = table.run(table.question())
    np.testing.assert_allclose(
        result.total, expected(list(table.providers.values())), rtol=0, atol=3 * 2.0**-15
    )
    for provider in table.providers.values():
        (attempt,) = provider.attempts.attempts()
        assert attempt.state is AttemptState.SPENT
        assert attempt.function == "squared_error"
        assert attempt.body == digest_of(encode_query(ERRORS))


def test_another_attempt_is_over_other_rows() -> None:
    table = Table(providers(3))
    totals = [table.run(table.question(attempt=attempt)).total for attempt in (1, 2, 3)]
    for attempt, total in enumerate(totals, 1):
        clear = expected(list(table.providers.values()), attempt)
        np.testing.assert_allclose(total, clear, rtol=0, atol=3 * 2.0**-15)
    assert len({tuple(total) for total in totals}) == 3


def test_class_feature_sums_with_rows_of_each_party() -> None:
    held = {A: {"ant": 6, "bee": 9}, B: {"ant": 8}, C: {"bee": 7, "cat": 5}}
    table = Table(
        [Provider(name, dataset=provider_with(held[name], seed)) for seed, name in enumerate(held)]
    )
    query = ClassFeatureSums(BACKBONE_DIGEST, ("ant", "bee", "ant"), 6)
    rows = {A: (2, 3, 5), B: (3, 0, 1), C: (0, 4, 0)}
    result = table.run(table.question(query=query, rows=rows, terms=Terms(bound=5.0)))
    clear = sum(
        class_feature_sums(
            provider.dataset,
            load_backbone(BACKBONE),
            query.slots,
            np.array(rows[name]),
            row_generator(provider.secret, JOB, Q, 1),
        )
        for name, provider in table.providers.items()
    )
    sums = vector_of(query).unflatten(result.total, 5.0)["sums"]
    np.testing.assert_allclose(sums, clear, rtol=0, atol=3 * 2.0**-18)


def test_pretraining_gradients_add_up() -> None:
    """The roster of this federation has them masked."""
    table = Table(providers(3), joined=False)
    masked = frozenset({"pretraining_gradient"})
    members = [
        Member(name, identity_of(name).public, plain=FUNCTIONS - masked, masked=masked)
        for name in table.providers
    ]
    roster = Roster.first(members, [COORDINATOR.public])
    table.links = (sign_roster(roster, AUTHORITY),)
    table.manifest = replace(table.manifest, roster=roster.digest)
    for name in table.nodes:
        assert table.join(name) == b""
    query = PretrainingGradient(BACKBONE_DIGEST, classes=2, rows_per_class=3, margin=0.5)
    parameters = sum(p.numel() for p in load_backbone(BACKBONE).parameters())
    assert slots_of(query) == ("rows",)
    question = table.question(
        query=query,
        rows=dict.fromkeys(table.providers, (6,)),
        terms=Terms(bound=64.0, length=parameters + 3),
    )
    answer = vector_of(query).unflatten(table.run(question).total, 64.0)
    vectors = [provider.vector(query, np.array([6])) for provider in table.providers.values()]
    np.testing.assert_allclose(
        answer["gradient"], np.sum(vectors, axis=0)[:parameters], rtol=0, atol=3 * 2.0**-15
    )
    assert answer["triplets"] == 3 * 2 * 3 * 2 * 3


def test_an_advertisement_asked_for_again_is_the_same() -> None:
    table = Table(providers(3))
    question = table.question()
    assert table.advertise(A, question) == table.advertise(A, question)


def test_every_attempt_has_keys_of_its_own() -> None:
    table = Table(providers(3))
    seen: set[bytes] = set()
    for step in range(4):
        reply = table.advertise(A, table.question(query_id=QueryId(2, step, 0)))
        assert isinstance(reply, bytes)
        keys = Advertisement.decode(reply)
        seen |= {keys.sealing_key, keys.masking_key, keys.own_mask}
    assert len(seen) == 12


def test_the_seed_of_an_attempt_is_32_fresh_bytes() -> None:
    asked: list[int] = []

    def fresh(size: int) -> bytes:
        asked.append(size)
        return bytes(size)

    table = Table([Provider(A, fresh=fresh), *providers(3)[1:]])
    table.advertise(A, table.question())
    table.advertise(A, table.question())
    assert asked == [32]


def test_a_file_that_is_not_served_ends_the_attempt_before_any_key() -> None:
    table = Table(providers(3), joined=False)
    table.manifest = replace(table.manifest, makes_models=True)
    assert table.join(A) == b""
    question = table.question(query=replace(ERRORS, models=("0" * 64,)))
    assert table.advertise(A, question) is Code.FILE_UNAVAILABLE
    assert table.advertise(A, question) is Code.ATTEMPT_SPENT
    assert isinstance(table.advertise(A, table.question(query_id=QueryId(3, 0, 0))), bytes)


@pytest.mark.parametrize(
    ("query", "terms", "code"),
    [
        (ERRORS, replace(TERMS, bound=0.001), Code.OUT_OF_BOUND),
        (ClassFeatureSums(BACKBONE_DIGEST, ("ellipse",), 5), TERMS, Code.MODEL_UNUSABLE),
        (ClassOutputs(ERRORS.models, ("ellipse",), 1), TERMS, Code.MODEL_UNUSABLE),
    ],
)
def test_a_vector_that_cannot_be_given(query: object, terms: Terms, code: Code) -> None:
    table = Table(providers(3))
    rows = 20 if isinstance(query, ClassOutputs) else 5
    question = table.question(
        query=query,  # type: ignore[arg-type]
        rows=dict.fromkeys(table.providers, (rows,)),
        terms=terms,
    )
    _, messages = table.until(Round.MASK, question)
    assert table.step(A, question, Round.MASK, messages[A]) is code
    (attempt,) = table.providers[A].attempts.attempts()
    assert attempt.state is AttemptState.SPENT  # rows were read
    assert table.step(A, question, Round.MASK, messages[A]) is Code.ATTEMPT_SPENT


def test_the_reason_of_a_refusal_goes_to_the_local_log() -> None:
    table = Table(providers(3, MaskedRules(min_parties=9)))
    with log_lines() as lines:
        assert table.advertise(A, table.question()) is Code.TOO_FEW_PARTIES
    name = str(round_id(Q, 1, Round.ADVERTISE))
    (line,) = lines.about(job=JOB, query=name, provider=A, code="TOO_FEW_PARTIES")
    assert "the policy asks for 9" in line["message"]


def test_an_attempt_is_logged_under_the_id_of_its_record() -> None:
    table = Table(providers(3))
    with log_lines(level=logging.INFO) as lines:
        table.run(table.question(attempt=2))
    about = {"query": str(Q), "function": ERRORS.function, "attempt": 2}
    for name in table.nodes:
        said = [line["message"] for line in lines.about(provider=name, **about)]
        assert said == ["takes part in a masked sum", "adds its part to a masked sum"]


def test_a_node_without_a_roster_answers_plainly_and_nothing_masked() -> None:
    table = Table(providers(3))
    provider = table.providers[A]
    node = provider.node()
    table.nodes[A] = Node(
        A,
        JOB,
        gate=provider.gate,
        ledger=provider.ledger,
        bench=Workbench(provider.dataset, provider.secret, provider.models, node._bench.executor),
    )
    assert table.join(A) is Code.NOT_ALLOWED
    assert table.advertise(A, table.question()) is Code.NOT_ALLOWED
    assert isinstance(table.tell(A, Q, encode_query(ERRORS)), bytes)


def test_an_unreadable_mquery() -> None:
    table = Table(providers(3))
    assert table.tell(A, Q, b"\n\x06mquery\xff") is Code.BAD_PARAMETERS
