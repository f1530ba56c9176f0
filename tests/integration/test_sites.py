"""Nodes as data owners run them: made by `init`, invited at the door, joined by their owner."""

import signal
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

from coordinator.aggregation import Aggregations
from coordinator.aggregation_question import Terms
from coordinator.session_questions import QueryRefused
from protocols.errors import Code
from protocols.ids import ProviderId, QueryId
from protocols.queries import (
    ClassFeatureSums,
    ClassOutputs,
    Describe,
    class_counts,
    decode_answer,
)
from synlearn.mre.backbone import Backbone, BackboneSpec, save_backbone
from tests.classifiers import classifier_file
from tests.integration.sites import OPEN, Meeting, meeting, until

pytestmark = pytest.mark.integration

A, B, C = (ProviderId(name) for name in ("clinic-a", "clinic-b", "clinic-c"))
HELD: Mapping[str, Mapping[str, int]] = {
    A: {"ant": 24, "bee": 24},
    B: {"ant": 24, "bee": 24, "fly": 24},
    C: {"ant": 24, "bee": 24, "fly": 3},
}


@pytest.fixture(scope="module")
def clinics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Meeting]:
    with meeting(tmp_path_factory.mktemp("clinics"), HELD) as made:
        made.gather()
        yield made


def outputs(meeting: Meeting, classes: tuple[str, ...] = ("ant", "bee")) -> ClassOutputs:
    model = meeting.blobs.publish(classifier_file("a model"))
    return ClassOutputs((model,), classes, 3)


def refused(meeting: Meeting, query_id: QueryId, query: "Describe | ClassOutputs") -> Code:
    with pytest.raises(QueryRefused) as caught:
        meeting.ask(A, query_id, query)
    return caught.value.code


def test_a_node_answers_from_its_owners_folder(clinics: Meeting) -> None:
    described = decode_answer(Describe(), clinics.ask(B, QueryId(0, 0, 5), Describe()))
    assert class_counts(described) == HELD[B]
    query = outputs(clinics)
    answer = decode_answer(query, clinics.ask(A, QueryId(0, 1, 0), query))
    assert answer["rows"].tolist() == [24, 24]
    assert answer["hard"].sum() == 48


def test_the_owner_sees_what_left_and_that_the_record_holds(clinics: Meeting) -> None:
    clinics.ask(A, QueryId(0, 2, 0), Describe())
    owner = clinics.owners[A]
    assert "describe" in owner.run("left", "--json").output
    assert "The ledger holds" in owner.run("left", "--verify").output
    assert "answering" in owner.run("status", "--json").output


def test_a_paused_node_refuses_and_a_resumed_one_answers(clinics: Meeting) -> None:
    owner = clinics.owners[A]
    owner.run("pause", "--reason", "audit")
    assert refused(clinics, QueryId(0, 3, 0), Describe()) is Code.PAUSED
    owner.run("resume")
    assert clinics.ask(A, QueryId(0, 3, 1), Describe())


def test_a_new_policy_holds_without_a_restart_and_a_wrong_one_does_not(clinics: Meeting) -> None:
    owner = clinics.owners[A]
    owner.policy(OPEN + "[functions.class_outputs]\nallow = false\n")
    assert refused(clinics, QueryId(0, 4, 0), outputs(clinics)) is Code.NOT_ALLOWED
    owner.policy("profile = 'open'\nmin_rowz = 3\n")
    assert refused(clinics, QueryId(0, 4, 1), outputs(clinics)) is Code.NOT_ALLOWED
    until(lambda: "min_rowz" in owner.run("status", "--json").output, owner.log)
    owner.policy(OPEN)
    assert clinics.ask(A, QueryId(0, 4, 2), outputs(clinics))


def test_a_question_waits_for_its_owner(clinics: Meeting) -> None:
    owner = clinics.owners[A]
    owner.policy(OPEN + "[functions.class_outputs]\napproval = true\n")
    waiting = clinics.begin(A, QueryId(0, 5, 0), outputs(clinics))
    until(lambda: "class_outputs" in owner.run("approvals", "--json").output, owner.log)
    assert not waiting.done()
    owner.run("approve", "1")
    assert waiting.result()
    other = clinics.begin(A, QueryId(0, 5, 1), outputs(clinics, ("ant",)))
    until(lambda: "class_outputs" in owner.run("approvals", "--json").output, owner.log)
    owner.run("deny", "2")
    with pytest.raises(QueryRefused) as caught:
        other.result()
    assert caught.value.code is Code.NOT_ALLOWED
    owner.policy(OPEN)


