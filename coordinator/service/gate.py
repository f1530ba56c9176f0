"""Who may ask, and how often: the same for every road."""

from typing import Final

from coordinator.service.keys import KeyRing
from coordinator.service.problems import Code, Problem
from coordinator.service.rates import Rates

ANYBODY: Final = "anybody"
"""Name of a caller where no keys are asked for; only this machine is listened to then."""
_SCHEME: Final = "bearer "


class Gate:
    """Lets requests in.

    Args:
        keys: The known ones; None where none is asked for.
        rates: How often each may ask.
    """

    def __init__(self, keys: KeyRing | None, rates: Rates) -> None:
        self._keys = keys
        self._rates = rates

    @property
    def asks_for_keys(self) -> bool:
        """Whether a key is needed."""
        return self._keys is not None

    def caller(self, authorization: str) -> str:
        """Name of whoever sent this `Authorization` header.

        Raises:
            Problem: It holds no key that is known.
        """
        if self._keys is None:
            return ANYBODY
        if not authorization:
            raise Problem(
                Code.NO_KEY,
                "an API key is needed: send it as the header 'Authorization: Bearer KEY'.",
            )
        key = authorization[len(_SCHEME) :].strip()
        name = None
        if authorization[: len(_SCHEME)].lower() == _SCHEME:
            name = self._keys.name_of(key)
        if name is None:
            raise Problem(
                Code.NO_KEY, "the API key is not known; ask the service's operator for one."
            )
        return name

    def charge(self, caller: str, cost: float) -> None:
        """Count a request.

        Raises:
            Problem: The caller has asked too often.
        """
        wait = self._rates.take(caller, cost)
        if wait:
            raise Problem(
                Code.TOO_MANY,
                f"this key asks more often than it may; wait {wait:.1f} s before the next request.",
                wait=wait,
            )
