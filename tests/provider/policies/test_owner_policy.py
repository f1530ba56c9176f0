from dataclasses import replace

import numpy as np
import pytest

from protocols.errors import Code, Refused
from protocols.ids import digest_of
from protocols.masked import MaskedQuery
from protocols.queries import (
    ClassFeatureSums,
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
    encode_answer,
)
from provider.policies.answer_size import plain_bytes
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.profiles import GUARDED, OPEN
from provider.policies.rules import Travel
from provider.policy import OpenPolicy, Policy
from tests.owner_policies import policy
from tests.protocols.query_examples import EXAMPLES, answer_to

A, B = digest_of(b"a"), digest_of(b"b")
SNAPSHOT = digest_of(b"snapshot")
HELD = {"ant": 40, "bee": 60}
TASK = np.array([[0, 1]], np.int32)
WEIGHTS = np.zeros((1, 1, 2, 3), np.float32)
GUARDED_A = OwnerPolicy(GUARDED, endorsed=frozenset({A}))


def plain(policy: Policy, query: Query, held: dict[str, int] = HELD) -> Code | None:
    try:
        policy.check(query, sum(held.values()), held)
    except Refused as refused:
        return refused.code
    return None


def masked(policy: OwnerPolicy, query: MaskedQuery, *rows: int, noisy: bool = False) -> Code | None:
    try:
        policy.masked_rules().check(query, np.array(rows, np.int64), noisy=noisy)
    except Refused as refused:
        return refused.code
    return None


OUTPUTS = ClassOutputs((A,), ("ant", "bee"), 3)
LEEP = LeepLikelihood((A,), ("ant", "bee"), TASK, np.zeros((1, 1, 2, 3)))
STATISTICS = HeadStatistics((A,), ("ant", "bee"), 3, True, True)
CORRECT = HeadCorrect((A,), ("ant", "bee"), True, TASK, WEIGHTS, WEIGHTS[..., 0])
ERROR = SquaredError((A,), 20)
SUMS = ClassFeatureSums(B, ("ant", "bee"), 4)


@pytest.mark.parametrize("query", EXAMPLES)
@pytest.mark.parametrize("held", [{}, {"ant": 3}, {"ant": 40, "bee": 60, "cat": 9}])
def test_the_open_profile_is_the_open_policy(query: Query, held: dict[str, int]) -> None:
    assert plain(OwnerPolicy(OPEN), query, held) is plain(OpenPolicy(), query, held)


@pytest.mark.parametrize("query", [OUTPUTS, LEEP, ERROR])
def test_guarded_answers_about_signed_models_alone(query: Query) -> None:
    assert plain(GUARDED_A, query) is None
    assert plain(OwnerPolicy(GUARDED), query) is Code.NOT_ALLOWED
    assert plain(GUARDED_A, replace(query, models=(B,))) is Code.NOT_ALLOWED  # type: ignore[arg-type]
    assert plain(policy(f'[models]\ndigests = ["{A}"]'), query) is None


def test_listed_models_are_no_others() -> None:
    listed = '[functions.class_outputs]\nmodels = "listed"\n'
    assert plain(policy(listed, endorsed=(A,)), OUTPUTS) is Code.NOT_ALLOWED
    assert plain(policy(f'{listed}[models]\ndigests = ["{A}"]'), OUTPUTS) is None


@pytest.mark.parametrize("query", [OUTPUTS, LEEP])
def test_guarded_asks_for_twenty_rows_of_each_class(query: Query) -> None:
    assert plain(GUARDED_A, query, {"ant": 20, "bee": 20}) is None
    assert plain(GUARDED_A, query, {"ant": 20, "bee": 19}) is Code.TOO_FEW_ROWS
    assert plain(GUARDED_A, query, {"ant": 20}) is None


def test_guarded_asks_for_twenty_rows_in_half_b() -> None:
    assert plain(GUARDED_A, CORRECT, {"ant": 40, "bee": 40}) is None
    assert plain(GUARDED_A, CORRECT, {"ant": 40, "bee": 39}) is Code.TOO_FEW_ROWS


def test_a_function_cannot_ask_for_less_than_the_policy() -> None:
    lower = policy("min_rows = 30\n[functions.class_outputs]\nmin_rows = 5", endorsed=(A,))
    assert plain(lower, OUTPUTS, {"ant": 29}) is Code.TOO_FEW_ROWS
    assert plain(lower, OUTPUTS, {"ant": 30}) is None


