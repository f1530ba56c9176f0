from dataclasses import replace
from pathlib import Path

import pytest
import torch

from synlearn.datasets.dsprites import Domain
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import model_id
from synlearn.zoo.latency import Latencies, Machine, timed
from tests.models import model_file
from tests.synlearn.zoo.small_zoo import exchange_file, small_zoo

HERE = Machine("a processor", "Linux x86_64", "2.0")


class Ticking:
    """A clock on which every look takes one millisecond more than the last; counts looks."""

    def __init__(self) -> None:
        self.looks, self.now = 0, 0.0

    def __call__(self) -> float:
        self.looks += 1
        self.now += 0.001
        return self.now


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    return small_zoo(tmp_path / "zoo")


def test_the_median_of_several_passes_counts() -> None:
    times = iter(
        [0.0, 0.5, 1.0, 1.002] + [place + step for place in range(2, 9) for step in (0.0, 0.002)]
    )
    found = timed(torch.nn.Identity(), (1, 2, 2), lambda: next(times))
    assert found == pytest.approx(2.0)


def test_a_model_is_measured_once_for_a_machine(zoo: Zoo, tmp_path: Path) -> None:
    clock = Ticking()
    first = Latencies(tmp_path / "kept", HERE, clock)
    found = first.milliseconds(zoo, zoo.ids)
    assert found == pytest.approx(dict.fromkeys(zoo.ids, 1.0))
    looks = clock.looks
    again = Latencies.of(tmp_path / "kept", HERE, clock)
    assert again.milliseconds(zoo, zoo.ids) == found
    assert clock.looks == looks
    other = Latencies.of(tmp_path / "kept", replace(HERE, processor="another"), clock)
    other.milliseconds(zoo, zoo.ids[:1])
    assert clock.looks > looks


def test_a_changed_model_is_measured_again(zoo: Zoo, tmp_path: Path) -> None:
    clock = Ticking()
    Latencies(tmp_path / "kept", HERE, clock).milliseconds(zoo, zoo.ids)
    looks = clock.looks
    changed = exchange_file(zoo, 3, model_file("another"))
    Latencies.of(tmp_path / "kept", HERE, clock).milliseconds(changed, changed.ids)
    assert clock.looks > looks
    assert changed.model_digest(model_id(Domain(3))) != zoo.model_digest(model_id(Domain(3)))


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"format": "synlearn-latency/1"}', b"\xff"])
def test_a_damaged_file_is_measured_anew(zoo: Zoo, tmp_path: Path, damage: bytes) -> None:
    clock = Ticking()
    Latencies(tmp_path / "kept", HERE, clock).milliseconds(zoo, zoo.ids[:1])
    (kept,) = (tmp_path / "kept").iterdir()
    kept.write_bytes(damage)
    again = Latencies.of(tmp_path / "kept", HERE, clock).milliseconds(zoo, zoo.ids[:1])
    assert again == pytest.approx({zoo.ids[0]: 1.0})


def test_where_nothing_can_be_kept_it_is_measured_all_the_same(zoo: Zoo, tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file, no folder")
    found = Latencies.of(tmp_path / "kept", HERE, Ticking()).milliseconds(zoo, zoo.ids[:1])
    assert found == pytest.approx({zoo.ids[0]: 1.0})


def test_the_machine_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    here = Latencies.here(Ticking())
    assert here.folder == tmp_path / "synlearn"
    assert "torch" in str(here.machine)
