"""How LogME chooses alpha and beta: the maximum itself, or an iteration as the authors run it."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from synlearn.errors import ScoreInputError
from synlearn.scorers.evidence import LinearTask, maximum_evidence
from synlearn.scorers.inputs import Float64

LARGEST = 1e100  # the sum of squares of any array in memory is then finite


class Schedule(StrEnum):
    """Ways to choose alpha and beta.

    `maximum` maximises the evidence, which is the published definition. The others run the
    authors' iteration, which may end in a lower maximum: `icml` and `fixed_point` stop it early and
    add 1e-5 to its denominators, as the authors' code does; `converged` does neither.
    """

    MAXIMUM = "maximum"
    CONVERGED = "converged"
    FIXED_POINT = "fixed_point"
    ICML = "icml"

    @classmethod
    def named(cls, name: str) -> "Schedule":
        """Look a schedule up.

        Raises:
            ScoreInputError: There is none of this name.
        """
        try:
            return cls(name)
        except ValueError as error:
            raise ScoreInputError(
                f"no evidence schedule is named {name!r}; use one of {', '.join(cls)}."
            ) from error


@dataclass(frozen=True, slots=True)
class _Iteration:
    """When the authors' iteration ends, and where it adds a constant."""

    tolerance: float  # relative change of t
    most_steps: int
    in_denominators: float
    in_evidence: float


_ITERATIONS = {
    Schedule.CONVERGED: _Iteration(1e-13, 5000, 0.0, 0.0),
    Schedule.FIXED_POINT: _Iteration(1e-3, 11, 1e-5, 0.0),
    Schedule.ICML: _Iteration(1e-2, 11, 1e-5, 1e-5),
}


def mean_evidence(
    x: Float64, y: Float64, names: list[str], schedule: Schedule, *, likelihood: bool
) -> float:
    """Return the mean over the targets of their log evidence per row.

    Args:
        x: (n, d) features.
        y: (n, c) targets.
        names: c names of the targets, for errors.
        schedule: How alpha and beta are chosen.
        likelihood: See `scheduled_evidence`.

    Raises:
        ScoreInputError: A target has no finite evidence.
    """
    unit = np.ones(y.shape[1])
    if schedule is Schedule.MAXIMUM:
        # The evidence does not depend on the unit of x, and by a constant on that of y; in units of
        # the largest value no square overflows. The other schedules do depend on units.
        x = x / (np.abs(x).max() or 1.0)
        unit = np.abs(y).max(axis=0)
        unit[unit == 0] = 1.0
    elif max(np.abs(x).max(), np.abs(y).max()) > LARGEST:
        raise ScoreInputError(
            f"the schedule {schedule} cannot square values beyond {LARGEST:g}; rescale them, or "
            "use the schedule maximum."
        )
    task = LinearTask.of(x, y / unit)
    bounded = schedule in (Schedule.FIXED_POINT, Schedule.ICML)  # by their constants
    if not bounded and (exact := task.fitted_exactly()).any():
        raise ScoreInputError(
            f"{names[int(exact.argmax())]} is a linear function of the features on these "
            f"{task.n} rows, so its evidence has no bound; use more rows."
        )
    if schedule is Schedule.MAXIMUM:
        found = maximum_evidence(task) - np.log(unit)
    else:
        found = scheduled_evidence(task, schedule, likelihood=likelihood)
    if not (finite := np.isfinite(found)).all():
        raise ScoreInputError(
            f"the schedule {schedule} has no finite evidence for {names[int(finite.argmin())]} "
            "on these features; use the schedule maximum."
        )
    return float(found.mean())


def scheduled_evidence(task: LinearTask, schedule: Schedule, *, likelihood: bool) -> Float64:
    """Return what the authors' iteration reports for each target, (c,); NaN where it breaks down.

    From alpha = beta = 1 repeat: gamma = sum_i s_i / (s_i + t), alpha = gamma / |m|^2 and
    beta = (n - gamma) / |y - X m|^2, with m the posterior mean at the t before, until t hardly
    changes. `converged` is NaN where t runs to 0 or infinity.

    Args:
        task: The targets.
        schedule: Any but `maximum`.
        likelihood: Report log p(y) / n at the final alpha and beta. Otherwise the authors' own
            expression, in which m lags one step behind.
    """
    rule, n, squares = _ITERATIONS[schedule], task.n, task.squares[:, None]
    alpha, beta, weight, misfit = (np.ones_like(task.total) for _ in range(4))
    running = np.arange(len(task.total))  # targets whose t still changes
    with np.errstate(all="ignore"):  # the caller looks at the result
        for _ in range(rule.most_steps):
            t = alpha[running] / beta[running]
            power = task.power[:, running]
            gamma = (squares / (squares + t)).sum(axis=0)
            weight[running] = (squares * power / (t + squares) ** 2).sum(axis=0)
            unexplained = (power / (1 + squares / t) ** 2).sum(axis=0)
            misfit[running] = unexplained + task.residual[running]
            alpha[running] = gamma / (weight[running] + rule.in_denominators)
            beta[running] = (n - gamma) / (misfit[running] + rule.in_denominators)
            change = np.abs(alpha[running] / beta[running] - t) / t
            running = running[change > rule.tolerance]
            if len(running) == 0:
                break
        if schedule is Schedule.CONVERGED:
            alpha[running] = np.nan
        log_det = np.log1p(squares * beta / alpha).sum(axis=0)
        if likelihood:
            kept = 1 / (1 + squares * beta / alpha)
            cost = beta * (task.residual + (task.power * kept).sum(axis=0))
        else:
            cost = beta * (misfit + rule.in_evidence) + alpha * (weight + rule.in_evidence)
        found: Float64 = 0.5 * (np.log(beta / (2 * np.pi)) - (log_det + cost) / n)
    return found
