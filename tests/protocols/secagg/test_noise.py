import math
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from protocols.secagg.keys import ByteStream
from protocols.secagg.noise import DiscreteGaussian, NoiseError

Array = npt.NDArray[np.float64]


def sum_of_nodes(variance: float, nodes: int, reach: int) -> Array:
    """Exact probabilities, from -nodes * reach on, of a sum of independent discrete Gaussians."""
    integers = np.arange(-reach, reach + 1, dtype=np.float64)
    one = np.exp(-(integers**2) / (2 * variance))
    one /= one.sum()
    total = one
    for _ in range(nodes - 1):
        total = np.convolve(total, one)
    return total


def renyi(order: float, p: Array, q: Array) -> float:
    """The Rényi divergence of order above 1, where both are above 0."""
    both = (p > 0) & (q > 0)
    logs = order * np.log(p[both]) + (1 - order) * np.log(q[both])
    return float(np.logaddexp.reduce(logs) / (order - 1))


@pytest.mark.parametrize(("nodes", "sigma"), [(1, 0.5), (2, 0.8), (3, 1.0), (5, 1.0), (4, 2.0)])
@pytest.mark.parametrize("shift", [1, 2])
def test_the_charge_covers_the_exact_divergence(nodes: int, sigma: float, shift: int) -> None:
    """The published bound against the divergence itself, worked out from the definition."""
    noise = DiscreteGaussian(sigma * math.sqrt(nodes), threshold=nodes, colluders=0)
    rho = noise.zcdp_rho(float(shift), 1, 1.0, on_grid=True)
    reach = math.ceil(24 * sigma)
    p = sum_of_nodes(sigma**2, nodes, reach)
    for order in (1.01, 1.5, 2.0, 4.0, 8.0):
        exact = renyi(order, p[shift:], p[:-shift])
        assert exact <= rho * order * (1 + 1e-9)
        if sigma >= 1:
            assert exact >= 0.99 * rho * order  # and it is close


def test_the_charge_is_the_formula_worked_out_by_hand() -> None:
    """Six survivors of whom two collude: four nodes of 9 / 4 each, over ten entries."""
    noise = DiscreteGaussian(3.0, threshold=6, colluders=2)
    tau = 10 * sum(math.exp(-2 * math.pi**2 * 2.25 * k / (k + 1)) for k in (1, 2, 3))
    scaled = 2.0 / math.sqrt(4 * 2.25)
    expected = min(scaled**2 / 2 + 10 * tau, (scaled + tau * math.sqrt(10)) ** 2 / 2)
    assert noise.zcdp_rho(2.0, 10, 1.0, on_grid=True) == pytest.approx(expected, rel=1e-12)
    assert noise.zcdp_rho(2.0, 10, 1.0) == pytest.approx(
        expected * (1 + math.sqrt(10) / 2) ** 2, rel=1e-6
    )


def test_one_honest_node_is_charged_as_a_discrete_gaussian() -> None:
    noise = DiscreteGaussian(4.0, threshold=3, colluders=2)
    assert noise.zcdp_rho(1.0, 1000, 0.25, on_grid=True) == pytest.approx(1 / 32, rel=1e-12)


def test_rounding_to_the_grid_moves_neighbours_by_no_more_than_is_charged() -> None:
    """Two vectors at the stated distance, rounded; the worst lies just around half a step."""
    step, dimension = 0.5, 9
    low = np.full(dimension, step / 2 - 1e-9)
    high = np.full(dimension, step / 2 + 1e-9)
    distance = float(np.linalg.norm(high - low))
    rounded = np.linalg.norm(np.rint(high / step) - np.rint(low / step)) * step
    assert rounded > distance
    assert rounded <= distance + step * math.sqrt(dimension)


def test_a_finer_step_and_more_noise_cost_less() -> None:
    noise = DiscreteGaussian(3.0, threshold=6, colluders=2)
    charges = [noise.zcdp_rho(1.0, 100, step) for step in (0.5, 0.125, 2.0**-10)]
    assert charges == sorted(charges, reverse=True)
    assert charges[-1] == pytest.approx(1 / 18, rel=0.03)
    louder = DiscreteGaussian(6.0, threshold=6, colluders=2)
    assert louder.zcdp_rho(1.0, 100, 2.0**-10) == pytest.approx(charges[-1] / 4, rel=1e-6)


