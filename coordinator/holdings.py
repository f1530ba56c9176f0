"""Who holds how many rows of which class, as the providers have said."""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.ids import ProviderId

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Holdings:
    """A table of rows.

    Attributes:
        providers: All that take part, sorted.
        classes: Names of all classes that somebody holds, sorted.
        rows: (providers, classes) int64.
    """

    providers: tuple[ProviderId, ...]
    classes: tuple[str, ...]
    rows: Counts
    _position: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        position = {name: place for place, name in enumerate(self.classes)}
        object.__setattr__(self, "_position", position)

    @classmethod
    def of(cls, counts: Mapping[ProviderId, Mapping[str, int]]) -> "Holdings":
        """Make the table of each provider's rows of each class."""
        providers = tuple(sorted(counts))
        classes = tuple(sorted({name for own in counts.values() for name in own}))
        rows = [[counts[provider].get(name, 0) for name in classes] for provider in providers]
        table = np.array(rows, np.int64).reshape(len(providers), len(classes))
        return cls(providers, classes, table)

    def only(self, providers: Container[ProviderId]) -> "Holdings":
        """The part of some providers; the classes stay, held or not."""
        places = [place for place, name in enumerate(self.providers) if name in providers]
        names = tuple(self.providers[place] for place in places)
        return Holdings(names, self.classes, self.rows[places])

    def joined_by(self, counts: Mapping[ProviderId, Mapping[str, int]]) -> "Holdings":
        """The table with others' rows of the classes in it, in place of what these held before."""
        rows = dict(zip(self.providers, self.rows, strict=True))
        for provider, own in counts.items():
            rows[provider] = np.array([own.get(name, 0) for name in self.classes], np.int64)
        providers = tuple(sorted(rows))
        table = np.array([rows[provider] for provider in providers], np.int64)
        return Holdings(providers, self.classes, table.reshape(len(providers), len(self.classes)))

    def positions(self, names: Iterable[str]) -> list[int]:
        """Positions of classes in `classes`."""
        return [self._position[name] for name in names]

    def held_by(self, place: int, among: Counts) -> Counts:
        """Those of some classes, by position, of which a provider, by position, has rows."""
        held: Counts = among[self.rows[place, among] > 0]
        return held

    def drawable(self, holders: int, rows: int) -> tuple[int, ...]:
        """Positions of the classes with so many holders, and so many rows among them all."""
        enough = ((self.rows > 0).sum(axis=0) >= holders) & (self.rows.sum(axis=0) >= rows)
        return tuple(np.flatnonzero(enough).tolist())

    def closures(self, classes: Counts) -> list[Counts]:
        """Divide classes, by position, so that no provider holds some of two parts; each rising.

        Sums over the classes of different parts need not be made together: they have no provider
        in common.
        """
        left = {int(position) for position in classes}
        parts = []
        while left:
            part, new = set[int](), {min(left)}
            while new:
                part |= new
                holders = (self.rows[:, sorted(new)] > 0).any(axis=1)
                reached = np.flatnonzero((self.rows[holders] > 0).any(axis=0))
                new = (left & set(reached.tolist())) - part
            parts.append(np.array(sorted(part), np.int64))
            left -= part
        return parts

    def holders(self, classes: Counts) -> Counts:
        """Positions of the providers that hold any of these classes, rising."""
        return np.flatnonzero((self.rows[:, classes] > 0).any(axis=1))
