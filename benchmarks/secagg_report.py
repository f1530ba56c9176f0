"""What `benchmarks.secagg` found: figures, promises, and how they are shown."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain

GIB = 2**30

OURS, BARE, WIDE, FLOWER = "client", "bare masks", "bare masks, wide", "Flower's client"
SERVER, FLOWER_SERVER = "coordinator", "Flower's server"


@dataclass(frozen=True, slots=True)
class Target:
    """A ratio that is promised.

    Attributes:
        name: Of what to what.
        value: The ratio.
        bound: What it has to reach, or not to exceed.
        at_least: Which of the two.
    """

    name: str
    value: float
    bound: float
    at_least: bool

    @property
    def met(self) -> bool:
        """Whether the promise is kept."""
        return self.value >= self.bound if self.at_least else self.value <= self.bound


@dataclass
class Findings:
    """What was measured.

    Attributes:
        milliseconds: CPU time of each run, by what ran.
        traffic: Bytes that a client of twenty sends, over those of its vector.
        inexact: Numbers of parties whose sum was wrong.
        large: What `benchmarks.secagg_large` printed; empty if it was left out.
    """

    milliseconds: dict[str, list[float]] = field(default_factory=dict)
    traffic: float = 0.0
    inexact: list[int] = field(default_factory=list)
    large: dict[str, Any] = field(default_factory=dict)

    def took(self, name: str, seconds: float) -> None:
        """Note one run."""
        self.milliseconds.setdefault(name, []).append(1e3 * seconds)

    def ratio(self, one: str, other: str) -> float:
        """Between the medians of two."""
        return median(self.milliseconds[one]) / median(self.milliseconds[other])

    def targets(self) -> list[Target]:
        """All promises whose ratio was measured."""
        found = [
            Target("client to bare masks", self.ratio(OURS, BARE), 2.0, at_least=False),
            Target("traffic to the plain vector", self.traffic, 1.1, at_least=False),
        ]
        if FLOWER in self.milliseconds:
            found += [
                Target("Flower's client to ours", self.ratio(FLOWER, OURS), 7.0, at_least=True),
                Target(
                    "Flower's server to ours",
                    self.ratio(FLOWER_SERVER, SERVER),
                    10.0,
                    at_least=True,
                ),
            ]
        if self.large:
            peak = self.large["peak_bytes"] / GIB
            found.append(Target("1,000 parties: peak GiB", peak, 2.0, at_least=False))
        return found


def show(findings: Findings, console: Console, *, flower: bool) -> None:
    """Print the tables."""
    table = Table("CPU time", "median ms", "least", "most")
    for name, runs in findings.milliseconds.items():
        table.add_row(name, *(f"{each:,.1f}" for each in (median(runs), min(runs), max(runs))))
    console.print(table)
    table = Table("", "measured", "target", "")
    for each in findings.targets():
        sign, verdict = "≥" if each.at_least else "≤", "pass" if each.met else "miss"
        table.add_row(each.name, f"{each.value:.4g}", f"{sign} {each.bound:g}", verdict)
    console.print(table)
    wide = findings.ratio(OURS, WIDE)
    console.print(f"The client takes {wide:.2f} times the bare masks done as it does them (wide).")
    if not flower:
        console.print("Flower is not installed: its rows are missing.")
    if large := findings.large:
        peak, inputs, sent = (large[f"{each}_bytes"] / GIB for each in ("peak", "input", "sent"))
        console.print(
            f"{large['parties']:,} parties x {large['length']:,} entries: "
            f"{large['cpu_seconds']:.0f} s of CPU time; at most {peak:.2f} GiB, of which inputs "
            f"{inputs:.2f} and messages that parties keep for a repeat {sent:.2f}."
        )
    wrong = ", ".join(map(str, findings.inexact))
    console.print(f"Inexact sums: parties {wrong}" if wrong else "Every sum was exact.")


def rows(findings: Findings) -> dict[str, list[dict[str, Plain]]]:
    """The findings as the record has them."""
    figures: list[dict[str, Plain]] = [
        {"name": name, "median": median(runs), "least": min(runs), "most": max(runs)}
        for name, runs in findings.milliseconds.items()
    ]
    targets: list[dict[str, Plain]] = [
        {**asdict(each), "met": each.met} for each in findings.targets()
    ]
    return {"milliseconds": figures, "targets": targets, "large": [findings.large]}
