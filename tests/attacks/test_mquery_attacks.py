"""Attacks on real nodes by whoever speaks in the coordinator's name; each is named after itself.

These are about who asks, and what; `test_mquery_attempt_attacks.py` is about attempts under way.
"""

from dataclasses import replace

import pytest

from coordinator.aggregation_question import Terms
from protocols.errors import Code
from protocols.ids import JobId, ProviderId, digest_of
from protocols.queries import ClassFeatureSums, SquaredError, TargetFeatures, encode_query
from protocols.secagg.messages import Advertisement, KeyList
from protocols.secagg.roster import Roster, SignedRoster, sign_roster
from protocols.secagg.rounds import Round
from provider.attempts import AttemptState
from provider.masked_rules import MaskedRules
from provider.policy import OpenPolicy
from tests.identities import AUTHORITY, COORDINATOR, identity_of
from tests.labelled import provider_with
from tests.masked_nodes import (
    BACKBONE,
    ERRORS,
    MODELS,
    NOW,
    Provider,
    Q,
    Table,
    altered,
    member,
    names,
    providers,
)

A, B, C, D = names(4)
FILE = next(iter(MODELS))
FEATURES = ClassFeatureSums(digest_of(BACKBONE), ("ant", "bee"), 6)
WITHIN_8 = Terms(bound=8.0)


def read_nothing(table: Table, name: ProviderId) -> bool:
    """Whether a node has not come to read its rows."""
    attempts = table.providers[name].attempts.attempts()
    return all(attempt.state is AttemptState.BEGUN for attempt in attempts)


# The question.


def test_threshold_lowered_by_the_coordinator() -> None:
    table = Table(providers(5))
    question = table.question(threshold=3)
    assert table.advertise(A, question) is Code.THRESHOLD_TOO_LOW
    assert isinstance(table.advertise(A, table.question(attempt=2)), bytes)  # 4 of 5 is the least


def test_a_corruption_bound_below_the_nodes_own() -> None:
    table = Table(providers(5, MaskedRules(min_corrupt=2)))
    assert table.advertise(A, table.question()) is Code.THRESHOLD_TOO_LOW
    assert isinstance(table.advertise(A, table.question(attempt=2, corrupt=2)), bytes)


def test_a_party_alone() -> None:
    """n = 1 is no question at all; two of which only one has rows is refused for its slot."""
    table = Table(providers(2))
    with pytest.raises(ValueError, match="parties"):
        table.question(parties=[A])
    question = table.question(rows={A: (ERRORS.rows,), B: (0,)})
    assert table.advertise(A, question) is Code.TOO_FEW_HOLDERS


def test_fewer_parties_than_the_node_asks_for() -> None:
    table = Table(providers(4, MaskedRules(min_parties=4)))
    assert table.advertise(A, table.question(parties=[A, B, C])) is Code.TOO_FEW_PARTIES
    assert isinstance(table.advertise(A, table.question(attempt=2)), bytes)


@pytest.mark.parametrize("lie", [0, 1, 4, 6, 20])
def test_the_coordinator_lies_about_this_nodes_rows(lie: int) -> None:
    table = Table(providers(3))
    question = table.question(rows={A: (lie,), B: (ERRORS.rows,), C: (ERRORS.rows,)})
    assert table.advertise(A, question) is Code.TOO_FEW_ROWS
    assert isinstance(table.advertise(B, question), bytes)  # it cannot know


def test_rows_of_a_class_that_this_node_does_not_hold() -> None:
    seats = [
        Provider(name, dataset=provider_with(counts))
        for name, counts in zip(
            (A, B, C), ({"ant": 6, "bee": 6}, {"ant": 6}, {"bee": 6}), strict=True
        )
    ]
    table = Table(seats)

    def ask(attempt: int, rows: dict[ProviderId, tuple[int, int]]) -> dict[ProviderId, object]:
        question = table.question(attempt=attempt, query=FEATURES, rows=rows, terms=WITHIN_8)
        return {name: table.advertise(name, question) for name in (A, B, C)}

    # (K, 0, 0) dressed up: two parties are said to hold what only one holds.
    lied = ask(1, {A: (5, 0), B: (5, 5), C: (0, 5)})
    assert lied[B] is Code.TOO_FEW_ROWS
    honest = ask(2, {A: (5, 5), B: (5, 0), C: (0, 5)})
    assert all(isinstance(reply, bytes) for reply in honest.values())
    beyond = ask(3, {A: (7, 5), B: (5, 0), C: (0, 5)})
    assert beyond[A] is Code.TOO_FEW_ROWS


def test_a_class_slot_with_one_party() -> None:
    seats = [Provider(name, dataset=provider_with({"ant": 6, "bee": 6})) for name in (A, B, C)]
    table = Table(seats)
    rows = {A: (5, 5), B: (5, 0), C: (5, 0)}
    question = table.question(query=FEATURES, rows=rows, terms=WITHIN_8)
    assert table.advertise(A, question) is Code.TOO_FEW_HOLDERS


