"""Attacks on an owner's policy, by whoever asks in the coordinator's name; each is named after
itself. Nodes are real ones; what budgets refuse is tried on totals that a ledger would tell."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from protocols.endorsement import Endorsement, sign_endorsement
from protocols.errors import Code, Refused
from protocols.ids import Digest, ProviderId, QueryId, digest_of
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    PretrainingGradient,
    Query,
    TargetFeatures,
    encode_query,
)
from protocols.secagg.keys import Identity
from protocols.secagg.member import Transport
from provider.costs import Cost, Spent, Totals
from provider.ledger_file import LedgerFile
from provider.policies.approvals import Approvals
from provider.policies.asked import Asked, Decision
from provider.policies.consent import ConsentLimits
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.profiles import GUARDED
from provider.policies.rules import ApprovalRules
from provider.policies.signers import endorsed_files
from tests.identities import COORDINATOR, identity_of
from tests.labelled import provider_with
from tests.masked_nodes import BACKBONE, MODELS, Provider, Table, names
from tests.owner_policies import policy
from tests.protocols.test_job_plan import PLAN
from tests.session_harness import JOB

A, B, C = names(3)
MODEL = next(iter(MODELS))
FEATURES = digest_of(BACKBONE)
SIGNER = identity_of("a signer")
SNAPSHOT = digest_of(b"snapshot")
HELD = {"ant": 40, "bee": 50}
VOUCHED = OwnerPolicy(GUARDED, endorsed=frozenset({MODEL}))


def leep(*models: Digest) -> LeepLikelihood:
    tables = np.full((len(models), 1, 2, 3), 0.5)
    return LeepLikelihood(models, ("ant", "bee"), np.array([[0, 1]], np.int32), tables)


def heads(tasks: int, *classes: str) -> HeadCorrect:
    """Heads for as many tasks, of all these classes each."""
    task = np.tile(np.arange(len(classes), dtype=np.int32), (tasks, 1))
    weights = np.zeros((1, tasks, len(classes), 4), np.float32)
    return HeadCorrect((MODEL,), classes, True, task, weights, weights[..., 0])


def table(policy: OwnerPolicy, held: Mapping[str, int] = HELD) -> Table:
    """Three nodes of such data, all of this policy."""
    return Table(
        [
            Provider(
                name,
                dataset=provider_with(held, seed),
                policy=policy,
                rules=policy.masked_rules(),
            )
            for seed, name in enumerate((A, B, C))
        ]
    )


def asked(policy: OwnerPolicy, query: Query, held: Mapping[str, int] = HELD) -> bytes | Code:
    """What a node of this policy answers to a plain question."""
    return table(policy, held).tell(A, QueryId(1, 0, 0), encode_query(query))


def summed(
    policy: OwnerPolicy,
    query: ClassFeatureSums | ClassOutputs | PretrainingGradient,
    rows: Mapping[ProviderId, tuple[int, ...]],
    held: Mapping[str, int] = HELD,
) -> bytes | Code:
    """What a node of this policy says to a masked question."""
    nodes = table(policy, held)
    return nodes.advertise(A, nodes.question(query=query, rows=rows))


def test_an_honest_question_is_answered() -> None:
    """So that a refusal below is of the attack."""
    assert isinstance(asked(VOUCHED, TargetFeatures(FEATURES, 10, 2)), bytes)
    assert isinstance(
        summed(VOUCHED, ClassFeatureSums(FEATURES, ("ant",), 6), dict.fromkeys((A, B, C), (10,))),
        bytes,
    )


def test_a_crafted_model_that_nobody_vouches_for() -> None:
    assert asked(OwnerPolicy(GUARDED), leep(MODEL)) is Code.NOT_ALLOWED
    assert asked(VOUCHED, leep(MODEL)) is not Code.NOT_ALLOWED
    assert asked(VOUCHED, leep(MODEL, FEATURES)) is Code.NOT_ALLOWED, "among those that are fine"


@pytest.mark.parametrize("signer", [COORDINATOR, identity_of("a stranger")])
def test_a_crafted_model_that_its_own_maker_vouches_for(signer: Identity) -> None:
    """Even where the owner was talked into listing the coordinator as a signer."""
    word = sign_endorsement(Endorsement(signer.public, frozenset({MODEL})), signer)
    listed = frozenset({SIGNER.public, COORDINATOR.public})
    files = endorsed_files([word], signers=listed, coordinator=COORDINATOR.public, now=0.0)
    assert asked(OwnerPolicy(GUARDED).for_job(files), leep(MODEL)) is Code.NOT_ALLOWED


def test_a_crafted_model_under_masks() -> None:
    rows = dict.fromkeys((A, B, C), (40, 50))
    query = ClassOutputs((MODEL,), ("ant", "bee"), 3)
    assert isinstance(summed(VOUCHED, query, rows), bytes)
    assert summed(OwnerPolicy(GUARDED), query, rows) is Code.NOT_ALLOWED


def test_a_query_about_a_class_of_one_row() -> None:
    held = {"ant": 1, "bee": 60}
    assert asked(VOUCHED, leep(MODEL), held) is Code.TOO_FEW_ROWS
    assert asked(VOUCHED, heads(1, "ant", "bee"), {"ant": 2, "bee": 60}) is Code.TOO_FEW_ROWS


def test_a_masked_query_about_a_class_of_one_row() -> None:
    query = ClassOutputs((MODEL,), ("ant", "bee"), 3)
    rows = dict.fromkeys((A, B, C), (1, 60))
    assert summed(VOUCHED, query, rows, {"ant": 1, "bee": 60}) is Code.TOO_FEW_ROWS


def test_means_of_single_rows() -> None:
    assert asked(VOUCHED, TargetFeatures(FEATURES, 1, 1)) is Code.TOO_FEW_ROWS
    assert asked(VOUCHED, TargetFeatures(FEATURES, 9, 1)) is Code.TOO_FEW_ROWS


def test_means_drawn_until_they_solve_for_the_rows() -> None:
    assert asked(VOUCHED, TargetFeatures(FEATURES, 10, 10_000)) is Code.NOT_ALLOWED
    allow = VOUCHED.allow("target_features", Cost())
    allow(Totals(function=Spent(199)))
    with pytest.raises(Refused) as caught:
        allow(Totals(function=Spent(200)))
    assert caught.value.code is Code.BUDGET_SPENT


def test_statistics_of_as_many_features_as_rows() -> None:
    plain = policy('[functions.head_statistics]\ntransport = "either"')
    query = HeadStatistics((MODEL,), ("ant", "bee"), 41, True, False)
    assert asked(plain, query) is Code.TOO_FEW_ROWS
    assert asked(plain, replace(query, width=65), {"ant": 500}) is Code.NOT_ALLOWED


def test_a_plain_question_for_what_leaves_in_masked_sums_only() -> None:
    query = HeadStatistics((MODEL,), ("ant", "bee"), 2, True, False)
    assert asked(VOUCHED, query) is Code.NOT_ALLOWED
    assert asked(VOUCHED, PretrainingGradient(FEATURES, 2, 20, 0.5)) is Code.NOT_ALLOWED


def test_heads_tried_until_a_row_is_known() -> None:
    """In one question or many, in one job or many: a row of a snapshot is looked at so often."""
    allowed = policy("[functions.head_correct]\nheads_per_row = 100")
    spent: dict[str, int] = {}
    cost = allowed.cost(heads(7, "ant", "bee"), snapshot=SNAPSHOT, classes=HELD)
    for _ in range(14):
        allowed.allow("head_correct", cost)(Totals(uses=spent))
        spent = {name: spent.get(name, 0) + count for name, count in cost.uses.items()}
    assert set(spent.values()) == {98}
    with pytest.raises(Refused) as caught:
        allowed.allow("head_correct", cost)(Totals(uses=spent))
    assert caught.value.code is Code.BUDGET_SPENT


def test_heads_moved_to_other_classes_of_a_task() -> None:
    """A budget that is spent on one class stays so, whatever stands beside it."""
    allowed = policy("[functions.head_correct]\nheads_per_row = 10")
    before = {f"head_correct|{SNAPSHOT}|ant": 10}
    for query in (heads(1, "ant", "bee"), heads(1, "bee", "ant", "cat")):
        cost = allowed.cost(query, snapshot=SNAPSHOT, classes=HELD)
        with pytest.raises(Refused):
            allowed.allow("head_correct", cost)(Totals(uses=before))
    cost = allowed.cost(heads(1, "bee"), snapshot=SNAPSHOT, classes=HELD)
    allowed.allow("head_correct", cost)(Totals(uses=before))


def test_noise_left_out_of_a_masked_sum() -> None:
    noisy = policy("[privacy]\nmasked_noise = true")
    query = ClassFeatureSums(FEATURES, ("ant",), 6)
    assert summed(noisy, query, dict.fromkeys((A, B, C), (10,))) is Code.NOT_ALLOWED


def test_a_masked_sum_over_three_rows_in_all() -> None:
    """The mean of three rows, one from each party, hides little."""
    query = ClassFeatureSums(FEATURES, ("ant",), 6)
    assert summed(VOUCHED, query, dict.fromkeys((A, B, C), (3,))) is Code.TOO_FEW_ROWS
    assert isinstance(summed(VOUCHED, query, dict.fromkeys((A, B, C), (4,))), bytes)


def test_a_job_that_outgrows_what_its_owner_agreed_to() -> None:
    limits = ConsentLimits(PLAN)
    for totals, cost in (
        (Totals(function=Spent(3)), Cost()),
        (Totals(function=Spent(0, 0)), Cost(5001)),
    ):
        with pytest.raises(Refused) as caught:
            limits.allow("class_outputs", cost)(totals)
        assert caught.value.code is Code.BUDGET_SPENT
    with pytest.raises(Refused):
        limits.check("class_outputs", Transport.MASKED)


def test_another_question_under_an_approved_id(tmp_path: Path) -> None:
    approvals = Approvals(LedgerFile(tmp_path / "ledger.db"), A, now=lambda: 0.0)
    question = Asked(
        JOB, QueryId(1, 0, 0), digest_of(b"harmless"), "leep_likelihood", "", "", {}, Cost()
    )
    approvals.approve(approvals.ask(question, ApprovalRules()).id)
    swapped = digest_of(b"crafted")
    assert approvals.decision(JOB, question.query, swapped, "leep_likelihood") is None
    again = approvals.ask(replace(question, body=swapped), ApprovalRules())
    assert again.decision is Decision.PENDING
