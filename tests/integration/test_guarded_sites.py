"""The profile that `init` writes, at three real nodes: what it answers, and what it does not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from coordinator.aggregation import Aggregations
from coordinator.aggregation_events import AggregationFailed
from coordinator.aggregation_question import Terms
from coordinator.session_questions import QueryRefused
from protocols.endorsement import Endorsement, sign_endorsement
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId, digest_of
from protocols.queries import (
    Answer,
    ClassOutputs,
    Describe,
    HeadStatistics,
    PretrainingGradient,
    TaskEvidence,
    class_counts,
    decode_answer,
)
from provider.answers import answer as compute
from provider.data.store import SnapshotStore
from provider.models import ModelCache
from provider.policies.template import guarded_policy_toml
from provider.rounded_rows import RoundedRows
from provider.workbench import Workbench
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.classifiers import classifier_file
from tests.identities import COORDINATOR, identity_of
from tests.integration.sites import JOB, MASKED_HERE, Meeting, meeting

pytestmark = pytest.mark.integration

A, B, C = (ProviderId(name) for name in ("ward-a", "ward-b", "ward-c"))
HELD = {
    A: {"ant": 24, "bee": 31, "fly": 7},
    B: {"ant": 25, "bee": 40},
    C: {"ant": 29, "bee": 24},
}
SIGNER = identity_of("somebody who looks at models")
KNOWN, UNKNOWN = classifier_file("looked at"), classifier_file("crafted")
SIGNED = guarded_policy_toml().replace("signers = []", f'signers = ["{SIGNER.public.hex()}"]')


@pytest.fixture(scope="module")
def wards(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    held = {str(name): counts for name, counts in HELD.items()}
    masked = MASKED_HERE | {"head_statistics", "pretraining_gradient"}
    with meeting(tmp_path_factory.mktemp("wards"), held, policy=SIGNED, masked=masked) as made:
        known = frozenset({digest_of(KNOWN)})
        unknown = frozenset({digest_of(UNKNOWN)})
        words = (
            sign_endorsement(Endorsement(SIGNER.public, known), SIGNER),
            sign_endorsement(Endorsement(COORDINATOR.public, unknown), COORDINATOR),
        )
        made.gather(made.plan(endorsements=words))
        yield made


def refused(wards: Meeting, query_id: QueryId, query: "ClassOutputs | TaskEvidence") -> Code:
    with pytest.raises(QueryRefused) as caught:
        wards.ask(A, query_id, query)
    return caught.value.code


def outputs(wards: Meeting, model: bytes, *classes: str) -> ClassOutputs:
    return ClassOutputs((wards.blobs.publish(model),), classes, 3)


def own_part(wards: Meeting, ward: ProviderId, query: HeadStatistics) -> Answer:
    """What a ward's rows give, computed here."""
    rows = RoundedRows(SnapshotStore(wards.owners[ward].home.snapshots).current(), 10)
    bench = Workbench(rows, bytes(32), ModelCache(), ThreadPoolExecutor(1))
    files: dict[str, bytes] = {digest_of(KNOWN): KNOWN}
    return compute(query, bench.context(JOB, QueryId(0, 0, 0), files))


def test_numbers_of_rows_are_tens_and_small_classes_are_not_there(wards: Meeting) -> None:
    described = decode_answer(Describe(), wards.ask(A, QueryId(0, 0, 5), Describe()))
    assert class_counts(described) == {"ant": 20, "bee": 30}
    query = outputs(wards, KNOWN, "ant", "bee", "fly")
    answer = decode_answer(query, wards.ask(A, QueryId(0, 1, 0), query))
    assert answer["rows"].tolist() == [20, 30, 0]


def test_models_need_the_word_of_somebody_else_than_the_coordinator(wards: Meeting) -> None:
    assert refused(wards, QueryId(0, 2, 0), outputs(wards, UNKNOWN, "ant")) is Code.NOT_ALLOWED


def test_sums_of_products_are_masked_and_those_of_all_three(wards: Meeting) -> None:
    model = wards.blobs.publish(KNOWN)
    query = HeadStatistics((model,), ("ant", "bee"), 4, unit_length=True, halved=False)
    rows = {A: (20, 30), B: (20, 40), C: (20, 20)}
    aggregations = Aggregations(wards.server, wards.trust, deadline=60.0)
    found = aggregations.ask(QueryId(0, 3, 0), query, rows, Terms(bound=64.0))
    assert found.survivors == (A, B, C)
    assert found.answer["rows"].tolist() == [60, 90]
    for name in ("sums", "products"):
        clear = sum(own_part(wards, ward, query)[name] for ward in (A, B, C))
        np.testing.assert_allclose(found.answer[name], clear, atol=1e-2)
    with pytest.raises(AggregationFailed):  # the same sum once more, under another id
        aggregations.ask(QueryId(0, 4, 0), query, rows, Terms(bound=64.0))


def test_a_masked_gradient_leaves_a_note_of_its_backbone(wards: Meeting) -> None:
    made = Backbone(BackboneSpec(channels=3, width=2, features=6))
    backbone = wards.blobs.publish(save_backbone(made))
    length = sum(parameter.numel() for parameter in made.parameters()) + 3  # and the counts
    query = PretrainingGradient(backbone, 2, 10, 0.5)
    aggregations = Aggregations(wards.server, wards.trust, deadline=60.0)
    rows = dict.fromkeys((A, B, C), (20,))
    found = aggregations.ask(QueryId(0, 7, 0), query, rows, Terms(2.0**14, length))
    assert found.survivors == (A, B, C)
    assert backbone in wards.owners[A].run("history", "--json").output


def test_a_sum_of_two_is_none(wards: Meeting) -> None:
    query = HeadStatistics(
        (wards.blobs.publish(KNOWN),), ("bee",), 4, unit_length=True, halved=False
    )
    with pytest.raises(AggregationFailed) as caught:
        Aggregations(wards.server, wards.trust, deadline=60.0).ask(
            QueryId(0, 5, 0), query, {A: (30,), B: (40,)}, Terms(bound=64.0)
        )
    assert all(drop.code is not None for drop in caught.value.dropped.values())


def test_few_rows_tell_nothing(wards: Meeting) -> None:
    evidence = TaskEvidence(
        backbone=digest_of(b"a backbone"),
        features=6,
        models=(digest_of(KNOWN),),
        classes=("ant", "bee"),
        ks=np.array([1], np.int32),
        draws=1,
        scores=("leep",),
    )
    assert refused(wards, QueryId(0, 6, 0), evidence) is Code.NOT_ALLOWED


def test_the_owner_is_told_what_left(wards: Meeting) -> None:
    shown = wards.owners[A].run("left", "--json").output
    assert "masked" not in shown or "head_statistics" in shown
    assert "NOT_ALLOWED" in shown
    assert "The ledger holds" in wards.owners[A].run("left", "--verify").output
