"""What direct scores of a few models, chosen by the metric, say beside those of all the others.

The fusion weighs sources that are standardised over all candidates. Where only those are run that
the metric has put first, their scores differ less than all models' would, and lie higher. How the
metric's own scores of the chosen differ from those of all is known, and so is how closely each
source goes with the metric: rho, from learning. So the mean mu and deviation sigma of all models'
scores follow from those of the chosen (Pearson's correction for a restricted range, 1903):

    mean of the chosen = mu + sigma rho z,        z the mean of the metric's scores of the chosen,
    variance of the chosen = sigma^2 (rho^2 s^2 + 1 - rho^2),               s^2 their variance.

The regression itself needs no correction: it holds for whichever models the metric chooses.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from synlearn.fusion.standard import CONSTANT, Float64, bounded

_LEAST: Final = 0.05
"""Of the part of a source's variance that the chosen are expected to show."""


@dataclass(frozen=True, slots=True)
class AmongAll:
    """Sources of the chosen models, as they stand among all candidates.

    Attributes:
        standardised: (q, m) of the chosen.
        mean, deviation: (q,) of all candidates, estimated.
    """

    standardised: Float64
    mean: Float64
    deviation: Float64


def among_all(sources: Float64, prior: Float64, correlation: Float64) -> AmongAll:
    """Place the chosen models' scores among all candidates'.

    Args:
        sources: (q, m) of m chosen models, the metric first; infinite ones count as the largest
            or smallest finite one. Those that are all the same become 0.
        prior: (m,) what the metric says of them, standardised over all candidates.
        correlation: (q,) of each source with the metric among all candidates.

    Raises:
        InputError: A score is NaN.
    """
    values = bounded(sources)
    shown = np.maximum(correlation**2 * prior.var() + 1 - correlation**2, _LEAST)
    spread = values.std(axis=1)
    constant = spread <= CONSTANT * np.maximum(np.abs(values).max(axis=1), np.finfo(float).tiny)
    deviation = np.where(constant, 0.0, spread / np.sqrt(shown))
    mean = values.mean(axis=1) - deviation * correlation * prior.mean()
    centred = values - mean[:, None]
    found = np.where(constant[:, None], 0.0, centred / np.where(constant, 1.0, deviation)[:, None])
    found[0] = prior
    return AmongAll(found, mean, deviation)
