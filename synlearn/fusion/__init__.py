"""The default ranking: the learned metric as a prior, direct scores as evidence, made one."""

from synlearn.fusion.fitting import HeldOutTasks, coverage, fit_fusion
from synlearn.fusion.fused import METRIC, SMOOTHED, FittedFusion
from synlearn.fusion.regression import Posterior, Weights
from synlearn.fusion.similarity import gram_directions, similarities
from synlearn.fusion.smoothing import smoothed
from synlearn.fusion.standard import standardised

__all__ = [
    "METRIC",
    "SMOOTHED",
    "FittedFusion",
    "HeldOutTasks",
    "Posterior",
    "Weights",
    "coverage",
    "fit_fusion",
    "gram_directions",
    "similarities",
    "smoothed",
    "standardised",
]
