"""`synlearn.Client`: rankings by a service, for which no image leaves this machine."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from numpy.typing import ArrayLike

from synlearn.atomic import write_atomically
from synlearn.client.fetched_models import FetchedModels
from synlearn.client.road import About, Question, Road, ServedModel, ServiceError
from synlearn.client.served_backbone import ServedBackbone
from synlearn.errors import InputError
from synlearn.explanation import Explanation
from synlearn.fusion.zoo_evidence import ModelEvidence, run_models
from synlearn.mre.task_means import TaskMeans
from synlearn.ranking import Ranking
from synlearn.zoo.card import ModelCard, ModelId, check_model_id
from synlearn.zoo.catalog import card_path, model_path
from synlearn.zoo.filters import ModelFilter
from synlearn.zoo.formats.any_format import format_of

MOST_FILE_BYTES: Final = 2**31
"""Of a file of the MRE model; a service that names a larger one is not believed."""
_TLS = {"http": False, "https": True, "grpc": False, "grpcs": True}
_KEY: Final = "SYNLEARN_KEY"


class Client:
    """Asks a service for rankings.

    The features are computed here, by the backbone that the service serves; what is sent is the
    mean of each class and how many examples are behind it. Names of classes stay here, too.

    Args:
        address: https://host:port or grpcs://host:port; http:// and grpc:// are not encrypted, and
            are for this machine, or for a network that nobody else is in.
        key: API key; the variable SYNLEARN_KEY where None.
        authorities: PEM file of the authorities to trust; the system's where None.
        cache: Folder for what was fetched; one of the user's where None.
        seconds: For an answer.

    Raises:
        InputError: The address is none, or the file cannot be read.
    """

    def __init__(
        self,
        address: str,
        *,
        key: str | None = None,
        authorities: Path | None = None,
        cache: Path | None = None,
        seconds: float = 30.0,
    ) -> None:
        self._road = _road(
            address, os.environ.get(_KEY, "") if key is None else key, authorities, seconds
        )
        self._cache = cache or _user_cache()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._road.close()

    @cached_property
    def about(self) -> About:
        """What is served, as it was when it was first asked for.

        Raises:
            ServiceError: The service does not answer.
        """
        return self._road.about()

    def models(self) -> Iterator[ServedModel]:
        """All models of the zoo, in the order of their ids.

        Raises:
            ServiceError: The service does not answer.
        """
        after, more = "", True
        while more:
            found, more = self._road.models(after)
            yield from found
            if more and (not found or found[-1].id <= after):
                raise ServiceError("the service's list of models has no end; ask its operator.")
            after = found[-1].id if found else ""

    def task_means(self, images: ArrayLike, labels: ArrayLike | None) -> TaskMeans:
        """What would be sent for these examples, computed here.

        Args:
            images: (n, channels, h, w) in [0, 1], n >= 1.
            labels: (n,) class of each example, a name or a number; None for regression.

        Raises:
            InputError: The examples do not fit.
            ServiceError: The backbone cannot be fetched.
        """
        return self._backbone.task_means(images, labels)

    def rank(
        self,
        images: ArrayLike,
        labels: ArrayLike | None,
        *,
        where: ModelFilter | None = None,
        evidence: int = 0,
    ) -> Ranking:
        """Rank the service's zoo: what `Ranker.rank` gives with the same MRE model and zoo.

        Args:
            images: As for `task_means`.
            labels: As for `task_means`.
            where: Conditions that models have to meet; latency is nothing that a service knows.
            evidence: How many of the first models are fetched, run here on the examples and ranked
                by both; 0: none, the metric alone ranks. What is sent besides are their scores, and
                how alike they see the examples.

        Raises:
            InputError: The examples do not fit, `evidence` is below 0, a model cannot be run, or
                `where` asks for a latency.
            ScoreInputError: A model's outputs cannot be scored.
            ServiceError: The service does not answer, or refuses to.
        """
        if evidence < 0:
            raise InputError(f"evidence is {evidence}: give a number from 0.")
        task = self.task_means(images, labels)
        ranking = self.rank_means(task, where=where)
        if not evidence or labels is None or not self._backbone.classifies:
            return ranking
        chosen = tuple(row.model for row in ranking.rows[:evidence])
        seen = run_models(images, labels, self._models.zoo(chosen), chosen)
        return self.rank_means(task, where=where, evidence=ModelEvidence(chosen, seen))

    def rank_means(
        self,
        task: TaskMeans,
        *,
        where: ModelFilter | None = None,
        evidence: ModelEvidence | None = None,
    ) -> Ranking:
        """Rank for means that are known already, by the metric and what evidence is brought."""
        if where is not None and where.latencies is not None:
            raise InputError(
                "a service does not know how fast models are on this machine; leave latency out, "
                "or fetch the models and time them here."
            )
        sent = task.nameless()

        def explain(model: str) -> Explanation:
            found = self._road.explain(sent, model)
            if len(found.task_classes) != len(task.classes):
                raise ServiceError("the service explains another task than it was asked about.")
            return replace(found, task_classes=task.classes)

        return self._road.rank(Question(sent, where, evidence), explain)

    def fetch_model(self, model: ServedModel, folder: Path) -> Path:
        """Write a model and its card as a zoo keeps them; returns the path of its file.

        Args:
            model: As the list tells of it.
            folder: Of a zoo, or of one to be.

        Raises:
            ServiceError: It cannot be fetched, or is not what the list says.
            InputError: It cannot be written.
        """
        card, data = self.model_bytes(model)
        name = ModelId(model.id)
        path = model_path(folder, name, format_of(data))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
            write_atomically(card_path(folder, name), card)
        except OSError as error:
            raise InputError(f"{folder} cannot be written ({error.strerror}).") from error
        return path

    def model_bytes(self, model: ServedModel) -> tuple[bytes, bytes]:
        """A model's card and file, checked against the list's digests before they are parsed.

        Raises:
            ServiceError: They cannot be fetched, or are not what the list says.
        """
        check_model_id(model.id, "the service")
        card, data = self._road.model(model.id, model.size + 2**22)
        for what, found, digest in (
            ("card", card, model.card_sha256),
            ("file", data, model.sha256),
        ):
            if hashlib.sha256(found).hexdigest() != digest:
                raise ServiceError(
                    f"the {what} of model {model.id} is not what the service's list says; fetch it "
                    "again, or tell the operator."
                )
        if ModelCard.from_json(card, f"the card of {model.id}").sha256 != model.sha256:
            raise ServiceError(f"the service has the card of another model for {model.id}.")
        return card, data

    @cached_property
    def _models(self) -> FetchedModels:
        digest = checked_digest(self.about.zoo)
        return FetchedModels(self._cache / "zoos" / digest, digest, self.models, self.fetch_model)

    @cached_property
    def _backbone(self) -> ServedBackbone:
        return ServedBackbone.fetched(self.about, self._file)

    def _file(self, name: str) -> bytes:
        """A file of the MRE model, from the cache where it is there."""
        known = self.about.files.get(name)
        if known is None:
            raise ServiceError(f"the service does not serve {name}; use a version that fits.")
        if known.size > MOST_FILE_BYTES:
            raise ServiceError(
                f"the service's {name} is of {known.size:,} bytes; that is too much."
            )
        path = self._cache / checked_digest(known.sha256)
        data = _kept(path, known.sha256)
        if data is not None:
            return data
        data = self._road.file(name, known.size)
        if hashlib.sha256(data).hexdigest() != known.sha256:
            raise ServiceError(
                f"the service's {name} is not what it says; fetch it again, or tell the operator."
            )
        try:
            self._cache.mkdir(parents=True, exist_ok=True)
            write_atomically(path, data)
        except OSError:
            return data  # the next client fetches it again
        return data


def checked_digest(text: str) -> str:
    """Return a SHA-256, hex, as the service gives it: it becomes a path; raises ServiceError."""
    if not (len(text) == 64 and set(text) <= set("0123456789abcdef")):
        raise ServiceError("the service names a file by no digest; use a version that fits.")
    return text


def _kept(path: Path, digest: str) -> bytes | None:
    try:
        data = path.read_bytes()
    except OSError:
        return None
    return data if hashlib.sha256(data).hexdigest() == digest else None


def _road(address: str, key: str, authorities: Path | None, seconds: float) -> Road:
    scheme, _, rest = address.partition("://")
    if scheme not in _TLS or not rest or not key.isascii() or not key.isprintable():
        raise InputError(
            f"{address!r} is no address of a service, or the key is none; write the address as "
            "https://host:port or grpcs://host:port."
        )
    # Here, not at the top: each needs what the other does not.
    if scheme.startswith("http"):
        try:
            from synlearn.client.http_road import HttpRoad  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                'HTTP needs httpx; install it with: pip install "synlearn[client]", or use grpcs://'
            ) from error
        return HttpRoad(address, key, authorities, seconds)
    from synlearn.client.grpc_road import GrpcRoad  # noqa: PLC0415

    return GrpcRoad(rest.rstrip("/"), key, authorities, seconds, tls=_TLS[scheme])


def _user_cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base else Path.home() / ".cache") / "synlearn" / "service"
