"""Algorithm 1 for grouped closures: what each step asks, and what becomes of the answers."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from coordinator.aggregation_events import AggregationFailed, MaskedSum
from coordinator.aggregation_question import Terms
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.class_validation import ClassValidation
from coordinator.company import company
from coordinator.drawing import environment_of, target_batches
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_state import GroupedState, grouped_state_tensors
from coordinator.holdings import Counts
from coordinator.metric_learning import update_learner
from coordinator.pretraining import FeaturePretraining
from coordinator.progress import Progress
from coordinator.questions import Phase, Questions
from coordinator.step_ids import StepIds
from coordinator.target_datasets import Batch
from protocols.errors import Code
from protocols.ids import MAX_PART, ProviderId, QueryId
from protocols.masked import MaskedQuery
from protocols.mquery import IDS
from synlearn.class_tasks import ClassEnvironment, ClassSample
from synlearn.mre.backbone import save_backbone
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.classification_metric import ClassificationMetric
from synlearn.mre.classification_model import ClassificationMRE, learned_classes
from synlearn.mre.levels import nearest_level
from synlearn.mre.model import Provenance
from synlearn.mre.pretraining import HingeSum
from synlearn.validation import nce
from synlearn.zoo.class_specification import Generator

_SYNTHETIC = 3
"""Keeps these draws apart from others of the seed; see `drawing`."""
_FIRST_MASKED = 2**24
"""Last number of the id of a round's first masked question; plain ones come before."""
_QUESTIONS = 8
"""Most questions for one batch, each of a few attempts: as often as a job may be resumed in it."""


class Masked(Protocol):
    """What a run needs of `coordinator.aggregation.Aggregations`."""

    def ask(
        self,
        query_id: QueryId,
        query: MaskedQuery,
        rows: Mapping[ProviderId, Sequence[int]],
        terms: Terms,
        *,
        again: Callable[[frozenset[ProviderId]], Mapping[ProviderId, Sequence[int]]],
    ) -> MaskedSum:
        """Ask for the sum of the parties' answers."""
        ...

    def acknowledge(self, up_to: QueryId) -> None:
        """Everything up to this id is in a checkpoint on disk."""
        ...


class Attendants(Protocol):
    """Who takes part; `coordinator.roll_call` knows."""

    def begin_round(self, state: GroupedState) -> None:
        """Fix the participants of the next round of learning, unless they are; on disk then."""
        ...

    def gone(self, among: Collection[ProviderId]) -> Mapping[ProviderId, str]:
        """Who of some providers will not come back, and why."""
        ...

    def caught_up(self, state: GroupedState) -> bool:
        """Whether there was a later roster, which all participants have taken now."""
        ...


@dataclass(frozen=True, slots=True)
class LearningClassifiers:
    """The models a job learns with.

    Attributes:
        digests: Of their files, all published to the providers.
        specifications: A vector for each class of each model.
        outputs: Largest number of classes.
        anchors: Which generator and anchor set are behind the specifications.
    """

    digests: tuple[str, ...]
    specifications: ClassSets
    outputs: int
    anchors: str