def test_guarded_gives_statistics_in_masked_sums_alone() -> None:
    assert plain(GUARDED_A, STATISTICS) is Code.NOT_ALLOWED
    assert masked(GUARDED_A, STATISTICS, 20, 30) is None
    assert masked(GUARDED_A, STATISTICS, 20, 19) is Code.TOO_FEW_ROWS
    assert masked(GUARDED_A, STATISTICS, 20, 0) is None


def test_statistics_of_as_many_features_as_rows_would_be_rows() -> None:
    wide = replace(STATISTICS, width=64)
    assert masked(GUARDED_A, wide, 128, 200) is None
    assert masked(GUARDED_A, wide, 127, 200) is Code.TOO_FEW_ROWS
    assert masked(GUARDED_A, replace(STATISTICS, width=65), 500, 500) is Code.NOT_ALLOWED
    either = policy('[functions.head_statistics]\ntransport = "either"')
    assert plain(either, wide, {"ant": 256, "bee": 300}) is None  # halved
    assert plain(either, wide, {"ant": 254, "bee": 300}) is Code.TOO_FEW_ROWS


@pytest.mark.parametrize(
    "query", [PretrainingGradient(A, 4, 5, 0.5), PretrainingUpdate(A, 4, 5, 0.5, 2, 0.1)]
)
def test_guarded_gives_no_plain_pretraining(query: Query) -> None:
    assert plain(GUARDED_A, query) is Code.NOT_ALLOWED


def test_guarded_gives_gradients_in_masked_sums() -> None:
    assert masked(GUARDED_A, PretrainingGradient(A, 4, 5, 0.5), 20) is None
    assert masked(GUARDED_A, PretrainingGradient(A, 4, 4, 0.5), 16) is Code.TOO_FEW_ROWS


def test_guarded_means_are_of_ten_rows() -> None:
    assert plain(GUARDED_A, TargetFeatures(A, 10, 100)) is None
    assert plain(GUARDED_A, TargetFeatures(A, 9, 100)) is Code.TOO_FEW_ROWS
    assert plain(GUARDED_A, TargetFeatures(A, 10, 101)) is Code.NOT_ALLOWED
    assert plain(GUARDED_A, TargetFeatures(A, 10, 1), {"ant": 19}) is Code.TOO_FEW_ROWS


def test_guarded_gives_no_evidence_of_few_rows() -> None:
    query = TaskEvidence((A,), B, 6, ("ant", "bee"), np.array([10, 20], np.int32), 3, ("leep",))
    assert plain(GUARDED_A, query) is Code.NOT_ALLOWED
    allowed = policy("[functions.task_evidence]\nallow = true", endorsed=(A,))
    assert plain(allowed, query) is None
    fewer = replace(query, ks=np.array([9, 20], np.int32))
    assert plain(allowed, fewer) is Code.TOO_FEW_ROWS
    assert plain(allowed, replace(query, models=(B,))) is Code.NOT_ALLOWED


def test_masked_sums_of_features_hide_behind_many_rows() -> None:
    assert masked(GUARDED_A, SUMS, 1, 3) is None
    floors = GUARDED_A.masked_rules().floors(frozenset(), SUMS.function)
    assert floors.min_rows_together == 10
    assert GUARDED_A.masked_rules().floors(frozenset(), "class_outputs").min_rows_together == 1


def test_floors_and_noise_of_masked_sums_are_the_policys() -> None:
    terms = policy(
        "min_parties = 5\nmin_corrupt = 2\n[privacy]\nmasked_noise = true"
    ).masked_rules()
    assert (terms.min_parties, terms.min_parties_per_class, terms.min_corrupt) == (5, 3, 2)
    assert terms.budget is not None
    assert (terms.budget.epsilon, terms.budget.delta) == (4.0, 1e-6)
    assert GUARDED_A.masked_rules().budget is None
    noisy = policy("[privacy]\nmasked_noise = true")
    assert masked(noisy, SUMS, 10, 10) is Code.NOT_ALLOWED
    assert masked(noisy, SUMS, 10, 10, noisy=True) is None


def test_plain_functions_are_not_given_masked() -> None:
    only_plain = policy('[functions.class_outputs]\ntransport = "plain"', endorsed=(A,))
    assert masked(only_plain, OUTPUTS, 30, 30) is Code.NOT_ALLOWED
    assert masked(GUARDED_A, OUTPUTS, 30, 30) is None
    assert masked(OwnerPolicy(GUARDED), OUTPUTS, 30, 30) is Code.NOT_ALLOWED


