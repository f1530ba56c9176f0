import inspect
import math
import os

import numpy as np
import pytest
from dp_accounting import GaussianDpEvent, ZCDpEvent
from dp_accounting.rdp import RdpAccountant
from scipy import stats

from protocols.errors import Refused
from protocols.queries import Answer, Describe, Query, SquaredError, check_answer, decode_answer
from protocols.queries import encode_answer as encode
from protocols.secagg.keys import ByteStream
from provider.noise import NoiseRule, noisy_answer, post_processing
from provider.noise import mechanism as mechanism_module
from provider.noise.mechanism import Grid, _clipped
from provider.noise.sensitivity import noised
from tests.protocols.query_examples import EXAMPLES, A, answer_to
from tests.provider.noise.neighbours import RULE, exact, neighbours, questions

LOUD, MIDDLE, QUIET = NoiseRule(1e-6, 0.7), NoiseRule(0.01, 0.7), NoiseRule(100.0, 0.7)


def seeded(number: int) -> mechanism_module.RandomBytes:
    return ByteStream(number.to_bytes(32, "big"), "test").take


def noisy_answers(
    scale: float, rule: NoiseRule, seed: int = 3
) -> list[tuple[Query, Answer, Answer]]:
    data, _ = neighbours(seed, 0)
    found = []
    for query, files in questions(scale, seed):
        own = exact(query, files, data, rule)
        noisy = noisy_answer(query, own, rule, seeded(seed))
        decode_answer(query, encode(query, noisy))
        found.append((query, own, noisy))
    return found


@pytest.mark.parametrize("scale", [1.0, 1e12])
@pytest.mark.parametrize("rule", [LOUD, MIDDLE, QUIET])
def test_every_noisy_answer_is_one_that_the_coordinator_accepts(
    scale: float, rule: NoiseRule
) -> None:
    assert len(noisy_answers(scale, rule)) == 10


def test_no_exact_number_leaves_but_numbers_of_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanism_module, "allowed", lambda _, noisy, public, rule: noisy | public)
    data, _ = neighbours(3, 0)
    for query, files in questions(1.0, 3):
        own = exact(query, files, data, RULE)
        noisy = noisy_answer(query, own, RULE, seeded(3))
        for name, array in own.items():
            if name in {"rows", "count", "triplets"}:
                np.testing.assert_array_equal(noisy[name], array)
            else:
                assert (noisy[name] != array).all(), (query.function, name)


def test_much_privacy_makes_much_noise_and_little_makes_little() -> None:
    for (query, own, loud), (_, own_too, quiet) in zip(
        noisy_answers(1.0, LOUD), noisy_answers(1.0, QUIET), strict=True
    ):
        for name in (name for name, array in own.items() if array.ndim):
            near = np.linalg.norm(quiet[name] - _clipped(query, name, own_too[name], QUIET))
            far = np.linalg.norm(loud[name] - _clipped(query, name, own[name], LOUD))
            assert near <= far, (query.function, name)


def test_a_description_is_left_as_it_is() -> None:
    own = answer_to(Describe())
    assert noisy_answer(Describe(), own, RULE, seeded(0)) == own


@pytest.mark.parametrize("rho", [1e-5, 0.02, 3.0])
@pytest.mark.parametrize("entries", [1, 300])
def test_noise_has_the_stated_size(rho: float, entries: int) -> None:
    """A chi-square and a normal test of many draws, with a fixed seed."""
    grid = Grid.of(1.7, entries, rho)
    sigma = 1.7 / math.sqrt(2 * rho)
    count = 40_000
    values = np.full(count, 12.3)
    released = grid.release(values, ByteStream(bytes(32), f"{rho}"))
    drawn = released - values
    low, high = stats.chi2.ppf([1e-4, 1 - 1e-4], count) / count
    assert low < np.mean(drawn**2) / sigma**2 < high
    assert stats.kstest(drawn / sigma, "norm").pvalue > 1e-4
    np.testing.assert_array_equal(released % grid.step, 0.0)


