"""Measuring rankings: rank correlations, their noise ceiling, intervals, results, reports.

The metrics are exported here. Result files are in `synlearn.evaluation.results`, and what needs
matplotlib in `synlearn.evaluation.figures` and `synlearn.evaluation.report`, so that importing a
metric does not import a plotting library.
"""

from synlearn.evaluation.combination import combined, min_max, z_score
from synlearn.evaluation.intervals import Estimate, mean_interval, paired_difference
from synlearn.evaluation.noise_ceiling import (
    NoiseCeiling,
    noise_ceiling,
    random_halves,
    split_half_tau,
)
from synlearn.evaluation.rank_correlation import kendall_tau, pearson, weighted_kendall_tau
from synlearn.evaluation.regret import regret, relative_regret

__all__ = [
    "Estimate",
    "NoiseCeiling",
    "combined",
    "kendall_tau",
    "mean_interval",
    "min_max",
    "noise_ceiling",
    "paired_difference",
    "pearson",
    "random_halves",
    "regret",
    "relative_regret",
    "split_half_tau",
    "weighted_kendall_tau",
    "z_score",
]
