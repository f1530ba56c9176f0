"""A zoo on disk: model files, a card beside each, and one index with all digests.

    zoo.json                     the index: for each model id the SHA-256 of its file and its card
    models/<id>.safetensors      the model, or models/<id>.onnx
    models/<id>.json             its card
    specifications.safetensors   model specifications (see `specification.py`), where computed

The digest of `zoo.json` stands for the whole zoo. A file is read wholly and its digest is compared
before a byte of it is parsed.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from torch import nn

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.zoo.card import ModelCard, ModelId, check_model_id
from synlearn.zoo.formats.any_format import AnyModel, FileFormat, format_of, from_bytes
from synlearn.zoo.formats.torch import ModelFile
from synlearn.zoo.records import RecordError, parse_record
from synlearn.zoo.stacked import StackedModels

FORMAT: Final = "synlearn-zoo/1"
INDEX: Final = "zoo.json"


@dataclass(frozen=True, slots=True)
class ZooEntry:
    """SHA-256 digests, hex, of a model's file and of its card."""

    model: str
    card: str


@dataclass(frozen=True, slots=True)
class _Index:
    format: str
    models: dict[str, ZooEntry]


def digest_of(data: bytes) -> str:
    """Return the SHA-256 of `data`, hex."""
    return hashlib.sha256(data).hexdigest()


class Zoo:
    """A zoo opened for reading; iterates over its model ids in sorted order.

    Nothing but the index is read on opening; cards and models are read, and checked against their
    digests, when asked for.
    """

    def __init__(self, root: Path, entries: Mapping[ModelId, ZooEntry], digest: str) -> None:
        self.root: Final = root
        self.digest: Final = digest
        self._entries: Final = {model: entries[model] for model in sorted(entries)}

    @classmethod
    def open(cls, root: Path) -> Self:
        """Open the zoo in folder `root`; raises InputError when there is none or it is damaged."""
        if not root.is_dir():
            raise InputError(f"There is no folder {root}; give the folder of a model zoo.")
        path = root / INDEX
        if not path.is_file():
            raise InputError(
                f"{root} is not a model zoo: it has no {INDEX}; see `synlearn zoo build`."
            )
        data = path.read_bytes()
        try:
            index = parse_record(_Index, data)
        except RecordError as error:
            raise InputError(
                f"{path} is not the index of a zoo: {error}; run the build again, it keeps models "
                f"that are whole."
            ) from error
        if index.format != FORMAT:
            raise InputError(
                f"{path} has format {index.format!r}, but this version reads {FORMAT!r}; "
                f"build the zoo again."
            )
        entries = {check_model_id(name, str(path)): entry for name, entry in index.models.items()}
        return cls(root, entries, digest_of(data))

    def __iter__(self) -> Iterator[ModelId]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, model: object) -> bool:
        return model in self._entries

    @property
    def ids(self) -> tuple[ModelId, ...]:
        """All model ids, sorted."""
        return tuple(self._entries)

    @property
    def entries(self) -> Mapping[ModelId, ZooEntry]:
        """All digests, by model id."""
        return self._entries

    def model_digest(self, model: ModelId) -> str:
        """Return the SHA-256 of the model's file; raises InputError for an unknown id."""
        return self._entry(model).model

    def card(self, model: ModelId) -> ModelCard:
        """Return the model's card; raises InputError when it is missing or was changed."""
        path = card_path(self.root, model)
        card = ModelCard.from_json(_read_verified(path, self._entry(model).card), str(path))
        if (card.id, card.sha256) != (model, self._entry(model).model):
            raise InputError(f"{path} is the card of another model; build the zoo again.")
        return card

    def weights(self, model: ModelId) -> bytes:
        """Return the model's file; raises InputError when it is missing, truncated or changed."""
        return _read_verified(model_path(self.root, model), self._entry(model).model)

    def read(self, model: ModelId) -> AnyModel:
        """Return the model, whatever its format; raises InputError when unusable.

        Also raises InputError when its card describes another one.
        """
        path = model_path(self.root, model)
        found = from_bytes(self.weights(model), str(path))
        card = self.card(model)
        own = found.architecture if isinstance(found, ModelFile) else found.network
        if (card.architecture, card.input.shape) != (own.name, own.input_shape):
            raise InputError(f"{path} is not the model that its card describes; add it again.")
        return found

    def parse(self, model: ModelId) -> ModelFile:
        """Return the model's architecture and tensors; raises InputError when unusable, or ONNX."""
        found = self.read(model)
        if not isinstance(found, ModelFile):
            raise InputError(
                f"Model {model} is an ONNX file, whose weights cannot be trained or stacked here; "
                "choose models in safetensors."
            )
        return found

    def load(self, model: ModelId) -> nn.Sequential:
        """Return the model as a module, in evaluation mode; raises InputError when unusable."""
        return self.parse(model).module()

    def stack(self, models: Iterable[ModelId] | None = None) -> StackedModels:
        """Return these models (default: all) as one stack, in the order given.

        Raises InputError when one is unusable or they differ in architecture.
        """
        ids = self.ids if models is None else tuple(models)
        return StackedModels.of(ids, [self.parse(model) for model in ids])

    def verify(self) -> Iterator[tuple[ModelId, str | None]]:
        """Read every model and card; yield each id with what is wrong with it, or None."""
        for model in self:
            try:
                self.card(model)
                self.read(model)
            except InputError as error:
                yield model, str(error)
            else:
                yield model, None

    def _entry(self, model: ModelId) -> ZooEntry:
        entry = self._entries.get(model)
        if entry is None:
            raise InputError(
                f"The zoo {self.root} has no model {model!r}; `synlearn zoo list` names them."
            )
        return entry