@pytest.mark.parametrize("rho", [1e-6, 1e-3, 0.7, 100.0])
@pytest.mark.parametrize("entries", [1, 40, 2**21])
@pytest.mark.parametrize("distance", [1e-4, 1.0, 3e6])
def test_noise_costs_what_is_charged_and_hardly_less(
    distance: float, entries: int, rho: float
) -> None:
    grid = Grid.of(distance, entries, rho)
    found = grid.rho(distance, entries)
    assert rho * (1 - 1e-4) < found <= rho
    assert math.log2(grid.step).is_integer()


@pytest.mark.parametrize("query", EXAMPLES[1:-1])
def test_the_arrays_of_a_question_share_its_rho(query: Query) -> None:
    parts = noised(query, RULE)
    own = answer_to(query)
    spent = math.fsum(
        Grid.of(part.sensitivity, own[name].size, RULE.rho * part.share).rho(
            part.sensitivity, own[name].size
        )
        for name, part in parts.items()
    )
    assert 0.99 * RULE.rho < spent <= RULE.rho


def test_rho_is_that_of_a_gaussian_for_the_accountant() -> None:
    """sigma = sensitivity / sqrt(2 rho) is a Gaussian mechanism of this noise multiplier."""
    rho, times = 0.02, 12
    gaussian = RdpAccountant().compose(GaussianDpEvent(1 / math.sqrt(2 * rho)), times)
    ours = RdpAccountant().compose(ZCDpEvent(rho), times)
    assert ours.get_epsilon(1e-6) == pytest.approx(gaussian.get_epsilon(1e-6), rel=1e-9)


def test_post_processing_sees_noisy_and_public_numbers_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same noisy numbers give the same answer, whatever the exact ones were."""
    assert list(inspect.signature(post_processing.allowed).parameters) == [
        "query", "noisy", "public", "rule",
    ]  # fmt: skip
    monkeypatch.setattr(
        Grid,
        "release",
        lambda _, values, random: np.random.default_rng(5).normal(3.0, 9.0, values.shape),
    )
    for (query, _, noisy), (_, _, other) in zip(
        noisy_answers(1.0, RULE, seed=1), noisy_answers(30.0, RULE, seed=2), strict=True
    ):
        for name, array in noisy.items():
            np.testing.assert_array_equal(array, other[name], err_msg=f"{query.function} {name}")


def test_noise_comes_from_the_bytes_that_are_given() -> None:
    query = EXAMPLES[5]
    own = answer_to(query)
    asked: list[int] = []

    def counted(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    one, other = (noisy_answer(query, own, RULE, counted) for _ in range(2))
    assert asked == [32, 32]
    assert not np.array_equal(one["sums"], other["sums"])
    again, same = (noisy_answer(query, own, RULE, seeded(7)) for _ in range(2))
    np.testing.assert_array_equal(again["sums"], same["sums"])


def test_the_arrays_of_an_answer_have_noise_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanism_module, "allowed", lambda _, noisy, public, rule: noisy)
    query = EXAMPLES[5]
    own = answer_to(query)
    noisy = noisy_answer(query, own, RULE, seeded(7))
    one, other = (noisy[name] - own[name] for name in ("sums", "hard"))
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.9
    assert not np.array_equal(one, other)


def test_an_answer_computed_without_limits_does_not_leave() -> None:
    query = SquaredError((A,), rows=5)
    own: Answer = {"sums": np.array([np.nan]), "count": np.array(10)}
    with pytest.raises(Refused, match="without row limits"):
        noisy_answer(query, own, RULE, seeded(0))


def test_noise_is_unbiased_before_it_is_brought_into_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanism_module, "allowed", lambda _, noisy, public, rule: noisy)
    query = SquaredError((A,), rows=5)
    own: Answer = {"sums": np.array([1.25]), "count": np.array(10)}
    rule = NoiseRule(0.5)
    drawn = [noisy_answer(query, own, rule, seeded(i))["sums"][0] - 1.25 for i in range(2000)]
    assert abs(np.mean(drawn)) < 4.5 / math.sqrt(2000)
    assert 0.9 < np.std(drawn) < 1.1


def test_the_question_and_its_answer_stay_as_they_were() -> None:
    query = EXAMPLES[5]
    own = answer_to(query)
    before = {name: array.copy() for name, array in own.items()}
    noisy_answer(query, own, RULE, seeded(0))
    for name, array in own.items():
        np.testing.assert_array_equal(array, before[name])
    check_answer(query, own)
