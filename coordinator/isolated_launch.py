"""A job of isolated closures, made ready: one dSprites domain for each provider."""

from typing import TYPE_CHECKING

import torch

from coordinator.algorithm import synergistic_learning
from coordinator.blobs import MemoryBlobs
from coordinator.enrolment import check_providers
from coordinator.job import Job
from coordinator.named_tensors import Tensors
from coordinator.room import Room
from coordinator.run import LearningModels, Run
from coordinator.state import initial_state, restore_state
from protocols.ids import ProviderId
from synlearn.datasets.dsprites import SPLIT_SEED
from synlearn.mre.storage import save_mre
from synlearn.tasks import split_domains
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import zoo_domains
from synlearn.zoo.specification import specifications_of

if TYPE_CHECKING:
    from coordinator.federation import Share


class IsolatedLaunch:
    """Opens the zoo and publishes its models.

    Args:
        job: What to run.
        blobs: Where files for the providers are published.

    Attributes:
        zoo_digest: Stands for the zoo's content.
        split_digest: None is named.
        shares: What each provider holds.
        min_parties_per_class: Nothing is summed.

    Raises:
        InputError: The zoo cannot be used for this job.
    """

    split_digest = ""
    min_parties_per_class = 2

    def __init__(self, job: Job, blobs: MemoryBlobs) -> None:
        zoo = Zoo.open(job.zoo)
        participants = learning_models(job, zoo)
        specifications = specifications_of(zoo)
        ids = list(participants.values())
        self.zoo_digest = zoo.digest
        self.shares: dict[ProviderId, Share] = {
            ProviderId(f"provider-{domain:03d}"): {"domain": domain, "split_seed": SPLIT_SEED}
            for domain in participants
        }
        self._job = job
        self._models = LearningModels(
            digests=tuple(blobs.publish(zoo.weights(model)) for model in ids),
            specifications=torch.from_numpy(specifications.select(ids).vectors),
            anchors=specifications.anchors,
        )
        length = self._models.specifications.shape[1]
        self._state = initial_state(job, len(self.shares), len(ids), length)
        self._fresh = True

    def restore(self, saved: Tensors | None) -> None:
        """Go on from a checkpoint, where there is one.

        Raises:
            InputError: It does not fit the job.
        """
        if saved is not None:
            restore_state(self._state, saved)
            self._fresh = False

    @property
    def rounds(self) -> tuple[int, int]:
        """Rounds of pre-training and of learning that are done."""
        return self._state.pretraining_rounds, self._state.learning_rounds

    def learn(self, room: Room) -> str:
        """Run Algorithm 1 and save the MRE model; return its digest.

        Raises:
            InputError: A provider cannot answer what is going to be asked.
            TooManyAbsent: Somebody is not there; each task is one provider's alone.
        """
        room.attendance.wait_for_all(list(self.shares))
        return save_mre(synergistic_learning(self._steps(room)), room.folder.model)

    def _steps(self, room: Room) -> Run:
        if self._fresh:  # else they were asked before, and have let their answers go
            check_providers(self._job, list(self.shares), room.questions)
        return Run(
            self._job,
            list(self.shares),
            self._models,
            self._state,
            questions=room.questions,
            blobs=room.blobs,
            folder=room.folder,
            progress=room.progress,
        )


def learning_models(job: Job, zoo: Zoo) -> dict[int, ModelId]:
    """Return the in-distribution domains of the job, and the model of each, by domain."""
    domains = zoo_domains(zoo)
    split = split_domains(len(domains), job.providers.count, job.providers.split_seed)
    chosen = [sorted(domains)[position] for position in split.in_distribution]
    return {domain: domains[domain] for domain in chosen}
