"""Tasks of several classes, and the environment that draws them (Algorithm 1, line 8).

A class is named like a path: `omniglot/Sanskrit/character18` belongs to the set `omniglot` and to
its family `omniglot/Sanskrit`. The classes of a task are all of one set, and those of every second
task of one family, where families are large enough: tasks are as alike as a user's own would be.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import numpy as np
import numpy.typing as npt

from synlearn.errors import InputError

Indices = npt.NDArray[np.int64]

_SAMPLING = 0
"""Keeps these draws apart from others of the same seed and round."""
_PATIENCE = 50
"""Draws for each wanted task; a set of few classes has few different tasks."""


def sets_of(classes: Sequence[str], among: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Divide some classes by their sets, in the order of the sets' names; one where none is named.

    Args:
        classes: Names of all classes.
        among: Positions of those to divide; their order is kept.

    >>> sets_of(("a/1", "b/1", "a/2"), (0, 1, 2))
    ((0, 2), (1,))
    >>> sets_of(("ant", "bee"), (0, 1))
    ((0, 1),)
    """
    members: dict[str, list[int]] = {}
    named = any("/" in classes[position] for position in among)
    for position in among:
        name = classes[position].partition("/")[0] if named else ""
        members.setdefault(name, []).append(position)
    return tuple(tuple(own) for _, own in sorted(members.items()))


@dataclass(frozen=True, slots=True)
class ClassSample:
    """Tasks and models drawn for one round.

    Attributes:
        tasks: (t, w) positions of the tasks' classes, rising; no task is there twice.
        models: (m,) rising indices.
    """

    tasks: Indices
    models: Indices


@dataclass(frozen=True, slots=True)
class ClassEnvironment:
    """Draws mu ~ T and h ~ M without asking a provider anything.

    Sets take turns, so that one of many classes does not crowd out the others.

    Attributes:
        classes: Names of all classes; a task is a set of positions in this list.
        drawable: Positions of those that may be drawn, rising.
        ways: Classes of a task.
        models: How many models there are.
        seed: Of the draws; round r's draw depends on (seed, r) alone, so that a job that is
            resumed draws the same again.

    Raises:
        InputError: No set has enough classes for a task.
    """

    classes: tuple[str, ...]
    drawable: tuple[int, ...]
    ways: int
    models: int
    seed: int
    _sets: tuple["_Set", ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sets = tuple(
            _Set.of(self.classes, own, self.ways)
            for own in sets_of(self.classes, self.drawable)
            if len(own) >= self.ways
        )
        if not sets:
            raise InputError(
                f"no set has {self.ways} classes with enough holders and rows; "
                f"{len(self.drawable)} of {len(self.classes)} classes have. Lower ways, k_most, "
                "min_parties_per_class or dropouts in the job file, or gather more providers."
            )
        object.__setattr__(self, "_sets", sets)

    def sample(self, round_index: int, tasks: int, models: int) -> ClassSample:
        """Draw for one round; fewer where there are not as many different ones."""
        random = np.random.default_rng([self.seed, _SAMPLING, round_index])
        found: dict[tuple[int, ...], None] = {}
        for draw in self._draws(random, _PATIENCE * tasks):
            found.setdefault(draw)
            if len(found) == tasks:
                break
        chosen = random.choice(self.models, size=min(models, self.models), replace=False)
        return ClassSample(np.array(list(found), np.int64), np.sort(chosen))

    def _draws(self, random: np.random.Generator, most: int) -> Iterator[tuple[int, ...]]:
        for number in count():
            if number == most:
                return
            turn, place = divmod(number, len(self._sets))
            among = self._sets[place].among(random, within=turn % 2 == 1)
            yield tuple(sorted(random.choice(among, self.ways, replace=False).tolist()))


@dataclass(frozen=True, slots=True)
class _Set:
    """classes: positions of a set's classes; families: of those families large enough."""

    classes: tuple[int, ...]
    families: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, names: Sequence[str], own: Sequence[int], ways: int) -> "_Set":
        families: dict[str, list[int]] = {}
        for position in own:
            families.setdefault(names[position].rpartition("/")[0], []).append(position)
        large = tuple(tuple(some) for _, some in sorted(families.items()) if len(some) >= ways)
        return cls(tuple(own), large if len(large) > 1 else ())

    def among(self, random: np.random.Generator, *, within: bool) -> tuple[int, ...]:
        """Classes to draw a task from."""
        if within and self.families:
            return self.families[int(random.integers(len(self.families)))]
        return self.classes
