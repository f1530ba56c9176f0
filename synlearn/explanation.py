"""Why a model stands where it stands: which of its classes were matched to which of the task's.

The metric looks at a model through an attention-based ensembler: for each class of the task it
pays attention to those classes of the model that have to do with it, or to "none of them".
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.evaluation.output import write_output

FORMAT: Final = "synlearn.explanation/1"
NONE_OF_THEM: Final = "none of them"

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """What one class of the task was matched to.

    Attributes:
        task_class: Its name.
        model_class: The class of the model that got the most attention; None for none of them.
        weight: Of this attention, in [0, 1].
    """

    task_class: str
    model_class: str | None
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Explanation:
    """The attention that one model's classes get from one task's classes.

    Attributes:
        model: Its id.
        task_classes: l names.
        model_classes: c names.
        weights: (l, 1 + c) in [0, 1], rows sum to 1: mean over the metric's members of the
            attention of each class of the task; to "none of them" first.
        spread: (l, 1 + c) standard deviation over the members; 0 of a single one.
    """

    model: str
    task_classes: tuple[str, ...]
    model_classes: tuple[str, ...]
    weights: Float64
    spread: Float64

    @classmethod
    def of_members(
        cls,
        model: str,
        task_classes: Sequence[str],
        model_classes: Sequence[str],
        weights: NDArray[np.floating],
    ) -> "Explanation":
        """Average the members' attention, (members, l, 1 + c).

        Raises:
            InputError: Names and weights do not fit.
        """
        each = np.asarray(weights, np.float64)
        if each.ndim != 3 or each.shape[1:] != (len(task_classes), 1 + len(model_classes)):
            raise InputError(
                f"attention of shape {each.shape} for {len(task_classes)} classes of the task and "
                f"{len(model_classes)} of the model: give (members, l, 1 + c)."
            )
        names = tuple(task_classes), tuple(model_classes)
        return cls(model, *names, each.mean(axis=0), each.std(axis=0))

    @property
    def matches(self) -> tuple[Match, ...]:
        """For each class of the task, where most of its attention goes."""
        found = []
        for name, row in zip(self.task_classes, self.weights, strict=True):
            place = int(row.argmax())
            own = self.model_classes[place - 1] if place else None
            found.append(Match(name, own, float(row[place])))
        return tuple(found)

    def summary(self) -> str:
        """One sentence for each class of the task."""
        lines = []
        for match in self.matches:
            share = f"{100 * match.weight:.0f} %"
            if match.model_class is None:
                lines.append(f"{match.task_class}: none of the model's classes ({share})")
            else:
                lines.append(f"{match.task_class}: {match.model_class} ({share})")
        return "\n".join(lines)

    def to_json(self, path: Path | None = None) -> str:
        """Return it as JSON and, if `path` is given, write it there atomically."""
        columns = (NONE_OF_THEM, *self.model_classes)
        content = {
            "format": FORMAT,
            "model": self.model,
            "task_classes": list(self.task_classes),
            "model_classes": list(self.model_classes),
            "columns": list(columns),
            "weights": self.weights.tolist(),
            "spread": self.spread.tolist(),
            "matches": [
                {
                    "task_class": match.task_class,
                    "model_class": match.model_class,
                    "weight": match.weight,
                }
                for match in self.matches
            ],
        }
        text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
        if path is not None:
            write_output(path, text.encode())
        return text

    def plot(self, path: Path) -> None:
        """Draw it; the suffix of `path`, .png, .svg or .pdf, is the format.

        Raises:
            InputError: For another suffix, or where the file cannot be written.
        """
        from synlearn.evaluation.explanation_figure import (  # noqa: PLC0415 - matplotlib
            draw_explanation,
        )

        draw_explanation(self, path)
