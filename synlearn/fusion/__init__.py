"""The default ranking: the learned metric as a prior, direct scores as evidence, made one."""

from synlearn.fusion.fitting import HeldOutTasks, coverage, fit_fusion
from synlearn.fusion.fused import METRIC, FittedFusion, standardised
from synlearn.fusion.ranking import posterior_ranking
from synlearn.fusion.regression import Posterior, Weights

__all__ = [
    "METRIC",
    "FittedFusion",
    "HeldOutTasks",
    "Posterior",
    "Weights",
    "coverage",
    "fit_fusion",
    "posterior_ranking",
    "standardised",
]