def test_holders_of_a_class_dropped_by_the_coordinator() -> None:
    """The floor of every class slot is looked at again, on the list of survivors."""
    seats = [Provider(name, dataset=provider_with({"ant": 6, "bee": 6})) for name in names(7)]
    table = Table(seats)
    rows = dict.fromkeys(names(7), (5, 0)) | {A: (5, 5), B: (5, 5)}
    question = table.question(query=FEATURES, rows=rows, terms=WITHIN_8)
    server, messages = table.until(Round.MASK, question)
    del messages[B]  # its vector is "lost"; 6 of 7 are enough
    table.round(server, question, messages)
    messages = server.close()
    for name in messages:
        assert table.step(name, question, Round.SIGN, messages[name]) is Code.TOO_FEW_HOLDERS


def test_different_model_digest_to_one_party() -> None:
    table = Table(providers(4))
    other = SquaredError((FILE, FILE, FILE), ERRORS.rows)
    question = table.question()
    poisoned = replace(question, body=encode_query(other))
    replies = {name: table.advertise(name, question) for name in (B, C, D)}
    replies[A] = table.advertise(A, poisoned)
    assert all(isinstance(reply, bytes) for reply in replies.values())
    keys = KeyList.of(
        {
            place: Advertisement.decode(reply)
            for place, reply in enumerate(map(replies.__getitem__, names(4)))
            if isinstance(reply, bytes)
        }
    ).encode()
    for name in (B, C, D):
        assert table.step(name, question, Round.SHARE, keys) is Code.TRANSCRIPT_DIFFERS
    assert table.step(A, poisoned, Round.SHARE, keys) is Code.TRANSCRIPT_DIFFERS
    assert all(read_nothing(table, name) for name in names(4))


@pytest.mark.parametrize(
    "changes",
    [
        {"length": 3},
        {"length": 5},
        {"slots": ("other",)},
    ],
)
def test_a_vector_that_is_not_the_functions(changes: dict[str, object]) -> None:
    table = Table(providers(3))
    assert table.advertise(A, altered(table.question(), changes)) is Code.BAD_PARAMETERS


def test_a_bound_that_probes_the_rows() -> None:
    """Refused before a row is read, not for what the rows are."""
    held = {"ant": 6, "bee": 6}
    table = Table([Provider(name, dataset=provider_with(held)) for name in (A, B, C)])
    rows = dict.fromkeys((A, B, C), (5, 4))
    question = table.question(query=FEATURES, rows=rows, terms=Terms(bound=4.9))
    assert table.advertise(A, question) is Code.BAD_PARAMETERS
    honest = table.question(query=FEATURES, rows=rows, terms=Terms(bound=5.0))
    assert isinstance(table.advertise(A, honest), bytes)


def test_a_function_that_has_no_sum() -> None:
    table = Table(providers(3))
    question = table.question(body=encode_query(TargetFeatures(FILE, 3, 1)))
    assert table.advertise(A, question) is Code.UNKNOWN_FUNCTION


# Who asks.


def test_a_question_signed_by_a_stranger() -> None:
    table = Table(providers(3))
    question = table.question()
    for signer in (identity_of("a stranger"), identity_of(B), AUTHORITY):
        assert table.advertise(A, question, signer) is Code.QUESTION_NOT_SIGNED
    assert table.providers[A].attempts.attempts() == []
    assert isinstance(table.advertise(A, question), bytes)


def test_a_question_before_any_manifest() -> None:
    table = Table(providers(3), joined=False)
    assert table.advertise(A, table.question()) is Code.MANIFEST_NOT_TRUSTED


def test_manifest_for_another_job() -> None:
    table = Table(providers(3), joined=False)
    other = replace(table.manifest, job=JobId("another-job"))
    assert table.join(A, manifest=other) is Code.MANIFEST_NOT_TRUSTED
    assert table.advertise(A, table.question()) is Code.MANIFEST_NOT_TRUSTED


@pytest.mark.parametrize("changes", [{"job": JobId("another-job")}, {"manifest": "0" * 64}])
def test_a_question_for_another_job(changes: dict[str, object]) -> None:
    table = Table(providers(3))
    assert table.advertise(A, altered(table.question(), changes)) is Code.MANIFEST_NOT_TRUSTED


def test_a_second_manifest_for_the_same_job() -> None:
    """One party held to other rules than the next; or all of them, from now on."""
    table = Table(providers(3))
    wider = replace(table.manifest, makes_models=True)
    assert table.join(A, manifest=wider) is Code.MANIFEST_NOT_TRUSTED
    assert table.join(A) == b""  # the first one again, as a coordinator does that restarts


