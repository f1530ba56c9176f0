"""The provider's terms for masked sums, whatever the coordinator says."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.ids import ProviderId
from protocols.masked import MASKED, MaskedQuery
from protocols.secagg.floors import Floors


@dataclass(frozen=True, slots=True)
class Budget:
    """What noise has to achieve: (epsilon, delta)-differential privacy of a whole job.

    Attributes:
        epsilon: Above 0.
        delta: Above 0 and below 1; well below one over the number of rows.
    """

    epsilon: float
    delta: float


@dataclass(frozen=True, slots=True)
class MaskedRules:
    """Floors, noise and limits; the defaults are those of the `open` profile.

    Attributes:
        functions: Names of the functions that are answered under masks.
        min_rows: Fewest rows of this provider in a class slot to which it adds any.
        min_parties: Fewest parties that count in a sum.
        min_parties_per_class: Fewest parties that count with rows in each class slot.
        min_corrupt: Fewest colluding parties that a question must tolerate.
        budget: Sums have to carry noise, and a job's may cost no more than this; None asks for no
            noise.
        wholes_once: An exact sum over all rows of a class is given only once: a second one, over
            other survivors, would give one party's part by subtraction.
        max_open: Attempts under way at a time; one more ends the oldest.
    """

    functions: frozenset[str] = field(default_factory=lambda: frozenset(MASKED))
    min_rows: int = 1
    min_parties: int = 2
    min_parties_per_class: int = 2
    min_corrupt: int = 0
    budget: Budget | None = None
    wholes_once: bool = True
    max_open: int = 8

    def check(self, query: MaskedQuery, rows: npt.NDArray[np.int64], *, noisy: bool) -> None:
        """Return if the question may be answered under masks.

        Args:
            query: What each party computes.
            rows: (slots,) how many rows of each class slot this provider adds.
            noisy: Whether the question's encoding adds noise.

        Raises:
            Refused: With the code for the wire and the full reason for the local log.
        """
        if query.function not in self.functions:
            raise Refused(
                Code.NOT_ALLOWED,
                local=f"{query.function} is not among the masked functions that the policy allows",
            )
        few = rows[(rows > 0) & (rows < self.min_rows)]
        if few.size:
            raise Refused(
                Code.TOO_FEW_ROWS,
                local=f"{few.min()} rows in a class slot; the policy asks for {self.min_rows}",
            )
        if self.budget is not None and not noisy:
            raise Refused(
                Code.NOT_ALLOWED, local="the policy has a privacy budget, so a sum needs noise"
            )

    def rows_together(self, function: str) -> int:
        """Fewest rows of all parties in each class slot of a sum; here any number is enough."""
        return 1

    def floors(self, counted: frozenset[ProviderId], function: str) -> Floors:
        """The least company for a sum of a function, among parties that count."""
        return Floors(
            min_parties=self.min_parties,
            min_parties_per_class=self.min_parties_per_class,
            min_corrupt=self.min_corrupt,
            counted=counted,
            min_rows_together=self.rows_together(function),
        )
