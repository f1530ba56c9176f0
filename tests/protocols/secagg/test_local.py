import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from protocols.ids import ProviderId
from protocols.secagg import Aborted, Round, aggregate_locally, minimum_threshold
from protocols.secagg.noise import DiscreteGaussian
from protocols.secagg.server import Server

Array = npt.NDArray[Any]
ROUNDS = list(Round)
LATE = (Round.SIGN, Round.UNMASK)
"""Who drops out of these has sent its vector before."""


def several(parties: int, shape: tuple[int, ...] = (3, 4), seed: int = 0) -> dict[str, Array]:
    random = np.random.default_rng(seed)
    return {f"party {i}": random.uniform(-1, 1, shape) for i in range(parties)}


def exact(inputs: Mapping[str, Array], names: tuple[str, ...], step: float) -> Array:
    """The sum of the rounded inputs; whole multiples of `step`, so float64 makes no error."""
    rounded = [np.rint(np.asarray(inputs[name], np.float64) / step) for name in names]
    return np.asarray(np.sum(rounded, axis=0) * step)


@pytest.mark.parametrize("parties", [*range(2, 17), 31, 32, 33, 48, 64])
def test_sums_are_exact_to_the_step(parties: int) -> None:
    inputs = several(parties)
    result = aggregate_locally(
        inputs, bound=1.0, threshold=minimum_threshold(parties), seed=b"seed"
    )
    assert result.survivors == tuple(sorted(inputs))
    assert result.total.dtype == np.float64
    assert np.array_equal(result.total, exact(inputs, result.survivors, 2.0**-20))
    assert abs(result.total - sum(inputs.values())).max() <= parties * 2.0**-21


@pytest.mark.parametrize("parties", [5, 16, 33, 64])
@pytest.mark.parametrize("round_", Round)
def test_drops_in_every_round(parties: int, round_: Round) -> None:
    inputs = several(parties)
    leavers = [f"party {i}" for i in range(parties - minimum_threshold(parties))]
    result = aggregate_locally(
        inputs,
        bound=1.0,
        threshold=minimum_threshold(parties),
        drop=dict.fromkeys(leavers, round_),
        seed=b"seed",
    )
    stay = set(inputs) if round_ in LATE else set(inputs) - set(leavers)
    assert set(result.survivors) == stay
    assert np.array_equal(result.total, exact(inputs, result.survivors, 2.0**-20))


def test_one_drops_in_each_round() -> None:
    inputs = several(16)
    drop = {f"party {i}": round_ for i, round_ in zip((0, 4, 7, 9, 15), Round, strict=True)}
    result = aggregate_locally(inputs, bound=1.0, threshold=11, drop=drop, seed=b"seed")
    assert set(inputs) - set(result.survivors) == {"party 0", "party 4", "party 7"}
    assert np.array_equal(result.total, exact(inputs, result.survivors, 2.0**-20))


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "uint8", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (2, 3), (2, 1, 3)])
def test_shapes_and_types(shape: tuple[int, ...], dtype: str) -> None:
    inputs = {name: np.full(shape, 1).astype(dtype) for name in ("a", "b", "c")}
    result = aggregate_locally(inputs, bound=1.0, threshold=3, seed=b"seed")
    assert result.total.shape == shape
    assert result.total.dtype == np.float64
    assert (result.total == 3).all()


def test_memory_layout_does_not_matter() -> None:
    array = np.arange(12.0).reshape(3, 4)
    inputs = {"a": array, "b": np.asfortranarray(array), "c": array[::1, :]}
    before = {name: value.copy() for name, value in inputs.items()}
    result = aggregate_locally(inputs, bound=12.0, threshold=3, seed=b"seed")
    assert np.array_equal(result.total, 3 * array)
    assert all(np.array_equal(inputs[name], before[name]) for name in inputs)


def test_the_order_of_the_inputs_does_not_matter() -> None:
    inputs = several(4)
    backwards = dict(reversed(inputs.items()))
    one, other = (
        aggregate_locally(each, bound=1.0, threshold=3, seed=b"seed")
        for each in (inputs, backwards)
    )
    assert np.array_equal(one.total, other.total)
    assert one.bytes_sent == other.bytes_sent


