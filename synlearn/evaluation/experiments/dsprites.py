"""In-dataset MRE on dSprites (SynLearn, section 5.2): how well one job's MRE model ranks models.

For a domain, the models of all domains on the same side of the split are ranked from K of its
example rows; the truth is their mean squared error over the domain's 200 truth rows.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from synlearn.datasets.dsprites import Domain, domain_images_packed
from synlearn.datasets.dsprites_renderer import unpack_images
from synlearn.datasets.stable_draw import stable_order
from synlearn.evaluation.experiments.error_table import EXAMPLES, ErrorTable, example_rows
from synlearn.evaluation.rank_correlation import kendall_tau, weighted_kendall_tau
from synlearn.mre.isolated_model import IsolatedMRE

SYNLEARN: Final = "synlearn"
DIRECT: Final = "direct_mse"
AGNOSTIC: Final = "task_agnostic"
METRICS: Final = {"kendall_tau": kendall_tau, "weighted_kendall_tau": weighted_kendall_tau}
DRAWS: Final = 8
"""Target datasets for each domain and K; taus are averaged over them."""

Float64 = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SideResult:
    """Results on one side of the split, for one seed.

    Attributes:
        taus: (metric, method, k) to (domains,), mean over draws.
        tau_half: (domains,) Kendall tau between the two halves of the truth rows.
        domains: (domains,) their indices.
        truth: (domains, models), negated errors: higher is better.
        scores: method to (domains, models), of the first draw at K = 1.
    """

    taus: dict[tuple[str, str, int], Float64]
    tau_half: Float64
    domains: Indices
    truth: Float64
    scores: dict[str, Float64]


def evaluate_side(
    model: IsolatedMRE,
    table: ErrorTable,
    specifications: NDArray[np.float32],
    positions: Indices,
    *,
    ks: tuple[int, ...],
    split_seed: int,
    on_domain: Callable[[], None],
) -> SideResult:
    """Rank the models of one side of the split for each of its domains.

    Args:
        model: What a job has learned.
        table: Errors of all models on all domains.
        specifications: (d, p) of all models, in the table's order.
        positions: Which domains of the table, and their models.
        ks: Numbers of examples.
        split_seed: Of the domains' rows.
        on_domain: Called as each domain is done.
    """
    truth = -table.truth[np.ix_(positions, positions)].astype(np.float64)
    agnostic = truth.mean(axis=0)
    specs = torch.from_numpy(specifications[positions])
    taus: dict[tuple[str, str, int], list[float]] = {}
    first: dict[str, list[Float64]] = {SYNLEARN: [], DIRECT: []}
    halves = []
    for row, position in enumerate(positions):
        domain = Domain(int(table.domains[position]))
        features = _example_features(model, domain, split_seed)
        errors = table.examples[position][positions]
        halves.append(
            kendall_tau(-table.half_a[position][positions], -table.half_b[position][positions])
        )
        for k in ks:
            draws = _draws(domain, k, split_seed)
            means = torch.stack([features[draw].mean(dim=0) for draw in draws])
            learned = model.member_scores(means, specs).mean(axis=0)
            direct = np.stack([-errors[:, draw].mean(axis=1) for draw in draws])
            for metric, tau in METRICS.items():
                for method, scores in ((SYNLEARN, learned), (DIRECT, direct)):
                    mean = float(np.mean([tau(score, truth[row]) for score in scores]))
                    taus.setdefault((metric, method, k), []).append(mean)
                taus.setdefault((metric, AGNOSTIC, k), []).append(tau(agnostic, truth[row]))
            if k == ks[0]:
                first[SYNLEARN].append(learned[0])
                first[DIRECT].append(direct[0].astype(np.float64))
        on_domain()
    return SideResult(
        taus={key: np.array(values) for key, values in taus.items()},
        tau_half=np.array(halves),
        domains=table.domains[positions],
        truth=truth,
        scores={method: np.stack(rows) for method, rows in first.items()},
    )


def _example_features(model: IsolatedMRE, domain: Domain, split_seed: int) -> torch.Tensor:
    images = unpack_images(domain_images_packed(domain)[example_rows(domain, split_seed)])
    with torch.inference_mode():
        features: torch.Tensor = model.backbone(
            torch.from_numpy(images[:, None].astype(np.float32))
        )
    return features


def _draws(domain: Domain, k: int, split_seed: int) -> Indices:
    """Which of the example rows make up each target dataset, (draws, k)."""
    purpose = f"synlearn/dsprites/draws/v1/seed={split_seed}/domain={domain.index}/k={k}"
    return np.stack([stable_order(f"{purpose}/{draw}", EXAMPLES)[:k] for draw in range(DRAWS)])