def test_a_vacuous_bound_is_refused() -> None:
    noise = DiscreteGaussian(2.0, threshold=10, colluders=0)
    with pytest.raises(NoiseError, match="times as much: use a finer step"):
        noise.zcdp_rho(1.0, 10**6, 1.0, on_grid=True)
    assert noise.zcdp_rho(1.0, 10**6, 2.0**-4, on_grid=True) == pytest.approx(1 / 8, rel=1e-6)


@pytest.mark.parametrize(("sensitivity", "dimension"), [(0.0, 1), (-1.0, 1), (1.0, 0)])
def test_a_charge_wants_a_sensitivity_and_a_dimension(sensitivity: float, dimension: int) -> None:
    noise = DiscreteGaussian(2.0, threshold=3, colluders=0)
    with pytest.raises(NoiseError, match="have to be above 0"):
        noise.zcdp_rho(sensitivity, dimension, 2.0**-4)


@pytest.mark.parametrize(("threshold", "colluders"), [(1, 0), (7, 0), (7, 3), (7, 6)])
def test_honest_survivors_alone_carry_the_stated_noise(threshold: int, colluders: int) -> None:
    noise = DiscreteGaussian(1.5, threshold=threshold, colluders=colluders)
    step = 2.0**-6
    total = np.zeros(40_000)
    for node in range(threshold - colluders):
        random = ByteStream(bytes([node]) * 32, "noise")
        total += noise.share(step).sample(len(total), random) * step
    assert total.std() == pytest.approx(1.5, rel=0.02)
    assert abs(total.mean()) < 0.03
    assert noise.share(step).variance * noise.honest >= Fraction(1.5) ** 2 / Fraction(step) ** 2


@pytest.mark.parametrize(("sigma", "parties"), [(0.5, 1), (0.5, 40), (3.0, 7)])
def test_the_tail_is_as_rare_as_promised(sigma: float, parties: int) -> None:
    """Against the exact distribution of the sum."""
    noise = DiscreteGaussian(sigma, threshold=1, colluders=0)
    reach = math.ceil(14 * sigma)
    total = sum_of_nodes(sigma**2, parties, reach)
    tail = noise.tail(1.0, parties)
    middle = parties * reach
    beyond = 2 * total[middle + tail :].sum()
    assert beyond < 2.0**-72
    if sigma * math.sqrt(parties) > 2:  # and not much wider than it has to be
        assert 2 * total[middle + math.ceil(0.85 * tail) :].sum() > 2.0**-72


@pytest.mark.parametrize(
    ("sigma", "threshold", "colluders", "said"),
    [
        (0.0, 3, 0, "above 0"),
        (-1.0, 3, 0, "above 0"),
        (math.nan, 3, 0, "above 0"),
        (math.inf, 3, 0, "above 0"),
        (1.0, 3, 3, "leave nobody"),
        (1.0, 0, 0, "leave nobody"),
        (1.0, 3, -1, "leave nobody"),
    ],
)
def test_noise_that_is_none_is_refused(
    sigma: float, threshold: int, colluders: int, said: str
) -> None:
    with pytest.raises(NoiseError, match=said):
        DiscreteGaussian(sigma, threshold=threshold, colluders=colluders)


def test_a_step_that_does_not_suit_the_noise_is_refused() -> None:
    noise = DiscreteGaussian(2.0, threshold=4, colluders=0)
    assert noise.share(2.0).variance == Fraction(1, 4)
    with pytest.raises(NoiseError, match=r"below half a step of 4, .*: use a finer step"):
        noise.share(4.0)
    noise.share(noise.finest_step)
    with pytest.raises(NoiseError, match="use a coarser step"):
        noise.share(noise.finest_step / 8)


def test_noise_is_written_as_plain_values_and_read_again() -> None:
    noise = DiscreteGaussian(0.1, threshold=9, colluders=2)
    assert DiscreteGaussian.from_values(noise.to_values()) == noise
    for change in ({"sigma": 1}, {"threshold": True}, {"more": 1.0}, {"colluders": 9}):
        values: dict[str, Any] = {**noise.to_values(), **change}
        with pytest.raises(NoiseError):
            DiscreteGaussian.from_values(values)
