"""A job of grouped closures, made ready: each provider holds its share of a pool of images."""

from collections.abc import Callable, Collection
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from coordinator.algorithm import synergistic_learning
from coordinator.blobs import MemoryBlobs
from coordinator.checkpoint import RunFolder
from coordinator.fusing import Fitted, fit_from_evidence
from coordinator.fusion_evidence import (
    EvidenceSources,
    ask_for_evidence,
    evidence_of,
    evidence_tensors,
)
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_run import GroupedRun, LearningClassifiers, mre_model
from coordinator.grouped_state import (
    GroupedState,
    Sizes,
    restore_grouped_state,
)
from coordinator.metric_learning import learn_anew
from coordinator.named_tensors import Tensors
from coordinator.questions import Phase
from coordinator.roll_call import RollCall
from coordinator.room import Room
from coordinator.session_questions import ProvidersGone, QueryRefused
from protocols.errors import Code
from protocols.ids import Digest, ProviderId
from synlearn.datasets.mixed_split import read_split
from synlearn.errors import InputError
from synlearn.mre.class_sets import ClassSets
from synlearn.mre.storage import save_mre
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.class_specification import Generator, class_specifications_of
from synlearn.zoo.shown_shape import shown_shape

if TYPE_CHECKING:
    from coordinator.federation import Share

Done = TypeVar("Done")


class GroupedLaunch:
    """Opens the zoo and the manifest, and publishes the models.

    Args:
        job: What to run.
        blobs: Where files for the providers are published.
        sites: Who takes part, where their own data are; None for an embedded federation.

    Attributes:
        zoo_digest: Stands for the zoo's content.
        split_digest: Stands for the manifest, and so for what embedded providers hold.
        shares: What each embedded provider holds; of sites, only their names are known.
        digests: Of the models to learn with.
        min_parties_per_class: The nodes' floor; 1 where the job draws target datasets below it.

    Raises:
        InputError: The zoo, the manifest or the pool cannot be used for this job.
    """

    def __init__(
        self, job: GroupedJob, blobs: MemoryBlobs, sites: Collection[ProviderId] | None = None
    ) -> None:
        zoo = Zoo.open(job.zoo)
        self.split_digest, self.shares = (
            _embedded_shares(job) if sites is None else ("", {name: {} for name in sites})
        )
        ids = chosen_models(zoo, job.learning.models)
        specifications = class_specifications_of(zoo).select(ids)
        generator = Generator(job.metric.specification)
        vectors = specifications.vectors(generator)
        self.zoo_digest = zoo.digest
        self.min_parties_per_class = 1 if job.below_floor else job.providers.min_parties_per_class
        self._job = job
        self._shape = input_shape(zoo, ids)
        self._models = LearningClassifiers(
            digests=tuple(blobs.publish(zoo.weights(model)) for model in ids),
            specifications=ClassSets.of(vectors),
            outputs=max(map(len, vectors)),
            anchors=specifications.source(generator),
        )
        self._sizes = Sizes(
            channels=self._shape[0],
            models=len(ids),
            outputs=self._models.outputs,
            specification=specifications.blocks(generator),
        )
        self._state: GroupedState | None = None

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Of the models' files."""
        return tuple(map(Digest, self._models.digests))

    @property
    def channels(self) -> int:
        """Of the images that the models take."""
        return self._shape[0]

    def restore(self, saved: Tensors | None) -> None:
        """Go on from a checkpoint, where there is one.

        Raises:
            InputError: It does not fit the job.
        """
        if saved is not None:
            self._state = restore_grouped_state(self._job, self._sizes, saved)

    @property
    def rounds(self) -> tuple[int, int]:
        """Rounds of pre-training and of learning that are done."""
        if self._state is None:
            return 0, 0
        return self._state.pretraining_rounds, self._state.learning_rounds

    def learn(self, room: Room) -> str:
        """Run Algorithm 1, save the MRE model, and fit its fusion; return the model's digest.

        Raises:
            InputError: The providers cannot answer what is going to be asked.
            TooManyAbsent: The job cannot go on without those who are gone.
        """
        calls = RollCall(self._job, self._shape, self._sizes, room)
        self._state = calls.open(self._state)
        self._warn(room)
        model = self._going_on(
            lambda: synergistic_learning(self._steps(room, calls)), calls, room.folder
        )
        digest = save_mre(model, room.folder.model)
        if self._job.fusion.folds:
            self._going_on(lambda: self._fuse(room), calls, room.folder)
        return digest

    def _going_on(self, work: Callable[[], Done], calls: RollCall, folder: RunFolder) -> Done:
        """Work; each time that somebody leaves, do as a process does that is started again.

        Args:
            work: Goes on from the state.
            calls: Decides who takes part then.
            folder: Where the state is.
        """
        while True:
            assert self._state is not None  # noqa: S101  # the roll is open
            try:
                calls.brief(self._state)
                return work()
            except ProvidersGone as gone:
                self.restore(folder.load())
                calls.without(self._state, gone.why)
            except QueryRefused as refused:  # a later roster has come by way of another job
                if refused.code is not Code.MANIFEST_NOT_TRUSTED or not calls.behind:
                    raise
                self.restore(folder.load())

    def _fuse(self, room: Room) -> None:
        """Gather evidence, unless an earlier run has, and fit the fusion on it."""
        job, state = self._job, self._state
        assert state is not None  # noqa: S101  # learning is done
        saved = room.folder.load_evidence()
        if saved is None:
            sources = EvidenceSources(room.questions, room.blobs, self._models.digests)
            saved = evidence_tensors(ask_for_evidence(job, state, sources))
            room.folder.save_evidence(saved)
            room.questions.acknowledge(Phase.EVIDENCE, 1)
        fitted = self._fitted(state, saved, job.seed)
        fitted.save(room.folder.model)
        room.progress.fused(fitted.fusion)

    def relearn(self, folder: RunFolder, seed: int, out: Path) -> str:
        """Learn the metric and its fusion anew from what a run has gathered; nobody is asked.

        Args:
            folder: Of the finished run.
            seed: Of first weights, minibatches and folds.
            out: Folder of the MRE model.

        Returns:
            The model's digest.

        Raises:
            InputError: The run has not come to its end.
        """
        self.restore(folder.load())
        job, state, saved = self._job, self._state, folder.load_evidence()
        if state is None or state.learning_rounds < job.learning.rounds:
            raise InputError(f"the run in {folder.path} is not finished; go on with --resume.")
        if job.fusion.folds and saved is None:
            raise InputError(f"the run in {folder.path} has no evidence yet; go on with --resume.")
        metric = learn_anew(
            job,
            state.gathered(job.metric.attention_labels),
            self._models.specifications,
            self._sizes.specification,
            (seed,),
        )
        learned = mre_model(job, state, self._models, metric)
        digest = save_mre(replace(learned, provenance=replace(learned.provenance, seed=seed)), out)
        if saved is not None:
            self._fitted(state, saved, seed).save(out)
        return digest

    def _fitted(self, state: GroupedState, evidence: Tensors, seed: int) -> Fitted:
        return fit_from_evidence(
            self._job,
            state.gathered(self._job.metric.attention_labels),
            evidence_of(evidence),
            specifications=self._models.specifications,
            kinds=self._sizes.specification,
            seed=seed,
        )

    def _warn(self, room: Room) -> None:
        """Tell the operator how little a sum may hide."""
        if self._job.below_floor:
            room.progress.warn(
                f"K from {self._job.learning.k_least} lies below the floor of "
                f"{self._job.providers.min_parties_per_class} parties for each class of a sum: "
                "such a sum may be one provider's own. The nodes' profile, open, allows it."
            )

    def _steps(self, room: Room, calls: RollCall) -> GroupedRun:
        assert self._state is not None  # noqa: S101  # the roll is open
        return GroupedRun(
            self._job,
            self._models,
            self._state,
            questions=room.questions,
            masked=room.masked,
            blobs=room.blobs,
            folder=room.folder,
            progress=room.progress,
            attendants=calls,
        )


