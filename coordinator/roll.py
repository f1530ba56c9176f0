"""Who takes part in a job: fixed for a phase, and so kept in the checkpoint."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch

from coordinator.named_tensors import Tensors
from protocols.ids import ProviderId
from protocols.queries import pack_names
from protocols.queries.describe import unpack_names

NO_ROUND = -1
"""Before the first round of learning."""


@dataclass(frozen=True, slots=True)
class Roll:
    """A value, changed by making the next one.

    Attributes:
        members: Whom the job expected when it began, and nodes count, sorted. They do not count a
            younger identity towards their floors, so that its rows help no class over one.
        absent: Who was missing then, or is gone since, and has not entered again; sorted.
        round: The round of learning that the holdings were last fixed for.
    """

    members: tuple[ProviderId, ...]
    absent: tuple[ProviderId, ...] = ()
    round: int = NO_ROUND

    def without(self, gone: Iterable[ProviderId]) -> "Roll":
        """The roll after these have gone."""
        return replace(self, absent=tuple(sorted({*self.absent, *gone})))

    def entered(self, come: Iterable[ProviderId], round_: int) -> "Roll":
        """The roll of a round, into which these have come."""
        absent = tuple(sorted(set(self.absent) - set(come)))
        return replace(self, absent=absent, round=round_)

    def tensors(self) -> Tensors:
        """As named tensors; `of` takes them back."""
        return {
            "members": torch.from_numpy(pack_names(self.members).copy()),
            "absent": torch.from_numpy(pack_names(self.absent).copy()),
            "round": torch.tensor(self.round),
        }

    @classmethod
    def of(cls, tensors: Tensors) -> "Roll":
        """Undo `tensors`."""
        members, absent = (
            tuple(map(ProviderId, unpack_names(tensors[name].numpy())))
            for name in ("members", "absent")
        )
        return cls(members, absent, int(tensors["round"]))
