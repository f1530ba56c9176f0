"""The five rounds of an attempt, and how one ends without a sum."""

from enum import StrEnum


class Round(StrEnum):
    """What the parties send, in this order; the coordinator's reply to all of it opens the next."""

    ADVERTISE = "advertise"
    """Signed public keys."""
    SHARE = "share"
    """Sealed shares of the secrets behind the masks."""
    MASK = "mask"
    """The masked vector."""
    SIGN = "sign"
    """A signature over the list of survivors."""
    UNMASK = "unmask"
    """Shares that take the masks off the sum."""

    @property
    def following(self) -> "Round | None":
        """The next round; None after the last."""
        rounds = list(Round)
        place = rounds.index(self) + 1
        return rounds[place] if place < len(rounds) else None


class Aborted(RuntimeError):  # noqa: N818 - says what happened, as Refused does
    """An attempt ended without a sum: too many parties dropped out, or cheated.

    Attributes:
        round: In which it ended.
    """

    def __init__(self, round_: Round, reason: str) -> None:
        super().__init__(f"the aggregation ended in round {round_}: {reason}")
        self.round = round_
