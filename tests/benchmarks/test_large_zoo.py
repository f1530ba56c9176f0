"""A small run of the benchmark measures what it says."""

from pathlib import Path

from benchmarks.large_zoo import LargeZoo, Plan, parts
from benchmarks.large_zoo_figure import draw_costs
from synlearn.mre.zoo_index import SEGMENT


def test_a_small_run(tmp_path: Path) -> None:
    zoo = LargeZoo(tmp_path, Plan((60, 1000, 1200), repeats=2, threads=2))
    rows = [zoo.measure(size) for size in (60, 1000, 1200)]
    assert [row["models"] for row in rows] == [60, 1000, 1200]
    for row in rows:
        assert 0 < float(row["wall_least_s"]) <= float(row["wall_s"]) <= float(row["wall_most_s"])
        assert float(row["cpu_s"]) > 0
    assert zoo.recall(1200) == 1.0
    assert zoo.recall(1000) == 1.0  # a part of the largest index
    draw_costs({"rows": rows, "threads": 2, "target_s": 1.0}, tmp_path / "costs.png")
    assert (tmp_path / "costs.png").read_bytes()[:4] == b"\x89PNG"


def test_the_first_of_many_are_those_of_a_few(tmp_path: Path) -> None:
    model = LargeZoo(tmp_path, Plan((30,), repeats=1, threads=1)).model
    (names, sets), *more = parts(model, 2 * SEGMENT)
    (first, own), = parts(model, SEGMENT)  # fmt: skip
    assert names == first
    assert sets.values.equal(own.values)
    assert len(more) == 1
