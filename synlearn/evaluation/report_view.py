"""What the report says, in words and cells. The template only lays it out."""

from dataclasses import dataclass

from synlearn.evaluation import plain_words as say
from synlearn.evaluation.report_data import ReportData
from synlearn.evaluation.results import Measurement, Metric, Results, Target


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
class TableView:
    """A table: caption, header, rows of text; `strong` is the index of the column to stress."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    strong: int | None = None


def cards(data: ReportData) -> tuple[Card, ...]:
    """One card for each split where the headline was measured."""
    return tuple(_card(data, split) for split in data.headline_splits())


def _card(data: ReportData, split: str) -> Card:
    results, h = data.results, data.headline
    found = results.find(h.metric, h.method, split, h.k)
    assert found is not None  # noqa: S101 - headline_splits chose it
    metric, estimate = results.metric(h.metric), found.estimate
    seeds = f"{estimate.runs} seeds" if estimate.runs > 1 else "one seed, so no interval"
    span = f"95 % interval {say.interval(estimate)}, " if estimate.runs > 1 else ""
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
    text += f" (95 % interval {_signed_interval(gap.low, gap.high)}, paired by seed)"
    return (f"{text}." if gap.excludes_zero else f"{text}, which may be chance.",)


def _against_ceiling(results: Results, found: Measurement) -> tuple[str, ...]:
    ceiling = results.ceiling(found.metric, found.split)
    if ceiling is None or ceiling.estimate.mean <= 0:
        return ()
    top = ceiling.estimate.mean
    return (
        f"A perfect scorer would reach {say.number(top)}, since the truth is itself measured with "
        f"noise: this is {100 * found.estimate.mean / top:.0f} % of that ceiling.",
    )


def _badge(results: Results, target: Target) -> Badge:
    is_met = bool(results.is_met(target))
    word = "at least" if results.metric(target.metric).higher_is_better else "at most"
    verdict = "met" if is_met else "missed"
    why = f" ({target.reason})" if target.reason else ""
    return Badge(f"Target {word} {say.number(target.bound)}: {verdict}{why}", is_met)


def seed_tables(results: Results) -> tuple[TableView, ...]:
    """For each metric every measured cell: one column for each seed, then mean and interval."""
    return tuple(
        _seed_table(results, metric)
        for metric in results.metrics
        if any(m.metric == metric.key for m in results.measurements)
    )


def _seed_table(results: Results, metric: Metric) -> TableView:
    seeds = results.seeds
    direction = "higher" if metric.higher_is_better else "lower"
    unit = f" in {metric.unit}" if metric.unit else ""
    rows = []
    for split in results.splits:
        cells = [m for m in results.measurements if (m.metric, m.split) == (metric.key, split.key)]
        for m in cells:
            rows.append(
                (
                    split.label,
                    results.method(m.method).label,
                    say.examples(m.k),
                    say.number(m.estimate.mean),
                    say.interval(m.estimate),
                    *(say.number(m.by_seed[seed]) for seed in seeds),
                )
            )
        if (ceiling := results.ceiling(metric.key, split.key)) is not None:
            values = ceiling.by_seed
            rows.append(
                (
                    split.label,
                    "noise ceiling",
                    say.NOTHING,
                    say.number(ceiling.estimate.mean),
                    say.interval(ceiling.estimate),
                    *(say.number(values[seed]) for seed in seeds),
                )
            )
    return TableView(
        caption=f"{metric.label}{unit}, {direction} is better. {metric.meaning}".strip(),
        header=("Tasks", "Method", "K", "Mean", "95 % interval", *(f"seed {s}" for s in seeds)),
        rows=tuple(rows),
        strong=3,
    )


def comparison_table(results: Results) -> TableView:
    """Paired differences of each method to each baseline; no rows without any."""
    rows = []
    for c in results.comparisons():
        better = (c.estimate.mean > 0) == results.metric(c.metric).higher_is_better
        verdict = ("better" if better else "worse") if c.estimate.excludes_zero else "not separated"
        rows.append(
            (
                results.metric(c.metric).label,
                results.split(c.split).label,
                say.examples(c.k),
                f"{results.method(c.method).label} {say.MINUS} {results.method(c.baseline).label}",
                say.signed(c.estimate.mean),
                _signed_interval(c.estimate.low, c.estimate.high),
                verdict if c.estimate.runs > 1 else "one seed",
            )
        )
    return TableView(
        caption="Differences by seed: both methods saw the same data under the same seed.",
        header=("Metric", "Tasks", "K", "Difference", "Mean", "95 % interval", "Verdict"),
        rows=tuple(rows),
        strong=4,
    )


def _signed_interval(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return say.NOTHING
    return f"{say.signed(low)} to {say.signed(high)}"


def _at(k: int | None) -> str:
    return "" if k is None else f" at K = {k}"
