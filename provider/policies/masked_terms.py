"""A policy's terms for masked sums, in the form that a node's part in them asks for."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.ids import Digest
from protocols.masked import MASKED, MaskedQuery
from provider.masked_rules import Budget, MaskedRules
from provider.policies.question_limits import check_files, check_masked_rows, check_parameters
from provider.policies.rules import Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedTerms(MaskedRules):
    """Floors, noise and limits of a policy, with those of the question's own function.

    Attributes:
        rules: The policy's.
        endorsed: Model files that its signers vouch for, in the job at hand.
    """

    rules: Rules
    endorsed: frozenset[Digest]

    def check(self, query: MaskedQuery, rows: npt.NDArray[np.int64], *, noisy: bool) -> None:
        """Return if the question may be answered under masks; see `MaskedRules.check`.

        Raises:
            Refused: NOT_ALLOWED or TOO_FEW_ROWS.
        """
        MaskedRules.check(self, query, rows, noisy=noisy)
        own = self.rules.of(query.function)
        check_parameters(query, own)
        check_masked_rows(query, own, self.rules.general.min_rows, rows)
        check_files(query, own, self.rules.models, self.endorsed)

    def rows_together(self, function: str) -> int:
        """Fewest rows of all parties in each class slot of a sum."""
        return self.rules.of(function).min_k_together


def masked_terms(rules: Rules, endorsed: frozenset[Digest]) -> MaskedTerms:
    """The terms for masked sums of a policy, in a job whose signers vouch for some files."""
    general, privacy = rules.general, rules.privacy
    noise = privacy.masked_noise and privacy.epsilon_job is not None
    return MaskedTerms(
        functions=frozenset(name for name in MASKED if rules.of(name).masked),
        min_parties=general.min_parties,
        min_parties_per_class=general.min_parties_per_class,
        min_corrupt=general.min_corrupt,
        budget=Budget(privacy.epsilon_job or 0.0, privacy.delta) if noise else None,
        wholes_once=general.masked_once,
        rules=rules,
        endorsed=endorsed,
    )
