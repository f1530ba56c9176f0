"""What can be fetched: files of the MRE model, cards and models of the zoo."""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from coordinator.service.kept_zoo import KeptZoo
from coordinator.service.problems import Code, Problem
from coordinator.service.wire import write_model
from protocols import mre_service_pb2 as pb
from synlearn.errors import InputError
from synlearn.fusion.accuracy_storage import INDEX as ACCURACY
from synlearn.fusion.storage import INDEX as FUSION
from synlearn.mre.classification_model import ClassificationMRE
from synlearn.mre.storage import BACKBONE, load_mre
from synlearn.mre.storage import INDEX as MRE
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import card_path

MOST_LISTED: Final = 500
"""Models of one page of the list."""
CLASSIFICATION: Final = "classification"
REGRESSION: Final = "regression"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The zoo, and the MRE model's files as they were when the service was started.

    Attributes:
        zoo: The zoo.
        files: Bytes of each file that may be fetched, by name.
        about: What the service tells of itself.
    """

    zoo: KeptZoo
    files: dict[str, bytes]
    about: pb.Description

    @classmethod
    def open(cls, mre: Path, zoo: Path, about: pb.Description) -> Self:
        """Read all that is served.

        Args:
            mre: Folder of the MRE model.
            zoo: Folder of the zoo.
            about: Limits and version; the rest is filled in.

        Raises:
            InputError: Something is missing or damaged.
        """
        model, models = load_mre(mre), KeptZoo.open(zoo)
        if not len(models):
            raise InputError(f"The zoo in {zoo} has no models; build or add some first.")
        files = {
            name: (mre / name).read_bytes()
            for name in (MRE, BACKBONE, FUSION, ACCURACY)
            if (mre / name).exists()
        }
        channels, height, width = models.card(models.ids[0]).input.shape
        classifies = isinstance(model, ClassificationMRE)
        filled = pb.Description(
            mre=model.digest,
            zoo=models.digest,
            kind=CLASSIFICATION if classifies else REGRESSION,
            models=len(models),
            input=pb.Shape(channels=channels, height=height, width=width),
            features=model.backbone.spec.features,
            files=[
                pb.ServedFile(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
                for name, data in files.items()
            ],
        )
        filled.MergeFrom(about)
        return cls(models, files, filled)

    def file(self, name: str) -> bytes:
        """A file of the MRE model.

        Raises:
            Problem: There is none of this name.
        """
        if name not in self.files:
            raise Problem(
                Code.NOT_FOUND,
                f"there is no file {name[:100]!r}; there are {', '.join(self.files)}.",
            )
        return self.files[name]

    def page(self, after: str, limit: int) -> pb.ModelPage:
        """Some of the models, in the order of their ids.

        Args:
            after: The last id that is known already; empty to begin.
            limit: At most so many; 0 for as many as a page has.

        Raises:
            Problem: The limit is none.
        """
        if not 0 <= limit <= MOST_LISTED:
            raise Problem(
                Code.INVALID, f"the limit is {limit}; give 1 to {MOST_LISTED}, or 0 for the most."
            )
        ids = self.zoo.ids
        begin = bisect_right(ids, after)
        own = ids[begin : begin + (limit or MOST_LISTED)]
        models = [write_model(self.zoo.card(model), self.zoo.entry(model)) for model in own]
        return pb.ModelPage(models=models, more=begin + len(own) < len(ids))

    def card(self, model: str) -> bytes:
        """A model's card as it lies in the zoo.

        Raises:
            Problem: There is no such model, or its card is damaged.
        """
        known = self._known(model)
        try:
            self.zoo.card(known)
            return card_path(self.zoo.root, known).read_bytes()
        except (InputError, OSError) as error:
            raise _damaged(known) from error

    def model(self, model: str) -> bytes:
        """A model's file.

        Raises:
            Problem: There is no such model, or its file is damaged.
        """
        known = self._known(model)
        try:
            return self.zoo.weights(known)
        except InputError as error:
            raise _damaged(known) from error

    def _known(self, model: str) -> ModelId:
        if model not in self.zoo:
            raise Problem(
                Code.NOT_FOUND,
                f"the zoo has no model {model[:100]!r}; the list of models names them all.",
            )
        return ModelId(model)


def _damaged(model: ModelId) -> Problem:
    return Problem(
        Code.BROKEN, f"model {model} is damaged in the zoo; tell the service's operator."
    )
