"""A party through one attempt: the steps of `client` in their order, each of them once."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from protocols.errors import Code, Refused
from protocols.secagg import client
from protocols.secagg.messages import Agreement, Delivery, KeyList, Survivors
from protocols.secagg.rounds import Round
from protocols.secagg.states import Advertised, HasSigned, Masked, Party, Shared

Values = Callable[[], npt.NDArray[np.floating]]


class Participant:
    """Keeps the state of one attempt, and forgets it when the attempt is over.

    The same message once more gets the same reply (it was lost on the way); another one in its
    place ends the attempt, so a party never masks, signs or unmasks under two stories.

    Args:
        party: Who takes part, in what, on whose terms.
        seed: 32 random bytes, for this attempt alone.
        values: Computes the vector, (length,) floating; called once, in MASK.
    """

    def __init__(self, party: Party, seed: bytes, values: Values) -> None:
        self._party = party
        self._seed: bytes | None = seed
        self._values = values
        self._state: Advertised | Shared | Masked | HasSigned | None = None
        self._next: Round | None = Round.ADVERTISE
        self._last: tuple[Round, bytes, bytes] | None = None

    @property
    def next_round(self) -> Round | None:
        """The round whose message is awaited; None once the attempt is over."""
        return self._next

    def answer(self, round_: Round, body: bytes) -> bytes:
        """Take the message that opens a round; return the party's own.

        Args:
            round_: Which.
            body: The coordinator's message; empty in ADVERTISE, which the question opens.

        Raises:
            Refused: For this party the attempt is over.
        """
        if self._last is not None and self._last[:2] == (round_, body):
            return self._last[2]
        if round_ is not self._next:
            self._end()
            raise Refused(
                Code.ATTEMPT_SPENT, local=f"round {round_} was asked for out of its order"
            )
        try:
            reply = self._step(round_, body)
        except BaseException:
            self._end()
            raise
        self._next = round_.following
        self._last = (round_, body, reply)
        return reply

    def _step(self, round_: Round, body: bytes) -> bytes:
        match round_, self._state:
            case Round.ADVERTISE, None if self._seed is not None:
                self._state, advertisement = client.advertise(self._party, self._seed)
                self._seed = None
                return advertisement.encode()
            case Round.SHARE, Advertised() as state:
                self._state, shares = client.share(state, KeyList.decode(body))
                return shares.encode()
            case Round.MASK, Shared() as state:
                self._state, masked = client.mask(state, Delivery.decode(body), self._values)
                return masked.encode()
            case Round.SIGN, Masked() as state:
                self._state, signed = client.sign(state, Survivors.decode(body))
                return signed.encode()
            case Round.UNMASK, HasSigned() as state:
                self._state = None
                return client.unmask(state, Agreement.decode(body)).encode()
            case _:
                raise AssertionError(f"no state for round {round_}")

    def _end(self) -> None:
        self._state, self._seed, self._next, self._last = None, None, None, None
