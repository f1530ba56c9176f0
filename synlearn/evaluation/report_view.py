"""What the report says, in words and cells. The template only lays it out."""

from collections.abc import Mapping
from dataclasses import dataclass

from synlearn.evaluation import plain_words as say
from synlearn.evaluation.intervals import Estimate
from synlearn.evaluation.measurements import Comparison, Measurement, Metric, Target
from synlearn.evaluation.report_data import ReportData
from synlearn.evaluation.results import Results


@dataclass(frozen=True, slots=True)
class Badge:
    """A promise and whether it was kept."""

    text: str
    is_met: bool


@dataclass(frozen=True, slots=True)
class Card:
    """The headline of one split: one large number and the sentences that give it meaning."""

    heading: str
    meaning: str
    value: str
    under: str
    sentences: tuple[str, ...]
    badges: tuple[Badge, ...]


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Rows of a table under a common heading; the first cell of a row names the row."""

    heading: str
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class TableView:
    """A table of text; `strong` is the index of the column to stress."""

    caption: str
    header: tuple[str, ...]
    groups: tuple[RowGroup, ...]
    strong: int


def cards(data: ReportData) -> tuple[Card, ...]:
    """One card for each split where the headline was measured."""
    return tuple(_card(data, split) for split in data.headline_splits())


def _card(data: ReportData, split: str) -> Card:
    results, h = data.results, data.headline
    found = results.find(h.metric, h.method, split, h.k)
    assert found is not None  # noqa: S101 - headline_splits chose it
    metric, estimate = results.metric(h.metric), found.estimate
    seeds = f"{estimate.runs} seeds" if estimate.runs > 1 else "one seed, so no interval"
    span = f"{say.NINETY_FIVE} interval {say.interval(estimate)}, " if estimate.runs > 1 else ""
    return Card(
        heading=results.split(split).label,
        meaning=results.split(split).meaning,
        value=f"{say.number(estimate.mean)} {metric.unit}".strip(),
        under=f"{metric.label} of {results.method(h.method).label}{_at(h.k)}; {span}{seeds}",
        sentences=(
            *_odds(results, found, h.baseline),
            *_against_baseline(results, found, h.baseline),
            *_against_ceiling(results, found),
        ),
        badges=tuple(
            _badge(results, target)
            for target in results.targets
            if (target.metric, target.method, target.split, target.k)
            == (found.metric, found.method, found.split, found.k)
        ),
    )


def _odds(results: Results, found: Measurement, baseline: str) -> tuple[str, ...]:
    if found.metric != "kendall_tau":
        return ()
    other = results.find(found.metric, baseline, found.split, found.k)
    label = results.method(baseline).label
    rest = f"; {label} does so {say.odds(other.estimate.mean)}" if other else ""
    ours = say.odds(found.estimate.mean)
    return (f"Of two models picked at random, it ranks the better one higher {ours}{rest}.",)


def _against_baseline(results: Results, found: Measurement, baseline: str) -> tuple[str, ...]:
    other = results.find(found.metric, baseline, found.split, found.k)
    if other is None:
        return ()
    gap = results.compare(found, other).estimate
    label = results.method(baseline).label
    text = f"{label} has {say.number(other.estimate.mean)}: a difference of {say.signed(gap.mean)}"
    if gap.runs == 1:
        return (f"{text}.",)
    text += f" ({say.NINETY_FIVE} interval {_signed_interval(gap.low, gap.high)}, paired by seed)"
    return (f"{text}." if gap.excludes_zero else f"{text}, which may be chance.",)


def _against_ceiling(results: Results, found: Measurement) -> tuple[str, ...]:
    ceiling = results.ceiling(found.metric, found.split)
    if ceiling is None or ceiling.estimate.mean <= 0:
        return ()
    top = ceiling.estimate.mean
    return (
        f"A perfect scorer would reach {say.number(top)}, since the truth is itself measured with "
        f"noise: this is "
        f"{say.percent(found.estimate.mean / top)} of that ceiling.",
    )


def other_targets(data: ReportData) -> tuple[Badge, ...]:
    """The targets that no card shows, each naming what it is about."""
    results, h = data.results, data.headline
    shown = {(h.metric, h.method, split, h.k) for split in data.headline_splits()}
    badges = []
    for target in results.targets:
        if (target.metric, target.method, target.split, target.k) in shown:
            continue
        badge = _badge(results, target)
        what = (
            f"{results.metric(target.metric).label} of {results.method(target.method).label}, "
            f"{results.split(target.split).label}{_at(target.k)}"
        )
        badges.append(Badge(f"{what}: {badge.text}", badge.is_met))
    return tuple(badges)


def _badge(results: Results, target: Target) -> Badge:
    is_met = results.is_met(target)
    word = "at least" if results.metric(target.metric).higher_is_better else "at most"
    verdict = "not measured" if is_met is None else "met" if is_met else "missed"
    why = f" ({target.reason})" if target.reason else ""
    return Badge(f"target {word} {say.number(target.bound)}: {verdict}{why}", bool(is_met))


def seed_tables(results: Results) -> tuple[TableView, ...]:
    """For each metric every measured cell: mean, interval, then one column for each seed."""
    return tuple(
        _seed_table(results, metric)
        for metric in results.metrics
        if any(m.metric == metric.key for m in results.measurements)
    )


def _seed_table(results: Results, metric: Metric) -> TableView:
    direction = "higher" if metric.higher_is_better else "lower"
    unit = f" in {metric.unit}" if metric.unit else ""
    groups = []
    for split in results.splits:
        rows = [
            _seed_row(results.method(m.method).label, m.k, m.estimate, m.by_seed, results.seeds)
            for m in results.measurements
            if (m.metric, m.split) == (metric.key, split.key)
        ]
        if (ceiling := results.ceiling(metric.key, split.key)) is not None:
            rows.append(
                _seed_row("noise ceiling", None, ceiling.estimate, ceiling.by_seed, results.seeds)
            )
        if rows:
            groups.append(RowGroup(split.label, tuple(rows)))
    return TableView(
        caption=f"{metric.label}{unit}, {direction} is better. {metric.meaning}".strip(),
        header=(
            "Method",
            "K",
            "Mean",
            f"{say.NINETY_FIVE} interval",
            *(f"Seed {seed}" for seed in results.seeds),
        ),
        groups=tuple(groups),
        strong=2,
    )


def _seed_row(
    label: str,
    k: int | None,
    estimate: Estimate,
    by_seed: Mapping[int, float],
    seeds: tuple[int, ...],
) -> tuple[str, ...]:
    return (
        label,
        say.examples(k),
        say.number(estimate.mean),
        say.interval(estimate),
        *(say.number(by_seed[seed]) for seed in seeds),
    )


def comparison_table(results: Results) -> TableView:
    """Paired differences of each method to each baseline; no groups without any."""
    comparisons = tuple(results.comparisons())
    groups = []
    for split in results.splits:
        rows = tuple(_comparison_row(results, c) for c in comparisons if c.split == split.key)
        if rows:
            groups.append(RowGroup(split.label, rows))
    return TableView(
        caption="Differences by seed: under one seed both methods saw the same data.",
        header=("Difference", "Metric", "K", "Mean", f"{say.NINETY_FIVE} interval", "Verdict"),
        groups=tuple(groups),
        strong=3,
    )


def _comparison_row(results: Results, c: Comparison) -> tuple[str, ...]:
    better = (c.estimate.mean > 0) == results.metric(c.metric).higher_is_better
    verdict = ("better" if better else "worse") if c.estimate.excludes_zero else "not separated"
    return (
        f"{results.method(c.method).label} {say.MINUS} {results.method(c.baseline).label}",
        results.metric(c.metric).label,
        say.examples(c.k),
        say.signed(c.estimate.mean),
        _signed_interval(c.estimate.low, c.estimate.high),
        verdict if c.estimate.runs > 1 else "one seed",
    )


def _signed_interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return say.NOTHING
    return f"{say.signed(low)} to {say.signed(high)}"


def _at(k: int | None) -> str:
    return "" if k is None else f" at K = {k}"