def _embedded_shares(job: GroupedJob) -> tuple[str, "dict[ProviderId, Share]"]:
    """Digest of the manifest, and what each provider of it holds of the pool.

    Raises:
        InputError: The manifest or the pool is not there.
    """
    pool, path = job.providers.places
    split = read_split(path)
    if not pool.is_file():
        raise InputError(f"{pool} is not there; `synlearn zoo build mixed` makes the pool.")
    return split.digest, {
        ProviderId(f"provider-{number:03d}"): {
            "pool": str(pool.resolve()),
            "split": str(path.resolve()),
            "number": number,
        }
        for number in range(len(split.providers))
    }


def chosen_models(zoo: Zoo, pattern: str) -> list[ModelId]:
    """Return the zoo's models whose ids fit a pattern, in the order of a job's answers.

    Raises:
        InputError: They are fewer than two.
    """
    ids = [model for model in zoo if fnmatchcase(model, pattern)]
    if len(ids) < 2:
        raise InputError(
            f"[learning] models is {pattern!r}, which fits {len(ids)} models of the zoo "
            f"{zoo.root}; at least 2 are needed to learn from."
        )
    return ids


def input_shape(zoo: Zoo, ids: list[ModelId]) -> tuple[int, int, int]:
    """What all models take."""
    return shown_shape([zoo.card(model) for model in ids])
