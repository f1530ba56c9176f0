"""What a noisy answer costs; known from the question alone, and paid before a row is read."""

from protocols.queries import Query
from provider.noise.rule import NoiseRule
from provider.noise.sensitivity import noised


def rho_of(query: Query, rule: NoiseRule | None) -> float:
    """The rho of zero-concentrated differential privacy that a question is charged.

    It is the rule's own, and `mechanism` adds as much noise as that needs. It is 0 where there is
    no rule, since no number tells what an exact answer costs, and for a description.

    Raises:
        Refused: NOT_ALLOWED, as `check_noise`.
    """
    if rule is None or not noised(query, rule):
        return 0.0
    return rule.rho


def check_noise(query: Query, rule: NoiseRule | None) -> None:
    """Return if a question can be answered under a rule.

    Raises:
        Refused: NOT_ALLOWED, no noise could cover what one row can move.
    """
    rho_of(query, rule)
