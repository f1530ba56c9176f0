"""What models make of the rows of whole classes: computed from images, or kept from before."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from protocols.errors import Code, Refused
from provider.answers.class_rows import Batch, batches, outputs_of, own_features
from provider.answers.context import Context
from provider.dataset import Float32, Indices
from provider.feature_store import Digested, FeatureStore, Key
from provider.model_api import ModelGroup, Stack

log = logging.getLogger(__name__)
Kind = Literal["outputs", "features"]

_FILES: Final = 256
"""Most tables written at a time."""
_COMPUTE: Final[Mapping[str, Callable[[Stack, Float32], Float32]]] = MappingProxyType(
    {"outputs": outputs_of, "features": own_features}
)


@dataclass(frozen=True, slots=True)
class Shown:
    """A question's models, and what they make of rows.

    Attributes:
        kind: Outputs, or features.
        groups: The models.
        context: Of the question.
        every: (n,) rows of all classes, rising, as the tables have them.
        tables: For each group, a table of each of its models; empty where none are kept.
    """

    kind: Kind
    groups: Sequence[ModelGroup]
    context: Context
    every: Indices
    tables: Mapping[int, Sequence[Float32]] = field(default_factory=lambda: MappingProxyType({}))

    def batches(
        self, rows: Sequence[Indices], numbers: int, most: int | None = None
    ) -> Iterator[Batch]:
        """See `class_rows.batches`; images are read only where a model has to see them."""
        read = len(self.tables) < len(self.groups)
        ahead = read and self.context.models.elsewhere
        return batches(self.context.dataset, rows, numbers, most=most, read=read, ahead=ahead)

    def of(self, place: int, batch: Batch) -> Float32:
        """What the models of one group make of a batch, (g, n, width).

        Raises:
            Refused: MODEL_UNUSABLE; also where this is no number, unless rows have to be bounded:
                then the answer puts something else in its place, and a refusal would tell of a row.
        """
        if place in self.tables:
            where = np.searchsorted(self.every, batch.rows)
            made = np.stack([table[where] for table in self.tables[place]])
        else:
            made = _COMPUTE[self.kind](self.groups[place].models, batch.images)
        self.check(made)
        return made

    def check(self, made: Float32) -> None:
        """Check that an exact answer can be made of this.

        Raises:
            Refused: MODEL_UNUSABLE.
        """
        if not self.context.bounded and not np.isfinite(made).all():
            raise Refused(Code.MODEL_UNUSABLE, local="what a model makes of the rows is not finite")


def show(
    kind: Kind,
    groups: Sequence[ModelGroup],
    context: Context,
    classes: Sequence[str],
    *,
    make: bool = True,
) -> Shown:
    """Get ready to say what models make of rows of some classes.

    Args:
        kind: Outputs, or features.
        groups: The models.
        context: With a store and a dataset that has a digest, tables are used.
        classes: Of the question.
        make: Make tables that are missing, of all rows of the classes. Otherwise they are used only
            where all are there.

    Raises:
        Refused: MODEL_UNUSABLE.
    """
    dataset, store = context.dataset, context.store
    rows = [dataset.rows_of(name) for name in classes]
    every = np.unique(np.concatenate([*rows, np.empty(0, np.int64)]))
    shown = Shown(kind, groups, context, every)
    if store is None or not isinstance(dataset, Digested) or not len(every):
        return shown
    kept = _Kept(shown, store, dataset.digest, frozenset(classes))
    if make:
        try:
            kept.make()
        except OSError as error:
            log.warning("features are not kept: %s", error)
            return shown
    tables = kept.tables()
    return shown if tables is None else Shown(kind, groups, context, every, tables)


@dataclass(frozen=True, slots=True)
class _Kept:
    """The tables of a question."""

    shown: Shown
    store: FeatureStore
    data: str
    classes: frozenset[str]

    def tables(self) -> dict[int, list[Float32]] | None:
        """All of them; None where one is missing."""
        found: dict[int, list[Float32]] = {}
        for place, group in enumerate(self.shown.groups):
            own = [self._table(group, model) for model in group.models.ids]
            found[place] = [table for table in own if table is not None]
            if len(found[place]) < len(own):
                return None
        return found

    def make(self) -> None:
        """Make those that are missing, a few hundred models in one pass over the images.

        Raises:
            OSError: There is no room.
        """
        missing = [
            (group, place)
            for group in self.shown.groups
            for place, model in enumerate(group.models.ids)
            if self._table(group, model) is None
        ]
        for first in range(0, len(missing), _FILES):
            self._write(missing[first : first + _FILES])

    def _write(self, missing: Sequence[tuple[ModelGroup, int]]) -> None:
        stacks = [
            group.models.select([place for other, place in missing if other is group])
            for group in self.shown.groups
            if any(other is group for other, _ in missing)
        ]
        keys = [self._key(model) for stack in stacks for model in stack.ids]
        widths = [_width(self.shown.kind, stack) for stack in stacks for _ in stack.ids]
        every, compute = self.shown.every, _COMPUTE[self.shown.kind]
        with self.store.writers(keys, len(every), widths) as writers:
            ahead = self.shown.context.models.elsewhere
            dataset = self.shown.context.dataset
            for batch in batches(dataset, [every], sum(widths), ahead=ahead):
                made = (one for stack in stacks for one in compute(stack, batch.images))
                for writer, one in zip(writers, made, strict=True):
                    self.shown.check(one)
                    writer.add(one)

    def _table(self, group: ModelGroup, model: str) -> Float32 | None:
        width = _width(self.shown.kind, group.models)
        return self.store.open(self._key(model), len(self.shown.every), width)

    def _key(self, model: str) -> Key:
        return Key(self.shown.kind, model, self.data, self.classes)


def _width(kind: Kind, models: Stack) -> int:
    network = models.architecture
    return network.outputs if kind == "outputs" else network.features or 0
