"""Fennec on published tables of accuracies: to `results.json` and the tables on the screen."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from synlearn.datasets.transfer_tables import TransferTable
from synlearn.evaluation.experiments.table_history import KNOWN, complete, leave_out
from synlearn.evaluation.measurements import Measurement, Method, Metric, Role, Split
from synlearn.evaluation.provenance import DEFAULT_PACKAGES, machine_facts, package_versions
from synlearn.evaluation.rank_correlation import pearson, weighted_kendall_tau
from synlearn.evaluation.results import Results
from synlearn.fennec.archi2vec import Archi2Vec, clusters, distinct_graphs
from synlearn.fennec.meta_features import indicators, model_features
from synlearn.fennec.reference.registry import REFERENCES

Float64 = NDArray[np.float64]

REFERENCE_OF: Final[Mapping[str, str]] = {
    "mnasnet1_0": "mnasnet_1.0",
    "mobilenet_v2": "mobilenet_v2_1.0",
}
"""Names of the tables that are others here; the rest are the same."""
CLUSTERS: Final = 5

_METHODS: Final = (
    Method("fennec", "Fennec", Role.METHOD, "Factors and meta phase; in completion the factors."),
    Method("fennec_transfer", "Fennec, without meta", Role.METHOD, "Factors alone."),
    Method("fennec_meta", "Fennec, without transfer", Role.METHOD, "The meta phase alone."),
    Method("model_mean", "Model mean", Role.BASELINE, "A model's mean over other targets."),
    Method("additive", "Model + target mean", Role.BASELINE, "Both means, added."),
)
_METRICS: Final = (
    Metric("pearson", "Pearson"),
    Metric("weighted_kendall_tau", "Weighted tau"),
    Metric("pearson_within", "Pearson, target means taken off"),
)


@dataclass(frozen=True, slots=True)
class TableOutcome:
    """What was measured on one table.

    Attributes:
        name: Of the table.
        cells: By (metric, method, split): a value for each seed.
    """

    name: str
    cells: Mapping[tuple[str, str, str], Mapping[int, float]]


def measure_table(
    name: str, table: TransferTable, seeds: Sequence[int], on_done: Callable[[int], None]
) -> TableOutcome:
    """Complete the table, and leave out each target in turn.

    A seed varies which entries are hidden, which three models are known, and first factors.

    Args:
        name: Of the table, for the results.
        table: Accuracies, and published scores where there are some.
        seeds: Repeats.
        on_done: Told of each seed that is ready.
    """
    features = architecture_features(table.architectures)
    cells: dict[tuple[str, str, str], dict[int, float]] = {}
    for seed in seeds:
        found = complete(table.accuracy, seed)
        for method, value in found.overall.items():
            cells.setdefault(("pearson", method, "completion"), {})[seed] = value
            within = ("pearson_within", method, "completion")
            cells.setdefault(within, {})[seed] = found.within[method]
        for split, known in (("left_out", 0), ("left_out_known", KNOWN)):
            for (metric, method), value in _left_out(table, features, known, seed).items():
                cells.setdefault((metric, method, split), {})[seed] = value
        on_done(1)
    return TableOutcome(name, cells)


def architecture_features(architectures: Sequence[str]) -> Float64:
    """(m, p) meta features of models of these architectures, read off the reference ones."""
    names = [REFERENCE_OF.get(name, name) for name in architectures]
    built = {name: REFERENCES[name] for name in dict.fromkeys(names)}
    graphs, keys = distinct_graphs([own.graph() for own in built.values()])
    found = Archi2Vec.fit(graphs)
    cluster = dict(zip(found.names, clusters(found.vectors, CLUSTERS).tolist(), strict=True))
    of = {name: cluster[key] for name, key in zip(built, keys, strict=True)}
    modules = {name: own.on_meta() for name, own in built.items()}
    parameters = {n: sum(p.numel() for p in own.parameters()) for n, own in modules.items()}
    layers = {n: sum(p.ndim > 1 for p in own.parameters()) for n, own in modules.items()}
    return model_features(
        [parameters[name] for name in names],
        [layers[name] for name in names],
        indicators([of[name] for name in names]),
    )


def table_results(
    outcomes: Sequence[TableOutcome], seeds: tuple[int, ...], command: str, finished: str
) -> Results:
    """Put the numbers into the form of a results file."""
    splits = tuple(
        Split(f"{own.name}_{key}", f"{own.name}: {label}", meaning)
        for own in outcomes
        for key, label, meaning in (
            ("completion", "30 % hidden", "Hidden entries predicted from the others."),
            ("left_out", "target left out", "Nothing is known of the target."),
            ("left_out_known", "target left out, three entries known", "On the other models."),
        )
    )
    published = sorted({m for own in outcomes for _, m, _ in own.cells} - {m.key for m in _METHODS})
    return Results(
        experiment="transfer-tables",
        summary="Published accuracies of fine-tuned models: completed, and predicted for a target.",
        command=command,
        finished=finished,
        seeds=seeds,
        seed_varies="what is hidden, which models are known, first factors",
        seed_shares="the tables",
        methods=(
            *_METHODS,
            *(Method(key, key, Role.BASELINE, "Published with the table.") for key in published),
        ),
        metrics=_METRICS,
        splits=splits,
        measurements=tuple(
            Measurement(metric, method, f"{own.name}_{split}", None, by_seed)
            for own in outcomes
            for (metric, method, split), by_seed in own.cells.items()
        ),
        versions=package_versions((*DEFAULT_PACKAGES, "gensim", "scikit-learn")),
        machine=machine_facts(),
    )


def outcome_table(results: Results, split: str) -> Table:
    """Lay one split out: a method a row, a metric a column."""
    table = Table(title=results.split(split).label)
    table.add_column("method", no_wrap=True)
    for metric in _METRICS:
        table.add_column(metric.label, justify="right")
    for method in results.methods:
        cells = [results.find(metric.key, method.key, split, None) for metric in _METRICS]
        if any(cells):
            shown = ("" if cell is None else str(cell.estimate) for cell in cells)
            table.add_row(method.label, *shown)
    return table


def _left_out(
    table: TransferTable, features: Float64, known: int, seed: int
) -> dict[tuple[str, str], float]:
    """Means over targets, by metric and method."""
    found: dict[tuple[str, str], list[float]] = {}
    for target in range(len(table.targets)):
        able = np.flatnonzero(~np.isnan(table.accuracy[:, target]))
        random = np.random.default_rng([seed, target])
        chosen = random.permutation(able)[:known].tolist()
        own = leave_out(table.accuracy, target, features, chosen, seed)
        truth = table.accuracy[own.asked, target]
        scores = {
            **own.scores,
            **{name: values[own.asked, target] for name, values in table.scores.items()},
        }
        for method, values in scores.items():
            for metric, value in _qualities(values, truth):
                found.setdefault((metric, method), []).append(value)
    return {key: float(np.mean(values)) for key, values in found.items()}


def _qualities(values: Float64, truth: Float64) -> Iterator[tuple[str, float]]:
    yield "pearson", pearson(values, truth)
    yield "weighted_kendall_tau", weighted_kendall_tau(values, truth)
