"""Each target, driven by hypothesis: seeds first, then what a few mutations make of them."""

import logging
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS


@pytest.fixture(autouse=True)
def _no_log() -> Iterator[None]:
    """Refusals by the thousand are what is wanted here."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


_by_name = pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)


@_by_name
def test_seeds_go_well(target: Target) -> None:
    seeds = target.seeds()
    assert seeds
    for seed in seeds:
        assert len(seed) <= target.largest
        target.run(seed)


@_by_name
def test_no_input_finds_a_defect(target: Target) -> None:
    seeds = target.seeds()

    @settings(
        max_examples=target.examples,
        deadline=None,
        derandomize=True,  # the tests say the same each time; atheris goes on from there
        phases=(Phase.generate,),  # a seed of mutations does not shrink
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(seeds),
        st.integers(0, 8),
        st.randoms(use_true_random=False, note_method_calls=False),
    )
    def mutated(seed: bytes, times: int, random: Random) -> None:
        data = seed
        # Hypothesis draws the seed alone: millions of small draws would be refused as too large.
        own = Random(random.getrandbits(64))
        for _ in range(times):
            data = target.mutate(data, own)[: target.largest]
        target.run(data)

    mutated()


@_by_name
def test_noise_finds_no_defect(target: Target) -> None:
    @settings(max_examples=max(5, target.examples // 4), deadline=None, derandomize=True)
    @given(st.binary(max_size=200))
    def noise(data: bytes) -> None:
        target.run(data)

    noise()
