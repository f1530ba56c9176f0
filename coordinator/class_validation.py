"""Reusability validation of classifiers (Algorithm 1, line 9): what is asked, and in which order.

`class_outputs` is asked once for each provider and model, whatever the number of tasks. The
expected accuracy of few-shot heads needs one question more for each handful of models: sums over
all rows. The accuracy of re-trained heads needs two: sums over half of each provider's rows; then,
for up to 256 tasks at once, counts over the other half. LEEP needs one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from coordinator.grouped_job import Validation
from coordinator.holdings import Counts, Holdings
from coordinator.questions import Questions
from protocols.ids import ProviderId, QueryId
from protocols.queries import (
    Answer,
    ClassOutputs,
    HeadCorrect,
    HeadStatistics,
    LeepLikelihood,
    Query,
    packed_length,
)
from protocols.queries.spec import MAX_ENTRIES, MAX_TASKS
from synlearn.errors import InputError
from synlearn.validation import few_shot_accuracy, head_accuracy, leep

Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Outputs:
    """What m models say about the rows of all k classes, summed over the providers.

    Attributes:
        soft: (k, m, z) float64 sums of probabilities.
        hard: (k, m, z) int64 counts of predictions.
    """

    soft: Float64
    hard: Counts


@dataclass(frozen=True, slots=True)
class _Part:
    """What one provider is asked about some tasks.

    Attributes:
        tasks: Positions of the tasks that have a class of its.
        classes: Positions of all their classes.
        local: (tasks, w) int32, the same tasks as indices into `classes`.
    """

    tasks: Counts
    classes: Counts
    local: npt.NDArray[np.int32]


class ClassValidation:
    """Asks the providers of a job; each only about what it holds.

    Args:
        settings: The job's [validation].
        holdings: Who has which classes.
        questions: The way to the providers.
        ids: Of the questions to come, rising.

    Raises:
        InputError: One provider has too many classes for one question.
    """

    def __init__(
        self,
        settings: Validation,
        holdings: Holdings,
        questions: Questions,
        ids: Iterator[QueryId],
    ) -> None:
        self._settings = settings
        self._holdings = holdings
        self._questions = questions
        self._ids = ids
        self._widest = int((holdings.rows > 0).sum(axis=1).max())

    def outputs(self, models: Sequence[str], outputs: int) -> Outputs:
        """What models say about the rows of every class.

        Args:
            models: Digests.
            outputs: Room for outputs.
        """
        shape = (len(self._holdings.classes), len(models), outputs)
        found = Outputs(np.zeros(shape), np.zeros(shape, np.int64))
        every = np.arange(shape[0])
        for part in _chunks(len(models), MAX_ENTRIES // (self._widest * outputs)):
            own = tuple(models[part])
            asked = self._of_holders(every, partial(ClassOutputs, own, outputs=outputs))
            for place, answer in self._ask(asked):
                held = self._holdings.held_by(place, every)
                found.soft[held, part] += answer["sums"].transpose(1, 0, 2)
                found.hard[held, part] += answer["hard"].transpose(1, 0, 2)
        return found

    def few_shot_scores(self, models: Sequence[str], tasks: Counts, seed: Sequence[int]) -> Float64:
        """Expected accuracy of few-shot heads, (levels, t, m); higher is better.

        Args:
            models: Digests.
            tasks: (t, w) positions of classes.
            seed: Of the synthetic rows, the same for all models.
        """
        settings = self._settings
        found = np.empty((len(settings.examples), len(tasks), len(models)))
        classes = np.unique(tasks)
        for part in self._handfuls(models):
            sums = self._statistics(tuple(models[part]), classes, halves=False)
            found[:, :, part] = few_shot_accuracy.combine(
                [sums],
                tasks,
                settings.examples,
                draws=settings.draws,
                random=np.random.default_rng(seed),
            )
        return found

    def scores_by_others(
        self,
        models: Sequence[str],
        tasks: Counts,
        owners: Sequence[int],
        seed: Sequence[int],
    ) -> Float64:
        """As `few_shot_scores`, each task by the rows of all providers but its owner.

        Args:
            models: Digests.
            tasks: (t, w) positions of classes.
            owners: (t,) positions of providers.
            seed: Of the synthetic rows.

        Raises:
            InputError: Nobody else has rows of a task's class.
        """
        settings = self._settings
        found = np.empty((len(settings.examples), len(tasks), len(models)))
        classes = np.unique(tasks)
        local = np.arange(tasks.shape[1])[None]
        for part in self._handfuls(models):
            own = tuple(models[part])
            answers = dict(self._ask(self._statistics_of(own, classes, halves=False)))
            total = self._summed(len(own), classes, answers)
            for number, (task, owner) in enumerate(zip(tasks, owners, strict=True)):
                its = np.searchsorted(self._holdings.held_by(owner, classes), task)
                others = head_accuracy.FeatureSums(
                    total.sums[:, task] - answers[owner]["sums"][:, its],
                    total.products[:, task] - answers[owner]["products"][:, its],
                    total.rows[task] - answers[owner]["rows"][its],
                )
                scores = few_shot_accuracy.combine(
                    [others],
                    local,
                    settings.examples,
                    draws=settings.draws,
                    random=np.random.default_rng([*seed, number]),
                )
                found[:, number, part] = scores[:, 0]
        return found

    def head_scores(self, models: Sequence[str], tasks: Counts) -> Float64:
        """Accuracy of the models' re-trained heads on each task, (t, m); higher is better.

        Args:
            models: Digests.
            tasks: (t, w) positions of classes.
        """
        found = np.empty((len(tasks), len(models)))
        for part in self._handfuls(models):
            own = tuple(models[part])
            sums = self._statistics(own, np.unique(tasks), halves=True)
            heads = head_accuracy.solve_heads([sums], tasks)
            correct = self._correct(own, tasks, heads.rounded())
            found[:, part] = head_accuracy.combine([correct], tasks)
        return found

    def leep_scores(self, models: Sequence[str], tasks: Counts, soft: Float64) -> Float64:
        """LEEP of the models on each task, (t, m); higher is better.

        Args:
            models: Digests.
            tasks: (t, w) positions of classes.
            soft: (k, m, z), from `outputs`.
        """
        found = np.empty((len(tasks), len(models)))
        for part in _chunks(len(models), self._settings.models_per_question):
            own = tuple(models[part])
            tables = leep.conditional_tables([soft[:, part].transpose(1, 0, 2)], tasks)
            sums, rows = np.zeros(tables.shape[:3]), np.zeros_like(self._holdings.rows)
            for parts in self._parts(tasks, tables[:, 0].size):
                asked: dict[ProviderId, Query] = {
                    provider: LeepLikelihood(
                        own, self._names(about.classes), about.local, tables[:, about.tasks]
                    )
                    for provider, about in parts.items()
                }
                for place, answer in self._ask(asked):
                    about = parts[self._holdings.providers[place]]
                    sums[:, about.tasks] += answer["sums"]
                    rows[place, about.classes] = answer["rows"]
            pooled = leep.LogLikelihoods(sums, rows.sum(axis=0))
            found[:, part] = leep.combine([pooled], tasks)
        return found

    def _handfuls(self, models: Sequence[str]) -> Iterator[slice]:
        """Parts of the models that one question about sums of products has room for."""
        most = MAX_ENTRIES // (self._widest * packed_length(self._settings.width))
        if most == 0:
            raise InputError(
                f"[validation] width is {self._settings.width}, too large for a provider of "
                f"{self._widest} classes; lower it."
            )
        return _chunks(len(models), min(most, self._settings.models_per_question))

    def _statistics(
        self, models: tuple[str, ...], classes: Counts, *, halves: bool
    ) -> head_accuracy.FeatureSums:
        """Sums over all rows of some classes, or half A of them, over all providers."""
        asked = self._statistics_of(models, classes, halves=halves)
        return self._summed(len(models), classes, dict(self._ask(asked)))

    def _statistics_of(
        self, models: tuple[str, ...], classes: Counts, *, halves: bool
    ) -> dict[ProviderId, Query]:
        settings = self._settings
        return self._of_holders(
            classes,
            lambda held: HeadStatistics(models, held, settings.width, settings.unit_length, halves),
        )

    def _summed(
        self, models: int, classes: Counts, answers: Mapping[int, Answer]
    ) -> head_accuracy.FeatureSums:
        """Add up what some providers, by position, answered about these classes."""
        width = self._settings.width
        sides = (models, len(self._holdings.classes))
        found = head_accuracy.FeatureSums(
            np.zeros((*sides, width)),
            np.zeros((*sides, packed_length(width))),
            np.zeros(sides[1], np.int64),
        )
        for place, answer in answers.items():
            held = self._holdings.held_by(place, classes)
            found.sums[:, held] += answer["sums"]
            found.products[:, held] += answer["products"]
            found.rows[held] += answer["rows"]
        return found

    def _correct(
        self, models: tuple[str, ...], tasks: Counts, heads: head_accuracy.Heads
    ) -> head_accuracy.CorrectCounts:
        """Counts over half B of the rows, over all providers."""
        correct = np.zeros((len(models), *tasks.shape), np.int64)
        rows = np.zeros_like(self._holdings.rows)
        for parts in self._parts(tasks, heads.weights[:, 0].size):
            asked: dict[ProviderId, Query] = {
                provider: HeadCorrect(
                    models,
                    self._names(about.classes),
                    self._settings.unit_length,
                    about.local,
                    heads.weights[:, about.tasks],
                    heads.biases[:, about.tasks],
                )
                for provider, about in parts.items()
            }
            for place, answer in self._ask(asked):
                about = parts[self._holdings.providers[place]]
                correct[:, about.tasks] += answer["correct"]
                rows[place, about.classes] = answer["rows"]
        return head_accuracy.CorrectCounts(correct, rows.sum(axis=0))

    def _ask(self, asked: dict[ProviderId, Query]) -> Iterator[tuple[int, Answer]]:
        """Ask; give each answer with its provider's position, rising."""
        place = {provider: number for number, provider in enumerate(self._holdings.providers)}
        for provider, answer in self._questions.ask(next(self._ids), asked).items():
            yield place[provider], answer

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

    def _parts(self, tasks: Counts, entries: int) -> Iterator[dict[ProviderId, _Part]]:
        """Divide tasks into questions, for each provider those with a class that it holds.

        Each provider reads its rows once for each question, so it has as few as can be.

        Args:
            tasks: (t, w).
            entries: Numbers that a question has for each task.
        """
        size = max(1, min(MAX_TASKS, MAX_ENTRIES // entries))
        own = {
            provider: np.flatnonzero((rows[tasks] > 0).any(axis=1))
            for provider, rows in zip(self._holdings.providers, self._holdings.rows, strict=True)
        }
        for start in range(0, max(map(len, own.values())), size):
            found: dict[ProviderId, _Part] = {}
            for provider, all_of_it in own.items():
                chosen = all_of_it[start : start + size]
                if len(chosen):
                    classes, local = np.unique(tasks[chosen], return_inverse=True)
                    shaped = local.reshape(-1, tasks.shape[1]).astype(np.int32)
                    found[provider] = _Part(chosen, classes, shaped)
            yield found

    def _names(self, classes: Counts) -> tuple[str, ...]:
        return tuple(self._holdings.classes[position] for position in classes.tolist())


def _chunks(count: int, size: int) -> Iterator[slice]:
    size = max(1, size)
    return (slice(start, min(start + size, count)) for start in range(0, count, size))
