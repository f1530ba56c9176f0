"""How long to wait before connecting again."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubles from `first` to `most` seconds; each wait is drawn from its upper half.

    The draw keeps nodes that lost their coordinator at once from coming back at once.
    """

    first: float = 0.2
    most: float = 30.0

    def wait(self, failures: int, random: Callable[[], float]) -> float:
        """Seconds to wait after `failures` failures in a row, at least one.

        >>> Backoff(1.0, 8.0).wait(3, lambda: 0.5)
        3.0
        """
        longest = min(self.most, self.first * 2.0 ** min(failures - 1, 32))
        return longest * (0.5 + random() / 2)
