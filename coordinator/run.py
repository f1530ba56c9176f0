"""Algorithm 1 for isolated closures: what each step asks, and what becomes of the answers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.job import Job
from coordinator.pretraining import FeaturePretraining, check_length
from coordinator.progress import Progress
from coordinator.questions import Phase, Questions
from coordinator.state import State, state_tensors
from protocols.ids import ProviderId, QueryId
from protocols.queries import Answer, Query, SquaredError, TargetFeatures
from synlearn.mre.backbone import save_backbone
from synlearn.mre.isolated_model import IsolatedMRE
from synlearn.mre.learned_tasks import LearnedTasks
from synlearn.mre.model import MREModel, Provenance
from synlearn.mre.pretraining import HingeSum
from synlearn.mre.training import UpdatePlan
from synlearn.tasks import Sample, TaskEnvironment
from synlearn.validation.squared_error import SquaredErrorSums, combine

VALIDATION, TARGETS = 0, 1
"""Last number of the query ids within one round of learning."""


@dataclass(frozen=True, slots=True)
class LearningModels:
    """The models a job learns with.

    Attributes:
        digests: Of their files, all published to the providers.
        specifications: (models, p) float32.
        anchors: Which generator and anchor set are behind the specifications.
    """

    digests: tuple[str, ...]
    specifications: Tensor
    anchors: str


class Run:
    """One job under way; its methods are the lines of Algorithm 1, in that order.

    Args:
        job: What was asked for.
        providers: One isolated closure each: task i is that of provider i.
        models: What to learn with.
        state: Where the job stands; changed in place.
        questions: The way to the providers.
        blobs: Where files for the providers are published.
        folder: Where checkpoints go.
        progress: Told about every step.
    """

    def __init__(
        self,
        job: Job,
        providers: Sequence[ProviderId],
        models: LearningModels,
        state: State,
        *,
        questions: Questions,
        blobs: MemoryBlobs,
        folder: RunFolder,
        progress: Progress,
    ) -> None:
        self._job = job
        self._providers = sorted(providers)
        self._models = models
        self._state = state
        self._questions = questions
        self._blobs = blobs
        self._folder = folder
        self._progress = progress
        self._pretraining = FeaturePretraining(
            job.pretraining,
            self._providers,
            state,
            questions=questions,
            blobs=blobs,
            progress=progress,
        )
        self._environment = TaskEnvironment(len(self._providers), len(models.digests), job.seed)

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

    def sample_tasks_and_models(self) -> Sample:
        """Draw tasks and models; no provider is asked (line 8)."""
        settings = self._job.learning
        return self._environment.sample(
            self._state.learning_rounds, settings.tasks_per_round, settings.models_per_round
        )

    def validate(self, sample: Sample) -> None:
        """Ask for the sampled models' errors on the sampled tasks (line 9).

        Errors of a pair that was drawn before add up: its estimate gets better.
        """
        digests = tuple(self._models.digests[model] for model in sample.models)
        query = SquaredError(digests, self._job.learning.validation_rows)
        answers = self._ask_tasks(VALIDATION, sample, query)
        sums = np.stack([answer["sums"] for answer in answers])
        counts = np.array([answer["count"] for answer in answers], np.float64)
        self._state.gathered.add_validation(sample.tasks, sample.models, sums, counts)
        mean = combine(
            [SquaredErrorSums(s, int(c)) for s, c in zip(sums, counts, strict=True)]
        ).mean()
        self._progress.validation(self._state.learning_rounds, sums.size, float(mean))

    def generate_target_datasets(self, sample: Sample) -> None:
        """Ask for mean features of small samples of each task (line 10)."""
        settings = self._job.learning
        digest = self._blobs.publish(save_backbone(self._state.backbone))
        query = TargetFeatures(digest, settings.k, settings.draws)
        for task, answer in zip(sample.tasks, self._ask_tasks(TARGETS, sample, query), strict=True):
            means = answer["means"]
            width = self._job.pretraining.features
            check_length(self._providers[task], "means", means, width)
            self._state.gathered.add_features(int(task), means)

    def update_metric(self) -> None:
        """Minimise equation 2 on all that was gathered so far (line 11)."""
        settings, state = self._job.metric, self._state
        plan = UpdatePlan(
            updates=self._job.learning.updates_per_round,
            total_updates=self._job.learning.updates_per_round * self._job.learning.rounds,
            batch_tasks=settings.batch_tasks,
            batch_models=settings.batch_models,
            margin=settings.margin,
            pairs=settings.pairs,  # type: ignore[arg-type]  # one of the setting's choices
            learning_rate=settings.learning_rate,
        )
        random = np.random.default_rng([self._job.seed, 1, state.learning_rounds])
        loss = state.learner.update(state.gathered, self._models.specifications, plan, random)
        state.learning_rounds += 1
        self._progress.learning(state.learning_rounds, loss)

    def checkpoint(self) -> None:
        """Put the state on disk; only then let the providers forget their answers."""
        self._folder.save(state_tensors(self._state))
        state = self._state
        if state.learning_rounds:
            self._questions.acknowledge(Phase.LEARNING, state.learning_rounds - 1)
        else:
            self._questions.acknowledge(Phase.PRETRAINING, state.pretraining_rounds - 1)

    def result(self) -> MREModel:
        """Return what was learned."""
        gathered = self._state.gathered
        return IsolatedMRE(
            backbone=self._state.backbone,
            metric=self._state.learner.metric,
            learned=LearnedTasks(
                gathered.mean_features(), gathered.instance_variance(self._job.learning.k)
            ),
            provenance=Provenance(
                job=self._job.id,
                seed=self._job.seed,
                k=self._job.learning.k,
                tasks=len(self._providers),
                models=len(self._models.digests),
                anchors=self._models.anchors,
            ),
        )

    def _ask_tasks(self, part: int, sample: Sample, query: Query) -> list[Answer]:
        """Ask the sampled tasks' providers one question each; answers in the sample's order."""
        providers = [self._providers[task] for task in sample.tasks]
        query_id = QueryId(Phase.LEARNING, self._state.learning_rounds, part)
        answers = self._questions.ask(query_id, dict.fromkeys(providers, query))
        return [answers[provider] for provider in providers]
