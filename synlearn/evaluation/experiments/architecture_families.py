"""Does archi2vec find families? Reference architectures as vectors, clusters, and a picture."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from synlearn.evaluation.measurements import Measurement, Method, Metric, Role, Split
from synlearn.evaluation.plot_style import house_style
from synlearn.evaluation.provenance import DEFAULT_PACKAGES, machine_facts, package_versions
from synlearn.evaluation.results import Results
from synlearn.evaluation.tsne import tsne
from synlearn.fennec.archi2vec import Archi2Vec, clusters, cosine, distinct_graphs
from synlearn.fennec.architecture_graph import ArchitectureGraph
from synlearn.fennec.reference.registry import REFERENCES

Float64 = NDArray[np.float64]

PAIRS: Final = (("resnet18", "resnet10"), ("resnet18", "alexnet"))
"""The paper's: 0.9703 and 0.4673."""
NEW: Final = "densenet201"
"""Left out of the corpus, then embedded; the largest graph."""
_METHOD: Final = Method("archi2vec", "archi2vec", Role.METHOD, "Graphs alone; no weights.")
_SPLIT: Final = Split("distinct", "Distinct graphs", "One of each set of equal graphs.")
_METRICS: Final = (
    Metric("adjusted_rand", "Adjusted Rand index", meaning="k-means against families."),
    Metric("resnet18_resnet10", "Cosine of ResNet-18 and ResNet-10"),
    Metric("resnet18_alexnet", "Cosine of ResNet-18 and AlexNet", higher_is_better=False),
    Metric("read_s", "Reading a new graph", higher_is_better=False, unit="s"),
    Metric("embed_s", "Embedding it", higher_is_better=False, unit="s"),
)


@dataclass(frozen=True, slots=True)
class Families:
    """What was found.

    Attributes:
        names: (a,) of architectures with different graphs.
        families: (a,) theirs.
        vectors: (a, size) of the first seed.
        measured: By metric and seed.
    """

    names: tuple[str, ...]
    families: tuple[str, ...]
    vectors: Float64
    measured: Mapping[str, Mapping[int, float]]


def reference_graphs(on_done: Callable[[int], None]) -> dict[str, ArchitectureGraph]:
    """Graphs of the reference architectures; of those with equal graphs the first alone."""
    graphs = {}
    for name, reference in REFERENCES.items():
        graphs[name] = reference.graph()
        on_done(1)
    kept, keys = distinct_graphs(list(graphs.values()))
    first = {key: name for name, key in reversed(list(zip(graphs, keys, strict=True)))}
    return {first[key]: graph for key, graph in kept.items()}


def measure_families(
    graphs: Mapping[str, ArchitectureGraph],
    seeds: tuple[int, ...],
    clock: Callable[[], float] = time.perf_counter,
) -> Families:
    """Embed and cluster; as many clusters as there are families.

    Args:
        graphs: By name in `REFERENCES`, the pairs' and the new one's among them.
        seeds: Of archi2vec and k-means.
        clock: Seconds, rising.

    Raises:
        InputError: The package gensim is missing.
    """
    from sklearn.metrics import adjusted_rand_score  # noqa: PLC0415  # takes a second

    families = tuple(REFERENCES[name].family for name in graphs)
    measured: dict[str, dict[int, float]] = {metric.key: {} for metric in _METRICS}
    first: Float64 | None = None
    REFERENCES[NEW].graph()  # what PyTorch loads when it is first asked for is no part of reading
    for seed in seeds:
        found = Archi2Vec.fit(graphs, seed=seed)
        first = found.vectors if first is None else first
        labels = clusters(found.vectors, len(set(families)), seed)
        measured["adjusted_rand"][seed] = float(adjusted_rand_score(families, labels))
        for one, other in PAIRS:
            value = cosine(found.vector(one), found.vector(other))
            measured[f"{one}_{other}"][seed] = value
        known = Archi2Vec.fit({k: v for k, v in graphs.items() if k != NEW}, seed=seed)
        began = clock()
        graph = REFERENCES[NEW].graph()
        read = clock()
        known.embed(graph)
        measured["read_s"][seed], measured["embed_s"][seed] = read - began, clock() - read
    assert first is not None  # noqa: S101  # there is a seed
    return Families(tuple(graphs), families, first, measured)


def family_results(found: Families, command: str, finished: str) -> Results:
    """Put the numbers into the form of a results file."""
    seeds = tuple(found.measured["adjusted_rand"])
    return Results(
        experiment="architecture-families",
        summary=(
            f"{len(found.names)} architectures with different graphs, of "
            f"{len(set(found.families))} families, as vectors of their run-time graphs."
        ),
        command=command,
        finished=finished,
        seeds=seeds,
        seed_varies="archi2vec's first vectors and draws, and k-means",
        seed_shares="the graphs",
        methods=(_METHOD,),
        metrics=_METRICS,
        splits=(_SPLIT,),
        measurements=tuple(
            Measurement(name, _METHOD.key, _SPLIT.key, None, by_seed)
            for name, by_seed in found.measured.items()
        ),
        sizes={"architectures": len(found.names), "families": len(set(found.families))},
        versions=package_versions((*DEFAULT_PACKAGES, "gensim", "scikit-learn")),
        machine=machine_facts(),
    )


def family_figure(found: Families) -> Figure:
    """t-SNE of the vectors: a colour and a name for each family (the paper's Figure 11)."""
    directions = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
    square = np.clip(2 - 2 * directions @ directions.T, 0, None)
    np.fill_diagonal(square, 0)
    places = tsne(square, perplexity=5.0)
    names = sorted(set(found.families))
    families = np.array(found.families)
    with house_style():
        figure = Figure(figsize=(7.2, 5.2), layout="constrained")
        axes = figure.add_subplot()
        for number, name in enumerate(names):
            own = places[families == name]
            axes.plot(own[:, 0], own[:, 1], "osD^v"[number // 7], ms=6, color=f"C{number % 7}")
            x, y = own[own[:, 1].argmax()] if number % 2 else own[own[:, 1].argmin()]
            below = number % 2 == 0
            axes.annotate(
                name,
                (x, y),
                (0, -12 if below else 5),
                textcoords="offset points",
                fontsize=7.5,
                ha="center",
            )
        axes.margins(0.12)
        axes.set(xticks=[], yticks=[])
        for spine in axes.spines.values():
            spine.set_visible(False)
    return figure
