"""Models of a service's zoo that were fetched to be run here."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synlearn.client.road import ServedModel, ServiceError
from synlearn.zoo.card import ModelId, check_model_id
from synlearn.zoo.catalog import Zoo, ZooEntry, finished_model


@dataclass(frozen=True, slots=True)
class FetchedModels:
    """Keeps models of one zoo on disk, as that zoo does.

    Attributes:
        folder: Where.
        digest: That stands for the zoo.
        listed: All models of the zoo.
        fetch: Writes one into the folder.
    """

    folder: Path
    digest: str
    listed: Callable[[], Iterable[ServedModel]]
    fetch: Callable[[ServedModel, Path], Path]
    _known: dict[str, ServedModel] = field(default_factory=dict, repr=False)

    def zoo(self, models: Sequence[str]) -> Zoo:
        """A zoo of these models alone; those that are not there yet are fetched.

        Raises:
            ServiceError: One is not on the list, or cannot be fetched.
            InputError: The folder cannot be written.
        """
        if not self._known:
            self._known.update((own.id, own) for own in self.listed())
        entries: dict[ModelId, ZooEntry] = {}
        for model in models:
            served = self._known.get(model)
            if served is None:
                raise ServiceError(f"the service ranks a model {model!r} that it does not list.")
            name = check_model_id(model, "the service")
            entries[name] = ZooEntry(served.sha256, served.card_sha256)
            there = finished_model(self.folder, name)
            if there is None or there[1] != entries[name]:
                self.fetch(served, self.folder)
        return Zoo(self.folder, entries, self.digest)