def model_path(root: Path, model: ModelId, form: FileFormat | None = None) -> Path:
    """Return where the zoo in `root` keeps a model's file.

    form: of the file; where it is not given, the one that is there.
    """
    folder = root / "models"
    if form is None:
        there = (folder / f"{model}.{FileFormat.ONNX}").is_file()
        form = FileFormat.ONNX if there else FileFormat.SAFETENSORS
    return folder / f"{model}.{form}"


def card_path(root: Path, model: ModelId) -> Path:
    """Return where the zoo in `root` keeps a model's card."""
    return root / "models" / f"{model}.json"


def add_model(root: Path, card: ModelCard, data: bytes) -> ZooEntry:
    """Write a model and its card into the zoo's folder; the index is written by `write_index`.

    A file of the same model in another format is removed.

    The card comes last: where it is, the model is whole.
    """
    card_data = card.to_json()
    form = format_of(data)
    model_path(root, card.id, form).parent.mkdir(parents=True, exist_ok=True)
    write_atomically(model_path(root, card.id, form), data)
    for other in set(FileFormat) - {form}:
        model_path(root, card.id, other).unlink(missing_ok=True)
    write_atomically(card_path(root, card.id), card_data)
    return ZooEntry(model=digest_of(data), card=digest_of(card_data))


def finished_model(root: Path, model: ModelId) -> tuple[ModelCard, ZooEntry] | None:
    """Return the card and digests of a model that is whole on disk, or None when it is not."""
    try:
        card_data = card_path(root, model).read_bytes()
        data = model_path(root, model).read_bytes()
        card = ModelCard.from_json(card_data, str(card_path(root, model)))
    except (OSError, InputError):
        return None
    entry = ZooEntry(model=digest_of(data), card=digest_of(card_data))
    return (card, entry) if (card.id, card.sha256) == (model, entry.model) else None


def write_index(root: Path, entries: Mapping[ModelId, ZooEntry]) -> None:
    """Write the zoo's index; the same entries give the same bytes."""
    index = _Index(FORMAT, {model: entries[model] for model in sorted(entries)})
    write_atomically(root / INDEX, (json.dumps(asdict(index), indent=1) + "\n").encode())


def _read_verified(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"Cannot read {path} ({error.strerror}); build the zoo again to restore it."
        ) from error
    if digest_of(data) != digest:
        raise InputError(
            f"{path} is truncated or was changed: its SHA-256 does not match the zoo's index; "
            f"build the zoo again to restore it."
        )
    return data