def test_a_second_manifest_after_a_restart() -> None:
    table = Table(providers(3))
    table.restart(A)
    wider = replace(table.manifest, makes_models=True)
    assert table.join(A, manifest=wider) is Code.MANIFEST_NOT_TRUSTED
    assert isinstance(table.advertise(A, table.question()), bytes)  # the first one still holds


def test_a_model_that_the_manifest_does_not_name() -> None:
    table = Table(providers(3))
    query = SquaredError(("0" * 64,), ERRORS.rows)
    assert table.advertise(A, table.question(query=query)) is Code.MANIFEST_NOT_TRUSTED


def test_a_function_that_the_manifest_does_not_name() -> None:
    table = Table(providers(3), joined=False)
    table.manifest = replace(table.manifest, functions=frozenset({"describe"}))
    assert table.join(A) == b""
    assert table.advertise(A, table.question()) is Code.MANIFEST_NOT_TRUSTED
    assert table.tell(A, Q, encode_query(ERRORS)) is Code.MANIFEST_NOT_TRUSTED


def test_parties_that_are_no_participants() -> None:
    table = Table(providers(3))
    stranger = ProviderId("p99")
    question = table.question(parties=[A, B, C, stranger])
    assert table.advertise(A, question) is Code.MANIFEST_NOT_TRUSTED


def test_key_substitution_in_the_roster() -> None:
    table = Table(providers(3), joined=False)
    forged = Roster.first([member(A), member(B, key="evil"), member(C)], [COORDINATOR.public])
    for signer in (COORDINATOR, identity_of("evil")):
        signed = SignedRoster.by(signer, forged.encode())
        assert table.join(A, links=[signed]) is Code.ROSTER_NOT_TRUSTED
    mine = Roster.first([member(A, key="evil"), member(B), member(C)], [COORDINATOR.public])
    assert table.join(A, links=[sign_roster(mine, AUTHORITY)]) is Code.ROSTER_NOT_TRUSTED


def test_an_older_roster_comes_back() -> None:
    table = Table(providers(3))
    newer = table.roster.following([member(A), member(B)], [COORDINATOR.public])
    manifest = replace(table.manifest, roster=newer.digest, participants=(A, B))
    assert table.join(A, links=[sign_roster(newer, AUTHORITY)], manifest=manifest) == b""
    assert table.join(A) is Code.ROSTER_NOT_TRUSTED
    table.restart(A)
    assert table.join(A) is Code.ROSTER_NOT_TRUSTED


def test_sybils() -> None:
    """Minted parties are in the roster, sign, and do not count until the grace time is over."""
    table = Table(providers(3, MaskedRules(min_parties=5)))
    minted = [ProviderId(f"sybil{i}") for i in range(5)]
    roster = table.roster.following(
        [*table.roster.members, *map(member, minted)], [COORDINATOR.public]
    )
    table.links = (*table.links, sign_roster(roster, AUTHORITY))
    table.manifest = replace(
        table.manifest, roster=roster.digest, participants=tuple(roster.by_name)
    )
    assert table.join(A) == b""
    question = table.question(parties=[A, B, C, *minted])
    assert table.advertise(A, question) is Code.TOO_FEW_PARTIES
    table.providers[A].now = NOW + 30 * 24 * 3600
    assert isinstance(table.advertise(A, replace(question, attempt=2)), bytes)


def test_masked_function_asked_plainly() -> None:
    table = Table(providers(3))
    assert table.tell(A, Q, encode_query(ERRORS)) is Code.NOT_ALLOWED
    (entry,) = table.providers[A].ledger.entries()
    assert entry.computed == 0


def test_plain_function_asked_under_masks() -> None:
    table = Table(providers(3))
    roster = Roster.first(
        [
            replace(m, plain=m.plain | {"squared_error"}, masked=frozenset())
            for m in table.roster.members
        ],
        [COORDINATOR.public],
    )
    table = Table(providers(3), joined=False)
    table.roster, table.links = roster, (sign_roster(roster, AUTHORITY),)
    table.manifest = replace(table.manifest, roster=roster.digest)
    assert table.join(A) == b""
    assert table.advertise(A, table.question()) is Code.NOT_ALLOWED


def test_a_function_that_the_policy_does_not_answer_under_masks() -> None:
    table = Table(providers(3, MaskedRules(functions=frozenset({"class_feature_sums"}))))
    assert table.advertise(A, table.question()) is Code.NOT_ALLOWED


def test_a_paused_node() -> None:
    seats = [
        Provider(name, place, policy=OpenPolicy(paused=True)) for place, name in enumerate(names(3))
    ]
    table = Table(seats)
    assert table.advertise(A, table.question()) is Code.PAUSED


def test_fewer_rows_than_the_policy_asks_for() -> None:
    table = Table(providers(3, MaskedRules(min_rows=6)))
    assert table.advertise(A, table.question()) is Code.TOO_FEW_ROWS