class GroupedRun:
    """One job under way; its methods are the lines of Algorithm 1, in that order.

    Args:
        job: What was asked for.
        models: What to learn with.
        state: Where the job stands; changed in place.
        questions: The way to single providers.
        masked: The way to sums over several.
        blobs: Where files for the providers are published.
        folder: Where checkpoints go.
        progress: Told about every step.
        attendants: Who takes part.

    Raises:
        InputError: The providers hold too few classes.
    """

    def __init__(
        self,
        job: GroupedJob,
        models: LearningClassifiers,
        state: GroupedState,
        *,
        questions: Questions,
        masked: Masked,
        blobs: MemoryBlobs,
        folder: RunFolder,
        progress: Progress,
        attendants: Attendants,
    ) -> None:
        self._job = job
        self._models = models
        self._state = state
        self._questions = questions
        self._masked = masked
        self._blobs = blobs
        self._folder = folder
        self._progress = progress
        self._attendants = attendants
        self._pretraining = FeaturePretraining(
            job.pretraining,
            state.participants,
            state,
            questions=questions,
            blobs=blobs,
            progress=progress,
        )
        self._environment()  # to find out now whether there can be one

    @property
    def pretraining_left(self) -> bool:
        """Whether lines 2 to 6 go on."""
        return self._pretraining.left

    @property
    def learning_left(self) -> bool:
        """Whether lines 7 to 12 go on."""
        return self._state.learning_rounds < self._job.learning.rounds

    def ask_for_pretraining(self) -> list[HingeSum]:
        """Ask every provider for its part of the decomposable objective (line 4)."""
        return self._pretraining.ask()

    def update_backbone(self, parts: Sequence[HingeSum]) -> None:
        """Take one step of Adam on the sum over providers (line 4)."""
        self._pretraining.update(parts)

    def sample_tasks_and_models(self) -> ClassSample:
        """Draw tasks of classes with enough holders, and models (line 8).

        Nobody is asked, but for those who enter with this round.
        """
        settings = self._job.learning
        self._attendants.begin_round(self._state)
        return self._environment().sample(
            self._state.learning_rounds, settings.tasks_per_round, settings.models_per_round
        )

    def validate(self, sample: ClassSample) -> None:
        """Ask how reusable the sampled models are for the sampled tasks (line 9)."""
        settings, answers = self._job.validation, self._state.answers
        participants, step = self._state.participants, self._state.learning_rounds
        validation = ClassValidation(
            settings,
            self._state.holdings,
            self._questions,
            StepIds(Phase.LEARNING, step, self._state.repeats),
            participants,
        )
        room, known = self._models.outputs, answers.outputs
        validation.outputs(known, sample.models, self._models.digests, room)
        digests = self._digests(sample.models)
        if settings.function == "few_shot_accuracy":
            seed = [self._job.seed, _SYNTHETIC, self._state.learning_rounds]
            score = validation.few_shot_scores(digests, sample.tasks, seed)
        elif settings.function == "head_accuracy":
            score = validation.head_scores(digests, sample.tasks)
        elif settings.function == "leep":
            soft = known.total(participants).soft[:, sample.models]
            score = validation.leep_scores(digests, sample.tasks, soft)
        else:
            hard = known.total(participants).hard[:, sample.models]
            score = nce.combine([hard.transpose(1, 0, 2)], sample.tasks)
        answers.add_tasks(sample.tasks, sample.models, score)
        self._progress.scored(step, score.size, float(score.mean()))

    def generate_target_datasets(self, sample: ClassSample) -> None:
        """Ask for sums of features of small samples of each task's classes, masked (line 10)."""
        state, step = self._state, self._state.learning_rounds
        pairs, asked = target_batches(self._job, state.holdings, sample.tasks, step)
        width = self._job.pretraining.features
        features = np.full((*pairs.classes.shape, width), np.nan)
        digest = self._blobs.publish(save_backbone(state.backbone))
        for number, batch in enumerate(asked):
            result = self._sum(number, batch, digest)
            features[batch.pairs] = batch.means(result.answer["sums"], result.rows)
        self._blobs.withdraw(digest)
        whole = np.flatnonzero(~np.isnan(features).any(axis=(1, 2)))
        first = len(state.answers.tasks) - len(sample.tasks)
        level = nearest_level(pairs.instances[whole], self._job.validation.levels)
        state.answers.add_target_datasets(first + pairs.task[whole], level, features[whole])
        self._progress.targets(step, len(whole), len(pairs))

    def update_metric(self) -> None:
        """Minimise equation 3 on all that was gathered so far (line 11)."""
        state = self._state
        loss = update_learner(
            self._job,
            state.learner,
            state.gathered(self._job.metric.attention_labels),
            self._models.specifications,
            state.learning_rounds,
        )
        state.learning_rounds += 1
        self._progress.learning(state.learning_rounds, loss.metric)

    def checkpoint(self) -> None:
        """Put the state on disk; only then let the providers forget their answers."""
        self._folder.save(grouped_state_tensors(self._state))
        state = self._state
        if state.learning_rounds:
            self._questions.acknowledge(Phase.LEARNING, state.learning_rounds - 1)
            self._masked.acknowledge(QueryId(Phase.LEARNING, state.learning_rounds - 1, MAX_PART))
        else:
            self._questions.acknowledge(Phase.PRETRAINING, state.pretraining_rounds - 1)

    def result(self) -> ClassificationMRE:
        """Return what was learned."""
        return mre_model(self._job, self._state, self._models, self._state.learner.metric.cpu())

    def _sum(self, number: int, batch: Batch, backbone: str) -> MaskedSum:
        """Ask for a batch of a round; once more where its attempts are spent, or the roster is old.

        An attempt is spent for good: it would be over the same rows and other survivors.
        """
        step = self._state.learning_rounds
        for again in range(_QUESTIONS - 1):
            try:
                return self._ask(masked_id(step, number, again), batch, backbone)
            except AggregationFailed as error:
                codes = {drop.code for drop in error.dropped.values()}
                behind = Code.MANIFEST_NOT_TRUSTED in codes  # another job brought a later roster
                if Code.ATTEMPT_SPENT not in codes and not (
                    behind and self._attendants.caught_up(self._state)
                ):
                    raise
        return self._ask(masked_id(step, number, _QUESTIONS - 1), batch, backbone)

    def _ask(self, query_id: QueryId, batch: Batch, backbone: str) -> MaskedSum:
        holdings, members = self._state.holdings, self._state.roll.members
        participants = self._state.participants
        here = frozenset(participants) - self._attendants.gone(participants).keys()

        def rows(present: frozenset[ProviderId]) -> Mapping[ProviderId, Sequence[int]]:
            asked = (holdings.providers[party] for party in batch.parties.tolist())
            return batch.rows(holdings, company(present.intersection(asked), members), members)

        return self._masked.ask(
            query_id,
            batch.query(backbone, self._job.pretraining.features, holdings),
            rows(here),
            Terms(bound=float(batch.instances.max())),  # features are of length 1
            again=rows,
        )

    def _environment(self) -> ClassEnvironment:
        """Of the round whose participants are fixed; classes need holders that count."""
        holdings, members = self._state.holdings, self._state.roll.members
        return environment_of(self._job, holdings.only(members), len(self._models.digests))

    def _digests(self, models: Counts) -> tuple[str, ...]:
        return tuple(self._models.digests[model] for model in models.tolist())


def masked_id(step: int, batch: int, again: int = 0) -> QueryId:
    """The id of a masked question: for a batch of a round, for the first time or once more."""
    return QueryId(Phase.LEARNING, step, _FIRST_MASKED + (batch * _QUESTIONS + again) * IDS)


def mre_model(
    job: GroupedJob,
    state: GroupedState,
    models: LearningClassifiers,
    metric: ClassificationMetric,
) -> ClassificationMRE:
    """Return the MRE model of a metric that learned from all of a job's answers."""
    return ClassificationMRE(
        backbone=state.backbone,
        metric=metric,
        learned=learned_classes(state.gathered(job.metric.attention_labels)),
        provenance=Provenance(
            job=job.id,
            seed=job.seed,
            k=job.learning.k_most,
            tasks=len(state.answers.tasks),
            models=len(models.digests),
            anchors=models.anchors,
        ),
        generator=Generator(job.metric.specification),
    )
