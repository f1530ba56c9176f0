"""How often somebody may ask: a bucket of tokens each, filled at an even rate."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

MOST_BUCKETS: Final = 10_000
"""Of callers that are remembered; a full bucket says nothing and is forgotten first."""


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Rates:
    """Buckets by caller.

    Args:
        per_second: Tokens that come in.
        burst: That fit in.
        clock: Seconds, rising.
    """

    def __init__(self, per_second: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str, tokens: float = 1.0) -> float:
        """Take tokens; returns 0, or, taking none, the seconds after which there are enough.

        What costs more than fits in takes a whole bucket.
        """
        now, tokens = self._clock(), min(tokens, self._burst)
        bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now)
        filled = bucket.tokens + (now - bucket.at) * self._per_second
        bucket.tokens, bucket.at = min(self._burst, filled), now
        self._buckets[caller] = bucket  # the latest stands last
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)
        if bucket.tokens < tokens:
            return (tokens - bucket.tokens) / self._per_second
        bucket.tokens -= tokens
        return 0.0
