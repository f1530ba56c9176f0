"""Reusability validation of classifiers (Algorithm 1, line 9): what is asked, and in which order.

`class_outputs` is asked once for each provider and model, whatever the number of tasks. The
expected accuracy of few-shot heads needs one question more for each handful of models: sums over
all rows. The accuracy of re-trained heads needs two: sums over half of each provider's rows; then,
for up to 256 tasks at once, counts over the other half. LEEP needs one.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from coordinator.class_questions import ClassQuestions
from coordinator.grouped_job import Validation
from coordinator.holdings import Counts, Holdings
from coordinator.output_sums import Outputs, OutputSums
from coordinator.questions import Questions
from coordinator.step_ids import StepIds
from protocols.ids import ProviderId
from protocols.queries import Answer, Query, packed_length
from synlearn.validation import few_shot_accuracy, head_accuracy, leep

Float64 = npt.NDArray[np.float64]


class ClassValidation:
    """Asks the providers of a job; each only about what it holds.

    Args:
        settings: The job's [validation].
        holdings: Who has which classes.
        questions: The way to the providers.
        ids: Of the questions to come.
        asked_of: Who of them is asked; None for all. Questions are put as if all were.
    """

    def __init__(
        self,
        settings: Validation,
        holdings: Holdings,
        questions: Questions,
        ids: StepIds,
        asked_of: Collection[ProviderId] | None = None,
    ) -> None:
        self._settings = settings
        self._holdings = holdings
        self._questions = questions
        self._ids = ids
        self._asked = ClassQuestions(settings, holdings)
        self._asked_of = frozenset(holdings.providers if asked_of is None else asked_of)

    def outputs(self, sums: OutputSums, models: Counts, digests: Sequence[str], room: int) -> None:
        """Ask what models say about the rows of every class; nobody is asked of a model twice.

        Args:
            sums: What is known; the answers are put in.
            models: Positions of the models.
            digests: Of all models, by position.
            room: For outputs of one model.
        """
        providers, every = self._holdings.providers, np.arange(len(self._holdings.classes))
        held = [self._holdings.held_by(place, every) for place in range(len(providers))]
        lacking = [
            sums.unknown(name, own, models) for name, own in zip(providers, held, strict=True)
        ]
        for part in self._asked.output_parts(max(map(len, lacking)), room):
            asked = {
                providers[place]: self._asked.outputs_of(
                    place, tuple(digests[model] for model in own[part]), room
                )
                for place, own in enumerate(lacking)
                if len(own[part]) and len(held[place])
            }
            for place, answer in self._ask(asked):
                soft, hard = (answer[name].transpose(1, 0, 2) for name in ("sums", "hard"))
                own = lacking[place][part]
                sums.add(providers[place], held[place], own, Outputs(soft, hard))

    def few_shot_scores(self, models: Sequence[str], tasks: Counts, seed: Sequence[int]) -> Float64:
        """Expected accuracy of few-shot heads, (levels, t, m); higher is better.

        Args:
            models: Digests.
            tasks: (t, w) positions of classes.
            seed: Of the synthetic rows, the same for all models.

        Raises:
            InputError: One provider has too many classes for one question.
        """
        settings = self._settings
        found = np.empty((len(settings.examples), len(tasks), len(models)))
        classes = np.unique(tasks)
        for part in self._asked.statistics_parts(len(models)):
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
            InputError: Nobody else has rows of a task's class; or as `few_shot_scores`.
        """
        settings = self._settings
        found = np.empty((len(settings.examples), len(tasks), len(models)))
        classes = np.unique(tasks)
        local = np.arange(tasks.shape[1])[None]
        for part in self._asked.statistics_parts(len(models)):
            own = tuple(models[part])
            answers = dict(self._ask(self._asked.statistics(own, classes, halves=False)))
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

        Raises:
            InputError: As `few_shot_scores`.
        """
        found = np.empty((len(tasks), len(models)))
        for part in self._asked.statistics_parts(len(models)):
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
            soft: (k, m, z), the sums of these models' output probabilities.
        """
        found = np.empty((len(tasks), len(models)))
        for part in self._asked.likelihood_parts(len(models)):
            own = tuple(models[part])
            tables = leep.conditional_tables([soft[:, part].transpose(1, 0, 2)], tasks)
            sums, rows = np.zeros(tables.shape[:3]), np.zeros_like(self._holdings.rows)
            for parts in self._asked.task_parts(tasks, tables[:, 0].size):
                asked = {
                    provider: self._asked.likelihood(own, about, tables)
                    for provider, about in parts.items()
                }
                for place, answer in self._ask(asked, of_answers=True):
                    about = parts[self._holdings.providers[place]]
                    sums[:, about.tasks] += answer["sums"]
                    rows[place, about.classes] = answer["rows"]
            pooled = leep.LogLikelihoods(sums, rows.sum(axis=0))
            found[:, part] = leep.combine([pooled], tasks)
        return found

    def _statistics(
        self, models: tuple[str, ...], classes: Counts, *, halves: bool
    ) -> head_accuracy.FeatureSums:
        """Sums over all rows of some classes, or half A of them, over all providers."""
        asked = self._asked.statistics(models, classes, halves=halves)
        return self._summed(len(models), classes, dict(self._ask(asked)))

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
        for parts in self._asked.task_parts(tasks, heads.weights[:, 0].size):
            asked = {
                provider: self._asked.correct(models, about, heads)
                for provider, about in parts.items()
            }
            for place, answer in self._ask(asked, of_answers=True):
                about = parts[self._holdings.providers[place]]
                correct[:, about.tasks] += answer["correct"]
                rows[place, about.classes] = answer["rows"]
        return head_accuracy.CorrectCounts(correct, rows.sum(axis=0))

    def _ask(
        self, asked: Mapping[ProviderId, Query], *, of_answers: bool = False
    ) -> Iterator[tuple[int, Answer]]:
        """Ask; give each answer with its provider's position, rising.

        Args:
            asked: The questions, as they would be put to all.
            of_answers: Whether they are made from answers.
        """
        query_id = self._ids.of_answers() if of_answers else next(self._ids)
        place = {provider: number for number, provider in enumerate(self._holdings.providers)}
        own = {provider: query for provider, query in asked.items() if provider in self._asked_of}
        for provider, answer in self._questions.ask(query_id, own).items():
            yield place[provider], answer
