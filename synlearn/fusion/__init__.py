"""The default ranking: the learned metric as a prior, direct scores as evidence, made one."""

from synlearn.fusion.coregionalisation import Covariances, Directions, Posterior, posterior
from synlearn.fusion.fitting import HeldOutTasks, coverage, fit_fusion
from synlearn.fusion.fused import METRIC, FittedFusion, standardised, task_kernel
from synlearn.fusion.ranking import posterior_ranking

__all__ = [
    "METRIC",
    "Covariances",
    "Directions",
    "FittedFusion",
    "HeldOutTasks",
    "Posterior",
    "coverage",
    "fit_fusion",
    "posterior",
    "posterior_ranking",
    "standardised",
    "task_kernel",
]
