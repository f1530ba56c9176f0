"""Fennec beside everyone else on the mixed zoo, and beside itself without its parts."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.evaluation.experiments.search_history import (
    SearchHistory,
    fennec_scores,
    new_tasks,
)
from synlearn.evaluation.rank_correlation import pearson
from synlearn.evaluation.ranking_quality import ranking_quality
from synlearn.fennec.meta_features import indicators, model_features
from synlearn.fennec.model import FennecSettings
from synlearn.fennec.proxy import Proxy
from synlearn.fennec.recommender import described
from synlearn.fennec.zoo_graphs import zoo_graphs
from synlearn.zoo.catalog import Zoo

Float64 = NDArray[np.float64]

DEFAULT: Final = "fennec"
UNSEEN: Final = "fennec_unseen"
RANKS: Final = (1, 2, 4, 8, 16, 32)
QUALITIES: Final = ("pearson", "kendall_tau", "weighted_kendall_tau", "regret")


@dataclass(frozen=True, slots=True)
class Variant:
    """A way to fit Fennec.

    Attributes:
        key: Short name.
        label: What people read.
        settings: Of Fennec.
        architecture: "archi2vec", "one_hot" or "none": what the meta phase knows of architectures.
        domain_seen: See `fennec_scores`.
        proxy: Name among the proxies that are compared.
    """

    key: str
    label: str
    settings: FennecSettings = field(default_factory=FennecSettings)
    architecture: str = "archi2vec"
    domain_seen: bool = True
    proxy: str = "default"


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a method ranks: (seeds, tasks) arrays by name in `QUALITIES`."""

    method: str
    by_name: Mapping[str, Float64]


def variants(proxies: Sequence[str]) -> tuple[Variant, ...]:
    """The default, and what is compared with it: the paper's Tables 2 and 3, and its Figure 5."""
    whole = FennecSettings()
    return (
        Variant(DEFAULT, "Fennec"),
        Variant(UNSEEN, "Fennec, image set never seen", domain_seen=False),
        Variant("no_transfer", "without transfer", replace(whole, alpha=1.0)),
        Variant("no_meta", "without meta", replace(whole, alpha=0.0)),
        Variant(
            "no_meta_unseen",
            "without meta, never seen",
            replace(whole, alpha=0.0),
            domain_seen=False,
        ),
        Variant("one_hot", "architectures by name", architecture="one_hot"),
        Variant("no_archi2vec", "without architectures", architecture="none"),
        *(
            Variant(f"rank_{rank}", f"latent dimension {rank}", replace(whole, rank=rank))
            for rank in RANKS
            if rank != whole.rank
        ),
        *(Variant(f"proxy_{name}", f"proxy {name}", proxy=name) for name in proxies),
    )


def compare_variants(
    bench: SearchBench,
    zoo: Zoo,
    *,
    proxies: Mapping[str, Proxy],
    histories: Mapping[str, SearchHistory],
    truth: Float64,
    seeds: Sequence[int],
    on_done: Callable[[int], None],
) -> Iterator[Quality]:
    """Measure every variant.

    Args:
        bench: Candidates and tasks.
        zoo: That the candidates are of.
        proxies: By name, "default" among them.
        histories: Made with each of them.
        truth: (t, m), higher is better.
        seeds: Draws of the examples, and of the fits.
        on_done: Told of each variant that is ready.

    Raises:
        InputError: There is no default proxy.
    """
    if "default" not in proxies:
        raise InputError("No default proxy is given; name an MRE model or a model of the zoo.")
    described_by = {
        name: meta_features(bench, zoo, name) for name in ("archi2vec", "one_hot", "none")
    }
    shown = {
        (name, seed): new_tasks(bench, proxy, seed)
        for name, proxy in proxies.items()
        for seed in seeds
    }
    for one in variants([name for name in proxies if name != "default"]):
        scores = [
            fennec_scores(
                histories[one.proxy],
                bench,
                described_by[one.architecture],
                shown[one.proxy, seed],
                settings=one.settings,
                seed=seed,
                domain_seen=one.domain_seen,
            )
            for seed in seeds
        ]
        yield quality_of(one.key, np.stack(scores), truth)
        on_done(1)


def meta_features(bench: SearchBench, zoo: Zoo, architecture: str) -> Float64:
    """(m, p) meta features of the candidates."""
    own = bench.candidates
    if architecture == "one_hot":
        return model_features(
            [c.parameters for c in own],
            [c.layers for c in own],
            indicators([c.family for c in own]),
        )
    graphs = None
    if architecture == "archi2vec":
        of = zoo_graphs(zoo)
        graphs = [of[candidate.model] for candidate in own]
    found = described(own, graphs)
    return np.stack([found[candidate.model] for candidate in own])


def quality_of(method: str, scores: Float64, truth: Float64) -> Quality:
    """Compare scores, (seeds, t, m), with the truth, (t, m)."""
    found = ranking_quality(scores, truth)
    by_name = {name: found.named(name) for name in QUALITIES[1:]}
    each = [[_pearson(own, true) for own, true in zip(run, truth, strict=True)] for run in scores]
    return Quality(method, {"pearson": np.array(each), **by_name})


def _pearson(scores: Float64, truth: Float64) -> float:
    """0 where scores are all the same and say nothing; infinite ones count as the largest."""
    finite = np.isfinite(scores)
    if not finite.any():
        return 0.0
    own = np.clip(scores, scores[finite].min(), scores[finite].max())
    return 0.0 if np.ptp(own) == 0 else pearson(own, truth)
