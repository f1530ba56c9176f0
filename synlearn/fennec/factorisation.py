"""Non-negative factors of the performance matrix, with the paper's penalties.

    minimise over M, D >= 0:  |P - M D'|_F^2 + a_m |M|_F^2 + a_d |D|_F^2        (equation 4)

Only known entries of P count, so the same few lines complete a matrix. Where all are known, this is
scikit-learn's `NMF` with `alpha_W = a_m / n`, `alpha_H = a_d / m` and `l1_ratio = 0`, which has no
form for unknown ones; the tests compare the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls

from synlearn.errors import InputError

Float64 = NDArray[np.float64]

SWEEPS: Final = 500
"""The paper's matrices converge within so many."""
HIDDEN: Final = 0.1
"""Part of the known entries that the choice of a rank is judged by."""


@dataclass(frozen=True, slots=True)
class Penalties:
    """How much the lengths of the factors cost, at least 0: of models (a_m), of tasks (a_d)."""

    models: float = 0.01
    tasks: float = 0.01


@dataclass(frozen=True, slots=True)
class Factors:
    """The factors of a matrix.

    Attributes:
        models: (m, k), at least 0 (M in the paper).
        tasks: (n, k), at least 0 (D).
        objective: Equation 4 before the first sweep and after each; it never rises.
    """

    models: Float64
    tasks: Float64
    objective: tuple[float, ...]

    @property
    def product(self) -> Float64:
        """(m, n): what the factors say of every entry."""
        found: Float64 = self.models @ self.tasks.T
        return found


def factorise(
    values: Float64,
    rank: int,
    penalties: Penalties,
    random: np.random.Generator,
    *,
    sweeps: int = SWEEPS,
    tolerance: float = 1e-6,
    start: tuple[Float64, Float64] | None = None,
) -> Factors:
    """Factorise a matrix by exact descent on one column of M or D after another.

    Args:
        values: (m, n), at least 0; NaN where unknown.
        rank: k, the latent dimension, at least 1.
        penalties: Of equation 4.
        random: For the first factors.
        sweeps: Over all columns, at most.
        tolerance: Relative fall of the objective in a sweep that ends the descent.
        start: First factors, (m, k) and (n, k), instead of random ones.

    Raises:
        InputError: The rank is below 1, or a value negative or infinite.
    """
    known = ~np.isnan(values)
    if rank < 1:
        raise InputError(f"The latent dimension is {rank}; give at least 1.")
    if np.isinf(values).any() or (values[known] < 0).any():
        raise InputError("Only values that are finite and at least 0 can be factorised.")
    # In one layout: the same matrix gives the same factors, bit by bit, however it was cut out.
    target = np.ascontiguousarray(np.where(known, values, 0.0))
    weight = np.ascontiguousarray(known, dtype=np.float64)
    first = start or _random_start(values, rank, random)
    models, tasks = (np.array(part, dtype=np.float64) for part in first)
    left = weight * (target - models @ tasks.T)
    objective = [_objective(left, models, tasks, penalties)]
    for _ in range(sweeps):
        for column in range(rank):
            # What is left without this column; each side's best column then has a closed form.
            left += weight * np.outer(models[:, column], tasks[:, column])
            models[:, column] = _best(left, weight, tasks[:, column], penalties.models)
            tasks[:, column] = _best(left.T, weight.T, models[:, column], penalties.tasks)
            left -= weight * np.outer(models[:, column], tasks[:, column])
        objective.append(_objective(left, models, tasks, penalties))
        if objective[-2] - objective[-1] <= tolerance * objective[0]:
            break
    return Factors(models, tasks, tuple(objective))


def place_task(
    models: Float64, known: ArrayLike, values: ArrayLike, prior: Float64, penalty: float
) -> Float64:
    """Find the vector of a new task of which a few entries are known.

        minimise over d >= 0:  |y - M d|^2 + penalty |d - prior|^2

    Args:
        models: (m, k) factors.
        known: (q,) positions of the models whose performance is known.
        values: (q,) their performances (y).
        prior: (k,) what is believed without them, such as the mean vector of all tasks.
        penalty: How much it weighs, above 0.

    Returns:
        (k,), at least 0.
    """
    rows = models[np.asarray(known, dtype=np.intp)]
    weight = np.sqrt(penalty)
    system = np.concatenate([rows, weight * np.eye(len(prior))])
    wanted = np.concatenate([np.asarray(values, dtype=np.float64), weight * prior])
    found: Float64 = nnls(system, wanted)[0]
    return found


def choose_rank(
    values: Float64, ranks: Sequence[int], penalties: Penalties, random: np.random.Generator
) -> int:
    """Return the rank that best completes entries hidden for the purpose; the least of equals.

    Args:
        values: As `factorise`.
        ranks: To choose from.
        penalties: As `factorise`.
        random: For what is hidden, and for first factors.
    """
    known = np.argwhere(~np.isnan(values))
    hidden = known[random.permutation(len(known))[: max(1, round(HIDDEN * len(known)))]]
    rows, columns = hidden.T
    shown = values.copy()
    shown[rows, columns] = np.nan
    errors = []
    for rank in ranks:
        own = factorise(shown, rank, penalties, random)
        errors.append(float(np.square(own.product[rows, columns] - values[rows, columns]).mean()))
    return ranks[int(np.argmin(errors))]


def _random_start(
    values: Float64, rank: int, random: np.random.Generator
) -> tuple[Float64, Float64]:
    """Factors whose product has about the mean of the known entries."""
    scale = np.sqrt(np.nanmean(values) / rank)
    models, tasks = values.shape
    return (
        scale * random.uniform(0.5, 1.5, (models, rank)),
        scale * random.uniform(0.5, 1.5, (tasks, rank)),
    )


def _best(left: Float64, weight: Float64, other: Float64, penalty: float) -> Float64:
    """(m,): the best column against `other`, (n,), for what is left, (m, n)."""
    length = weight @ np.square(other) + penalty
    found: Float64 = np.maximum(left @ other, 0.0) / np.maximum(length, 1e-300)
    return found


def _objective(left: Float64, models: Float64, tasks: Float64, penalties: Penalties) -> float:
    lengths = penalties.models * np.square(models).sum() + penalties.tasks * np.square(tasks).sum()
    return float(np.square(left).sum() + lengths)
