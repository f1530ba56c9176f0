"""Rules that cannot hold together, or say something that has no meaning."""

from protocols.masked import MASKED
from protocols.queries import QUERIES
from provider.policies.hours import HoursError, Opening
from provider.policies.rules import Rules, Travel


class Contradiction(ValueError):  # noqa: N818 - says what it is
    """Two parts of a policy exclude each other.

    Attributes:
        path: Of the key to look at.
        sentence: What is wrong, and what to do.
    """

    def __init__(self, path: tuple[str, ...], sentence: str) -> None:
        super().__init__(sentence)
        self.path = path
        self.sentence = sentence


def check_rules(rules: Rules) -> None:
    """Return if the rules can hold together.

    Raises:
        Contradiction: They cannot.
    """
    _check_parties(rules)
    _check_privacy(rules)
    for name in rules.functions:
        _check_function(rules, name)
    if rules.hours is not None:
        try:
            Opening.of(rules.hours)
        except HoursError as error:
            raise Contradiction(("hours", error.key), str(error)) from error


def _check_parties(rules: Rules) -> None:
    general = rules.general
    if general.min_parties_per_class > general.min_parties:
        raise Contradiction(
            ("min_parties_per_class",),
            f"min_parties_per_class is {general.min_parties_per_class} and min_parties only "
            f"{general.min_parties}; raise min_parties to as much.",
        )
    if general.min_corrupt >= general.min_parties - 1:
        raise Contradiction(
            ("min_corrupt",),
            f"min_corrupt is {general.min_corrupt} of min_parties {general.min_parties}; nobody "
            "could hide among the rest, so raise min_parties or lower min_corrupt.",
        )


def _check_privacy(rules: Rules) -> None:
    privacy = rules.privacy
    if (
        privacy.epsilon_job is not None
        and privacy.epsilon_ever is not None
        and privacy.epsilon_job > privacy.epsilon_ever
    ):
        raise Contradiction(
            ("privacy", "epsilon_job"),
            f"epsilon_job is {privacy.epsilon_job} and epsilon_ever only {privacy.epsilon_ever}; "
            "lower the one or raise the other.",
        )
    if privacy.masked_noise and privacy.epsilon_job is None:
        raise Contradiction(
            ("privacy", "masked_noise"),
            "masked_noise needs an epsilon_job to keep to; add it to [privacy].",
        )


def _check_function(rules: Rules, name: str) -> None:
    own, path = rules.of(name), ("functions", name)
    if own.transport == Travel.MASKED and name not in MASKED:
        raise Contradiction(
            (*path, "transport"), f'{name} has no masked form; say transport = "plain".'
        )
    if own.transport == Travel.PLAIN and name not in QUERIES:
        raise Contradiction(
            (*path, "transport"), f'{name} is a masked sum only; say transport = "masked".'
        )
    if own.noise_epsilon is None:
        if own.noise_clip is not None:
            raise Contradiction(
                (*path, "noise_clip"),
                "noise_clip has no meaning without noise_epsilon; add that or leave both out.",
            )
        return
    if own.transport == Travel.MASKED:
        raise Contradiction(
            (*path, "noise_epsilon"),
            f"noise_epsilon is for plain answers, and {name} leaves masked only; use masked_noise "
            "of [privacy], or allow plain answers.",
        )
    if rules.privacy.epsilon_job is None:
        raise Contradiction(
            (*path, "noise_epsilon"),
            "noise_epsilon needs an epsilon_job to be paid from; add it to [privacy].",
        )
    if own.noise_epsilon > rules.privacy.epsilon_job:
        raise Contradiction(
            (*path, "noise_epsilon"),
            f"noise_epsilon is {own.noise_epsilon}, more than the whole epsilon_job of "
            f"{rules.privacy.epsilon_job}; not one question could be paid.",
        )
