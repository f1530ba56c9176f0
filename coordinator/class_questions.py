"""Which questions about whole classes reusability validation needs, and of whom.

Nothing is asked here: a running job asks them, and an estimate counts them.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from coordinator.grouped_job import Validation
from coordinator.holdings import Counts, Holdings
from protocols.ids import ProviderId
from protocols.queries import (
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    packed_length,
)
from protocols.queries.spec import MAX_ENTRIES, MAX_MODELS, MAX_TASKS
from synlearn.errors import InputError
from synlearn.validation.head_accuracy import Heads

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TaskPart:
    """What one provider is asked about some tasks.

    Attributes:
        tasks: Positions of the tasks that have a class of its.
        classes: Positions of all their classes.
        local: (tasks, w) int32, the same tasks as indices into `classes`.
    """

    tasks: Counts
    classes: Counts
    local: npt.NDArray[np.int32]


def models_of_outputs(classes: int, outputs: int) -> int:
    """Models that one question about outputs has room for, of so many classes; at least 1."""
    return max(1, min(MAX_MODELS, MAX_ENTRIES // (classes * outputs)))


def models_of_statistics(settings: Validation, classes: int) -> int:
    """Models that one question about sums of products has room for, of so many classes.

    Raises:
        InputError: It has room for none.
    """
    most = MAX_ENTRIES // (classes * packed_length(settings.width))
    if most == 0:
        raise InputError(
            f"[validation] width is {settings.width}, too large for a provider of {classes} "
            "classes; lower it."
        )
    return min(most, settings.models_per_question)


def tasks_of_question(entries: int) -> int:
    """Tasks that one question has room for, where each brings so many numbers; at least 1."""
    return max(1, min(MAX_TASKS, MAX_ENTRIES // entries))


def parts_of(count: int, size: int) -> Iterator[slice]:
    """Cut `count` items into parts of `size`, the last of them smaller."""
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


class ClassQuestions:
    """Puts the questions, each to those alone who hold what it is about.

    Args:
        settings: The job's [validation].
        holdings: Who has which classes.
    """

    def __init__(self, settings: Validation, holdings: Holdings) -> None:
        self._settings = settings
        self._holdings = holdings
        self._widest = int((holdings.rows > 0).sum(axis=1).max())

    def output_parts(self, models: int, outputs: int) -> Iterator[slice]:
        """Parts of the models that one question about outputs has room for."""
        return parts_of(models, models_of_outputs(self._widest, outputs))

    def outputs(self, models: tuple[str, ...], outputs: int) -> dict[ProviderId, Query]:
        """What models, by digest, say about the rows of every class."""
        every = np.arange(len(self._holdings.classes))
        return self._of_holders(every, lambda held: ClassOutputs(models, held, outputs))

    def outputs_of(self, place: int, models: tuple[str, ...], outputs: int) -> Query:
        """The same, asked of one provider, by position, that holds any class."""
        held = self._holdings.held_by(place, np.arange(len(self._holdings.classes)))
        return ClassOutputs(models, self._names(held), outputs)

    def statistics_parts(self, models: int) -> Iterator[slice]:
        """Parts of the models that one question about sums of products has room for.

        Raises:
            InputError: One provider has too many classes for one question.
        """
        return parts_of(models, models_of_statistics(self._settings, self._widest))

    def statistics(
        self, models: tuple[str, ...], classes: Counts, *, halves: bool
    ) -> dict[ProviderId, Query]:
        """Sums over all rows of some classes, by position, or over half A of them."""
        width, unit_length = self._settings.width, self._settings.unit_length
        return self._of_holders(
            classes, lambda held: HeadStatistics(models, held, width, unit_length, halves)
        )

    def correct(self, models: tuple[str, ...], part: TaskPart, heads: Heads) -> Query:
        """Counts over half B of one provider's rows."""
        return HeadCorrect(
            models,
            self._names(part.classes),
            self._settings.unit_length,
            part.local,
            heads.weights[:, part.tasks],
            heads.biases[:, part.tasks],
        )

    def likelihood_parts(self, models: int) -> Iterator[slice]:
        """Parts of the models that are asked about together in LEEP's second pass."""
        return parts_of(models, self._settings.models_per_question)

    def likelihood(self, models: tuple[str, ...], part: TaskPart, tables: Float64) -> Query:
        """LEEP's second pass over one provider's rows."""
        return LeepLikelihood(models, self._names(part.classes), part.local, tables[:, part.tasks])

    def task_parts(self, tasks: Counts, entries: int) -> Iterator[dict[ProviderId, TaskPart]]:
        """Divide tasks into questions, for each provider those with a class that it holds.

        Each provider reads its rows once for each question, so it has as few as can be.

        Args:
            tasks: (t, w) positions of classes.
            entries: Numbers that a question has for each task.
        """
        size = tasks_of_question(entries)
        own = {
            provider: np.flatnonzero((rows[tasks] > 0).any(axis=1))
            for provider, rows in zip(self._holdings.providers, self._holdings.rows, strict=True)
        }
        for start in range(0, max(map(len, own.values())), size):
            found: dict[ProviderId, TaskPart] = {}
            for provider, all_of_it in own.items():
                chosen = all_of_it[start : start + size]
                if len(chosen):
                    classes, local = np.unique(tasks[chosen], return_inverse=True)
                    shaped = local.reshape(-1, tasks.shape[1]).astype(np.int32)
                    found[provider] = TaskPart(chosen, classes, shaped)
            yield found

    def _of_holders(
        self, classes: Counts, query: Callable[[tuple[str, ...]], Query]
    ) -> dict[ProviderId, Query]:
        """A question for each provider that holds any of the classes, about those."""
        return {
            self._holdings.providers[place]: query(
                self._names(self._holdings.held_by(place, classes))
            )
            for place in self._holdings.holders(classes).tolist()
        }

    def _names(self, classes: Counts) -> tuple[str, ...]:
        return tuple(self._holdings.classes[position] for position in classes.tolist())