@pytest.mark.parametrize(
    ("function", "limit", "query"),
    [
        ("class_outputs", "max_models", replace(OUTPUTS, models=(A, B))),
        ("class_outputs", "max_classes", OUTPUTS),
        ("leep_likelihood", "max_tasks", replace(LEEP, tasks=np.array([[0, 1]] * 2, np.int32),
                                                 tables=np.zeros((1, 2, 2, 3)))),
        ("head_correct", "max_width", CORRECT),
        ("squared_error", "max_models", replace(ERROR, models=(A, B))),
    ],
)  # fmt: skip
def test_limits_of_parameters(function: str, limit: str, query: Query) -> None:
    held = {"ant": 40, "bee": 40}
    assert (
        plain(policy(f"[functions.{function}]\n{limit} = 9", profile="open"), query, held) is None
    )
    low = policy(f"[functions.{function}]\n{limit} = 1", profile="open")
    assert plain(low, query, held) is Code.NOT_ALLOWED


def test_a_paused_policy_answers_nothing() -> None:
    paused = OwnerPolicy(OPEN).for_job(frozenset(), paused=True)
    assert plain(paused, Describe()) is Code.PAUSED


def test_a_function_that_is_not_allowed() -> None:
    assert plain(policy("[functions.describe]\nallow = false"), Describe()) is Code.NOT_ALLOWED
    assert policy("[functions.describe]\nallow = false").transport("describe") is None
    assert GUARDED_A.transport("describe") is Travel.PLAIN
    assert GUARDED_A.transport("no such function") is None


@pytest.mark.parametrize(
    "query", [query for query in EXAMPLES if "pretraining" not in query.function]
)
def test_no_answer_is_larger_than_what_is_paid_for_it(query: Query) -> None:
    answer = answer_to(query)
    classes = {"ant": 5, "bee": 0, "cat": 2}
    size = len(encode_answer(query, answer))
    assert size <= plain_bytes(query, classes)
    if not isinstance(query, TargetFeatures):  # whose width the question does not tell
        assert plain_bytes(query, classes) <= size + 500


def test_an_answer_beyond_its_limit_is_not_begun() -> None:
    small = policy("[functions.class_outputs]\nmax_answer_bytes = 200", endorsed=(A,))
    assert plain(small, OUTPUTS) is Code.ANSWER_TOO_LARGE
    gradient = PretrainingGradient(A, 4, 10, 0.5)
    open_ended = policy(
        '[functions.pretraining_gradient]\ntransport = "plain"\nmax_answer_bytes = 5000'
    )
    assert plain(open_ended, gradient) is None
    assert open_ended.cost(gradient, snapshot=SNAPSHOT, classes=HELD).bytes == 5000


def test_heads_are_counted_for_each_class_that_is_held() -> None:
    tasks = np.array([[0, 1, -1], [2, 0, 1], [2, 1, -1]], np.int32)
    weights = np.zeros((2, 3, 3, 4), np.float32)
    query = HeadCorrect((A, B), ("ant", "bee", "cat"), True, tasks, weights, weights[..., 0])
    held = {"ant": 40, "bee": 60, "cat": 1}
    cost = GUARDED_A.cost(query, snapshot=SNAPSHOT, classes=held)
    assert cost.uses == {f"head_correct|{SNAPSHOT}|ant": 4, f"head_correct|{SNAPSHOT}|bee": 6}
    same = GUARDED_A.masked_cost(query, length=9, snapshot=SNAPSHOT, classes=held)
    assert (same.uses, same.bytes) == (cost.uses, 72)


def test_noise_must_be_paid() -> None:
    noisy = policy("[functions.class_outputs]\nnoise_epsilon = 0.5\nnoise_clip = 2", endorsed=(A,))
    terms = noisy.noise("class_outputs")
    assert terms is not None
    assert (terms.epsilon, terms.delta, terms.clip) == (0.5, 1e-6, 2.0)
    assert noisy.noise("squared_error") is None
    with pytest.raises(ValueError, match="needs noise"):
        noisy.cost(OUTPUTS, snapshot=SNAPSHOT, classes=HELD)
    assert noisy.cost(OUTPUTS, snapshot=SNAPSHOT, classes=HELD, rho=0.1).rho == 0.1
