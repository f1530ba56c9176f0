"""A small run of the benchmark measures what it says."""

from pathlib import Path

import pytest
import typer

from benchmarks.ranking_speed import Bench, Plan, numbers


def test_a_small_run(tmp_path: Path) -> None:
    plan = Plan(("conv4",), ranked=(4, 6), leep=(4,), fused=4, repeats=1)
    bench = Bench(tmp_path, plan)
    leep = bench.leep(4)
    alone = bench.metric_alone("conv4", 2, 4)
    assert alone["mode"] == "metric alone"
    assert alone["leep_over_rank"] == pytest.approx(
        float(leep["run_and_leep_ms"]) / float(alone["rank_ms"])
    )
    assert "leep_over_rank" not in bench.metric_alone("conv4", 2, 6)
    assert alone["with_intervals_over_bare"] == pytest.approx(
        float(alone["with_intervals_ms"]) / float(alone["bare_distances_ms"])
    )
    assert bench.with_evidence("conv4", 6, 2)["mode"] == "default: evidence for 2"
    fused = bench.with_evidence("conv4", 4, None)
    assert fused["mode"] == "evidence for all"
    assert fused["rank_over_backbone"] == pytest.approx(
        float(fused["rank_ms"]) / float(fused["backbone_ms"])
    )


def test_sizes_are_read() -> None:
    assert numbers("10,100") == (10, 100)
    for text in ("1", "ten", "10,"):
        with pytest.raises(typer.BadParameter):
            numbers(text)
