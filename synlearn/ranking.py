"""A ranking of models for one task: what downstream teams get."""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from synlearn.errors import InputError
from synlearn.evaluation.intervals import student_t
from synlearn.evaluation.output import write_output
from synlearn.ranked_models import RankedModel, RankedModels, best_first

if TYPE_CHECKING:
    from rich.table import Table

FORMAT = "synlearn.ranking/1"


@dataclass(frozen=True, slots=True)
class Ranking:
    """Models for one task, best first.

    Attributes:
        rows: one row for each model, best first; any sequence of them.
        warning: a sentence when the task lies outside what the metric has learned, so that the
            order deserves no trust; empty when it lies inside.
        confidence: coverage of the intervals, in (0, 1).
        provenance: what the scores were computed from: digests of the MRE model and the zoo, K,
            versions.
    """

    rows: Sequence[RankedModel]
    warning: str = ""
    confidence: float = 0.95
    provenance: Mapping[str, str | int] = field(default_factory=dict)

    @classmethod
    def from_member_scores(
        cls,
        models: Sequence[str],
        member_scores: ArrayLike,
        *,
        warning: str = "",
        confidence: float = 0.95,
        provenance: Mapping[str, str | int] | None = None,
    ) -> "Ranking":
        """Rank by the mean score of an ensemble, and let its spread say how sure that is.

        The members are equally good guesses at the score, such as metrics trained from different
        seeds, or re-samplings of the examples. The interval of a score is where one more member
        would fall, mean +- t_(n-1) s sqrt(1 + 1/n): more members make it better known but do not
        shrink it to nothing, since they share their data and its limits. A model is tied with the
        best if the same interval of its *difference* to the best, member by member, holds zero.
        Ties are not corrected for the number of models compared.

        Args:
            models: id of each model, all different.
            member_scores: (members, models) finite scores, higher is better. With one member
                there are no intervals, and only equal scores are ties.
            warning: sentence for a task outside what the metric has learned, else empty.
            confidence: coverage of the intervals, in (0, 1).
            provenance: see the class.

        Raises:
            InputError: for no models, equal ids, a wrong shape, or a score that is not finite.

        >>> ranking = Ranking.from_member_scores(["a", "b"], [[0.1, 0.8], [0.2, 0.9]])
        >>> ranking.best.model, ranking.best.rank
        ('b', 1)
        """
        scores = _checked(models, member_scores)
        mean = scores.mean(axis=0)
        order = best_first(models, mean)
        margin = _margin(scores, confidence)
        gap = scores[:, order[:1]] - scores
        gap_margin = _margin(gap, confidence)
        tied = gap.mean(axis=0) <= (0.0 if gap_margin is None else gap_margin)
        tied[order[0]] = True
        rows = RankedModels(
            models=[models[place] for place in order.tolist()],
            scores=mean[order],
            margins=None if margin is None else margin[order],
            tied=tied[order],
        )
        return cls(rows, warning, confidence, dict(provenance or {}))

    @property
    def best(self) -> RankedModel:
        """The first row."""
        return self.rows[0]

    @property
    def tied(self) -> tuple[RankedModel, ...]:
        """The models that the evidence cannot separate from the best, the best included."""
        return tuple(row for row in self.rows if row.tied_with_best)

    @property
    def is_outside(self) -> bool:
        """Whether the task lies outside what the metric has learned; `warning` says why."""
        return bool(self.warning)

    def __iter__(self) -> Iterator[RankedModel]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def summary(self) -> str:
        """One or two plain sentences: the best model, what it cannot be separated from, a warning.

        >>> print(Ranking.from_member_scores(["a", "b"], [[0.1, 0.8]]).summary())
        b ranks first of 2 models.
        """
        text = f"{self.best.model} ranks first of {len(self)} models"
        if others := len(self.tied) - 1:
            rest = "another one" if others == 1 else f"{others} others"
            text += f"; the evidence cannot separate it from {rest}"
        return f"{text}." + (f" {self.warning}" if self.warning else "")

    def to_json(self, path: Path | None = None) -> str:
        """Return the ranking as JSON and, if `path` is given, write it there atomically."""
        content = {
            "format": FORMAT,
            "summary": self.summary(),
            "outside": self.is_outside,
            "warning": self.warning,
            "confidence": self.confidence,
            "provenance": dict(self.provenance),
            "models": [asdict(row) for row in self.rows],
        }
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        if path is not None:
            write_output(path, text.encode())
        return text

    def to_csv(self, path: Path | None = None) -> str:
        """Return the rows as CSV with a header and, if `path` is given, write them there."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(["rank", "model", "score", "low", "high", "tied_with_best", "tier"])
        for row in self.rows:
            tied = str(row.tied_with_best).lower()
            writer.writerow([row.rank, row.model, row.score, row.low, row.high, tied, row.tier])
        if path is not None:
            write_output(path, buffer.getvalue().encode())
        return buffer.getvalue()

    def to_table(self, *, top: int | None = None) -> "Table":
        """Build a table for the terminal, with the first `top` models or all of them."""
        from rich.table import Table  # noqa: PLC0415 - not needed by those who only read rows
        from rich.text import Text  # noqa: PLC0415

        shown = self.rows if top is None else self.rows[:top]
        # Text, since an id may hold square brackets, which are markup to Rich.
        table = Table(caption=Text(self.summary()))
        table.add_column("rank", justify="right")
        table.add_column("model", overflow="fold")
        table.add_column("score", justify="right")
        table.add_column(f"{100 * self.confidence:g} % interval", justify="right")
        table.add_column("")
        for place, row in enumerate(shown):
            interval = "" if row.low is None else f"{row.low:.3f} to {row.high:.3f}"
            remark = "tied with the best" if row.tied_with_best and place else ""
            table.add_row(str(row.rank), Text(row.model), f"{row.score:.3f}", interval, remark)
        if len(shown) < len(self.rows):
            table.add_row("", f"and {len(self.rows) - len(shown)} more", "", "", "", style="dim")
        return table

    def plot(self, path: Path, *, top: int = 30) -> None:
        """Draw the first `top` models with their intervals; the suffix of `path` is the format.

        Raises:
            InputError: if the suffix is neither .png, .svg nor .pdf, or the folder is missing.
        """
        from synlearn.evaluation.ranking_figure import draw_ranking  # noqa: PLC0415 - matplotlib

        draw_ranking(self, path, top=top)


def _checked(models: Sequence[str], member_scores: ArrayLike) -> NDArray[np.float64]:
    try:
        scores = np.asarray(member_scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"Member scores are not numbers ({error}); pass real numbers.") from error
    if not len(models):
        raise InputError("There is no model to rank: is the zoo empty?")
    if scores.ndim != 2 or scores.shape[0] < 1 or scores.shape[1] != len(models):
        raise InputError(
            f"Member scores have shape {scores.shape} for {len(models)} models: "
            "pass (members, models)."
        )
    if len(set(models)) < len(models):
        twice = next(model for i, model in enumerate(models) if model in models[:i])
        raise InputError(f"Model {twice!r} is there twice: pass each model once.")
    if not np.isfinite(scores).all():
        bad = models[int(np.argmin(np.isfinite(scores).all(axis=0)))]
        raise InputError(f"The score of model {bad!r} is not finite: leave it out or repair it.")
    return scores


def _margin(values: NDArray[np.float64], confidence: float) -> NDArray[np.float64] | None:
    """Half-width of the prediction interval of each column; None for a single row."""
    members = len(values)
    if members < 2:
        return None
    square = np.square(values - values.mean(axis=0)).sum(axis=0) / (members - 1)
    spread: NDArray[np.float64] = np.sqrt(square * (1 + 1 / members))
    return student_t(members - 1, confidence) * spread