def test_a_masked_sum_is_that_of_all_sites(clinics: Meeting) -> None:
    backbone = save_backbone(Backbone(BackboneSpec(channels=3, width=2, features=6)))
    query = ClassFeatureSums(clinics.blobs.publish(backbone), ("ant", "bee"), 6)
    aggregations = Aggregations(clinics.server, clinics.trust, deadline=60.0)
    rows = dict.fromkeys((A, B, C), (20, 20))
    found = aggregations.ask(QueryId(0, 6, 0), query, rows, Terms(bound=60.0))
    assert found.survivors == (A, B, C)
    assert np.linalg.norm(found.answer["sums"], axis=1).max() <= 60.0
    attempt = clinics.owners[A].run("left", "--json").output
    assert "class_feature_sums" in attempt


def test_a_killed_node_comes_back_with_the_answers_that_it_gave(clinics: Meeting) -> None:
    query, owner = outputs(clinics), clinics.owners[A]
    first = clinics.ask(A, QueryId(0, 7, 0), query)
    owner.stop(signal.SIGKILL)
    owner.start()
    until(owner.home.door.exists, owner.log)
    clinics.wait()
    assert clinics.ask(A, QueryId(0, 7, 0), query) == first
    assert "The ledger holds" in owner.run("left", "--verify").output


def test_data_that_changes_meanwhile_is_not_seen_by_the_job(clinics: Meeting) -> None:
    owner = clinics.owners[B]
    before = clinics.ask(B, QueryId(0, 8, 0), outputs(clinics))
    for path in sorted((owner.data / "ant").iterdir())[:12]:
        path.unlink()
    owner.stop()
    owner.start()
    clinics.wait()
    assert clinics.ask(B, QueryId(0, 8, 1), outputs(clinics)) == before


def test_who_leaves_is_gone_for_good(tmp_path: Path) -> None:
    with meeting(tmp_path, {A: HELD[A]}) as made:
        made.gather(made.plan(describe=2))
        made.ask(A, QueryId(0, 0, 5), Describe())
        owner = made.owners[A]
        with pytest.raises(QueryRefused) as caught:
            made.ask(A, QueryId(0, 1, 0), outputs(made))
        assert caught.value.code is Code.NOT_ALLOWED  # beyond the plan
        made.ask(A, QueryId(0, 2, 0), Describe())
        with pytest.raises(QueryRefused) as caught:
            made.ask(A, QueryId(0, 3, 0), Describe())
        assert caught.value.code is Code.BUDGET_SPENT
        owner.run("leave", "a-job")
        until(lambda: '"left"' in owner.run("status", "--json").output, owner.log)
        until(lambda: made.server.left() == {A}, owner.log)  # the coordinator is told, too
        owner.run("join", "a-job", "--yes", code=2)
        assert "purged" in owner.run("left", "--json").output
        assert owner.stop() == 0


def test_a_coordinator_struck_out_of_the_configuration_is_dialled_no_more(tmp_path: Path) -> None:
    with meeting(tmp_path, {A: HELD[A]}) as made:
        made.gather(made.plan(describe=2))
        owner = made.owners[A]
        assert owner.stop() == 0
        text = owner.home.config.read_text()
        owner.home.config.write_text(text.replace(f"localhost:{made.port}", "localhost:1"))
        owner.start()
        until(lambda: "not dialled" in owner.log(), owner.log)
        assert made.server.connected() == frozenset()


def test_a_coordinator_that_asks_for_no_proof_gets_no_session(tmp_path: Path) -> None:
    """However it came by a certificate: who lets in anybody is not whom the owner agreed to."""
    with meeting(tmp_path, {A: HELD[A]}, challenges=False) as made:
        made.invite()
        owner = made.owners[A]
        future = made.begin(A, QueryId(0, 0, 5), Describe())
        until(lambda: "It was a Welcome where a Challenge was due." in owner.log(), owner.log)
        assert not future.done()
        assert '"questions": 0' in owner.run("status", "--json").output
