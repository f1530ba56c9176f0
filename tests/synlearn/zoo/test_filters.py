import dataclasses
from pathlib import Path

import pytest

from synlearn.errors import InputError
from synlearn.zoo.catalog import Zoo, add_model, write_index
from synlearn.zoo.filters import ANY, ModelFilter, parse_shape
from synlearn.zoo.latency import Latencies, Machine
from tests.synlearn.zoo.mixed_zoo import mixed_zoo

HERE = Machine("a processor", "Linux x86_64", "2.0")
LICENSES = ("mit", "Apache-2.0", "cc-by-nc-4.0", "mit")


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    """Four models under these licences."""
    built = mixed_zoo(tmp_path_factory.mktemp("filters") / "zoo", 2, 2)
    entries = {
        model: add_model(
            built.root,
            dataclasses.replace(built.card(model), license=name),
            built.weights(model),
        )
        for model, name in zip(built, LICENSES, strict=True)
    }
    write_index(built.root, entries)
    return Zoo.open(built.root)


class Rising:
    """A clock under which each model's passes take a millisecond more than the one before."""

    def __init__(self, passes: int = 9) -> None:
        self._looks, self._now, self._passes = 0, 0.0, passes

    def __call__(self) -> float:
        self._looks += 1
        self._now += 0.0101 * (1 + (self._looks - 1) // (2 * self._passes))
        return self._now


def test_nothing_asked_leaves_all(zoo: Zoo) -> None:
    found = ModelFilter().select(zoo)
    assert tuple(found.facts) == zoo.ids
    assert (found.conditions, found.left_out) == ((), 0)
    facts = found.facts[zoo.ids[0]]
    assert facts.parameters == zoo.card(zoo.ids[0]).parameters
    assert facts.latency_ms is None


def test_size(zoo: Zoo) -> None:
    sizes = sorted(zoo.card(model).parameters for model in zoo)
    found = ModelFilter(most_parameters=sizes[1]).select(zoo)
    assert all(own.parameters <= sizes[1] for own in found.facts.values())
    assert found.left_out == sum(size > sizes[1] for size in sizes)
    assert found.conditions == (f"at most {sizes[1]:,} parameters",)


def test_licence_in_any_case(zoo: Zoo) -> None:
    found = ModelFilter(licenses=("MIT", "apache-2.0")).select(zoo)
    assert [own.license for own in found.facts.values()] == ["mit", "Apache-2.0", "mit"]
    assert found.conditions == ("licence MIT or apache-2.0",)


def test_input_shape(zoo: Zoo) -> None:
    assert len(ModelFilter(input_shape=(3, 32, 32)).select(zoo).facts) == 4
    assert len(ModelFilter(input_shape=(3, ANY, ANY)).select(zoo).facts) == 4
    with pytest.raises(InputError, match=r"input 1 x any x any; loosen"):
        ModelFilter(input_shape=(1, ANY, ANY)).select(zoo)


def test_latency_is_asked_of_those_that_meet_the_rest(zoo: Zoo, tmp_path: Path) -> None:
    latencies = Latencies(tmp_path, HERE, Rising())
    asked = ModelFilter(licenses=("mit",), most_milliseconds=15.0, latencies=latencies)
    found = asked.select(zoo)
    assert list(found.facts) == [zoo.ids[0]]
    assert found.facts[zoo.ids[0]].latency_ms == pytest.approx(10.1)
    assert found.left_out == 3
    assert found.conditions[-1] == "at most 15 ms an image on this machine"


def test_latency_is_told_where_it_is_measured(zoo: Zoo, tmp_path: Path) -> None:
    found = ModelFilter(latencies=Latencies(tmp_path, HERE, Rising())).select(zoo)
    assert all(own.latency_ms is not None for own in found.facts.values())


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"most_parameters": 0}, "most_parameters is 0"),
        ({"most_milliseconds": float("nan")}, "most_milliseconds is nan"),
        ({"most_milliseconds": 5.0}, "not where it is measured"),
    ],
)
def test_a_bound_that_is_none(asked: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        ModelFilter(**asked)  # type: ignore[arg-type]


def test_the_condition_that_leaves_nothing_is_named(zoo: Zoo) -> None:
    with pytest.raises(InputError, match=r"licence gpl-3\.0, after at most 9,000,000 parameters"):
        ModelFilter(most_parameters=9_000_000, licenses=("gpl-3.0",)).select(zoo)


@pytest.mark.parametrize("text", ["32x32", "3x32x0", "3xax32", "", "3x32x32x1", "-3x32x32"])
def test_a_shape_that_is_none(text: str) -> None:
    with pytest.raises(InputError, match="channels, height and width"):
        parse_shape(text)