def test_a_seed_is_a_whole_run(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []
    receive = Server.receive

    def listening(server: Server, party: ProviderId, body: bytes) -> None:
        sent.append(body)
        receive(server, party, body)

    monkeypatch.setattr(Server, "receive", listening)
    for seed in (b"one", b"one", b"two", b""):
        aggregate_locally(several(3), bound=1.0, threshold=3, seed=seed)
    one, again, two, none = (sent[start : start + 15] for start in range(0, 60, 15))
    assert one == again
    assert len(set(one + two + none)) == 45


@pytest.mark.parametrize(
    ("inputs", "arguments", "words"),
    [
        ({}, {}, "0 parties"),
        ({"a": np.zeros(3)}, {"threshold": 1}, "1 parties"),
        ({"a": np.zeros(3), "b": np.zeros(4)}, {}, "one shape"),
        ({"a": np.zeros(3), "b": np.zeros((3, 1))}, {}, "one shape"),
        ({"a": np.zeros(0), "b": np.zeros(0)}, {}, "no entries"),
        ({"a": np.zeros(3), "b": np.array([0, 1.01, 0])}, {}, "entry 1 is 1.01"),
        ({"a": np.zeros(3), "b": np.array([0, 0, -2])}, {}, "party b"),
        ({"a": np.array([np.nan, 0, 0]), "b": np.zeros(3)}, {}, "entry 0 is nan"),
        ({"a": np.zeros(3), "b": np.array([0, np.inf, 0])}, {}, "entry 1 is inf"),
        ({"a": np.zeros(3), "b": np.zeros(3, complex)}, {}, "real"),
        ({"a": np.zeros(3), "b": np.array(["x"] * 3)}, {}, "real"),
        (several(3), {"threshold": 2}, "at least 3"),
        (several(3), {"threshold": 4}, "threshold is 4"),
        (several(3), {"threshold": 0}, "threshold is 0"),
        (several(3), {"threshold": 3, "corrupt": 3}, "corrupt is 3"),
        (several(4), {"threshold": 3, "corrupt": 2}, "collud"),
        (several(3), {"threshold": 3, "drop": {"nobody": Round.MASK}}, "nobody"),
        (several(3), {"threshold": 3, "drop": {"party 1": "lunch"}}, "lunch"),
        (several(3), {"threshold": 3, "bound": 0.0}, "bound"),
        (several(3), {"threshold": 3, "bound": float("nan")}, "bound"),
        (several(3), {"threshold": 3, "step": 0.3}, "power of two"),
        (several(3), {"threshold": 3, "step": 2.0**-70}, "coarser"),
        (
            several(3),
            {"threshold": 3, "corrupt": 1, "noise": DiscreteGaussian(1.0, 3, 0)},
            "3 honest",
        ),
    ],
)
def test_bad_input_is_named(
    inputs: dict[str, Array], arguments: dict[str, Any], words: str
) -> None:
    given_: dict[str, Any] = {"bound": 1.0, "threshold": 2, "seed": b"seed"} | arguments
    with pytest.raises(ValueError, match=r"\w") as caught:
        aggregate_locally(inputs, **given_)
    assert words in str(caught.value)


@pytest.mark.parametrize("round_", Round)
def test_too_many_dropouts_abort(round_: Round) -> None:
    drop = {"party 0": round_, "party 1": round_}
    with pytest.raises(Aborted) as caught:
        aggregate_locally(several(5), bound=1.0, threshold=4, drop=drop, seed=b"seed")
    assert caught.value.round is round_
    assert isinstance(caught.value, RuntimeError)


def test_bytes_sent() -> None:
    inputs = several(5, (10_000,))
    drop = {"party 0": Round.ADVERTISE, "party 1": Round.MASK}
    result = aggregate_locally(inputs, bound=1.0, threshold=3 + 1, drop={}, seed=b"seed")
    plain = 4 * 10_000
    assert all(plain < sent < 1.1 * plain for sent in result.bytes_sent.values())
    with pytest.raises(Aborted):
        aggregate_locally(inputs, bound=1.0, threshold=4, drop=drop, seed=b"seed")
    result = aggregate_locally(
        inputs, bound=1.0, threshold=4, drop={"party 1": Round.MASK}, seed=b"seed"
    )
    assert result.bytes_sent["party 1"] < 1000
    gone = aggregate_locally(
        inputs, bound=1.0, threshold=4, drop={"party 0": Round.ADVERTISE}, seed=b"seed"
    )
    assert gone.bytes_sent["party 0"] == 0


def test_seconds_by_party_and_round() -> None:
    ticks = itertools.count()
    drop = {"party 2": Round.SIGN}
    result = aggregate_locally(
        several(5),
        bound=1.0,
        threshold=4,
        drop=drop,
        seed=b"seed",
        clock=lambda: float(next(ticks)),
    )
    assert result.seconds.keys() == several(5).keys()
    for name, rounds in result.seconds.items():
        assert list(rounds) == ROUNDS
        for round_, seconds in rounds.items():
            assert seconds == (name not in drop or round_ not in LATE)
    assert list(result.coordinator_seconds) == ROUNDS
    assert min(result.coordinator_seconds.values()) >= 5  # one for each reply, one to close


def test_noise_is_in_the_sum() -> None:
    """The mean of many entries stays, and their variance is at least what was asked for."""
    inputs = {f"party {i}": np.full(4000, 0.5) for i in range(5)}
    result = aggregate_locally(
        inputs,
        bound=1.0,
        threshold=4,
        corrupt=1,
        noise=DiscreteGaussian(sigma=3.0, threshold=4, colluders=1),
        seed=b"seed",
    )
    expected = 3.0 * (5 / 3) ** 0.5  # five add, three are counted on
    assert result.total.std() == pytest.approx(expected, rel=0.06)
    assert result.total.mean() == pytest.approx(2.5, abs=5 * expected / 4000**0.5)


@st.composite
def runs(draw: st.DrawFn) -> tuple[dict[str, Array], float, float, dict[str, Round]]:
    parties = draw(st.integers(2, 10))
    dtype: Any = draw(st.sampled_from([np.float32, np.float64]))
    shape = draw(hnp.array_shapes(max_dims=3, max_side=4))
    bound = draw(st.sampled_from([1.0, 0.7, 2.0**-20, 3e4, 1e9]))
    step = 2.0 ** (np.floor(np.log2(bound)) - draw(st.integers(0, 40)))
    top = float(np.nextafter(dtype(bound), dtype(0)))
    inputs = {
        f"n{i}": draw(
            hnp.arrays(dtype, shape, elements=st.floats(-top, top, width=8 * dtype().itemsize))
        )
        for i in range(parties)
    }
    leavers = draw(st.lists(st.sampled_from(sorted(inputs)), max_size=parties, unique=True))
    return inputs, bound, step, {name: draw(st.sampled_from(Round)) for name in leavers}


@settings(max_examples=100, deadline=None)
@given(runs())
def test_any_run_gives_the_exact_sum_or_aborts(
    run: tuple[dict[str, Array], float, float, dict[str, Round]],
) -> None:
    inputs, bound, step, drop = run
    threshold = minimum_threshold(len(inputs))
    if len(inputs) - len(drop) < threshold:
        with pytest.raises(Aborted):
            aggregate_locally(
                inputs, bound=bound, threshold=threshold, drop=drop, seed=b"s", step=step
            )
        return
    result = aggregate_locally(
        inputs, bound=bound, threshold=threshold, drop=drop, seed=b"s", step=step
    )
    assert set(result.survivors) == {n for n in inputs if drop.get(n, Round.UNMASK) in LATE}
    units = [
        sum(round(float(inputs[name].ravel()[i]) / step) for name in result.survivors)
        for i in range(result.total.size)
    ]
    assert result.total.ravel().tolist() == [unit * step for unit in units]
