"""The coordinator's side of one attempt: it learns who took part and the sum, nothing else.

It checks what it can, so that a cheating party costs its own place and not a wrong sum.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from protocols.errors import Refused
from protocols.ids import ProviderId
from protocols.secagg.graph import Graph, badly_held, graph_for
from protocols.secagg.keys import AgreementKey, verified
from protocols.secagg.masking import apply_masks, pair_key, self_key
from protocols.secagg.messages import (
    Advertisement,
    Agreement,
    Delivery,
    KeyList,
    MaskedInput,
    SealedShares,
    Signed,
    Survivors,
    Unmasking,
)
from protocols.secagg.neighbours import Choices, choices, draw, mask_neighbours
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.rounds import Aborted, Round
from protocols.secagg.shamir import ShareError, reconstruct
from protocols.secagg.statements import (
    advertised_statement,
    choice_commitment,
    company_digest,
    context_digest,
    masked_statement,
    own_mask_commitment,
    survivors_statement,
)
from protocols.secagg.states import Verify

_ANYBODY = AgreementKey.from_bytes(bytes(32))
"""Agrees with whatever key an honest party would agree with."""


@dataclass(frozen=True, slots=True)
class Sum:
    """What an attempt gives.

    Attributes:
        total: (length,) float64, over the survivors.
        survivors: Whose vectors are in it, ascending.
    """

    total: npt.NDArray[np.float64]
    survivors: tuple[ProviderId, ...]


class Server:
    """One attempt, round by round: `receive` what the parties send, then `close` the round.

    Args:
        question: What is asked; every party has it.
        identities: Public identity keys by party.
        verify: Checks a signature: (public key, message, signature) -> whether it holds.
    """

    def __init__(
        self,
        question: AggregationQuestion,
        identities: Mapping[ProviderId, bytes],
        verify: Verify = verified,
    ) -> None:
        self._question = question
        self._identities = identities
        self._verify = verify
        self._indices = {name: index for index, name in enumerate(question.parties)}
        self._round = Round.ADVERTISE
        self._waiting = frozenset(self._indices.values())
        self._advertisements: dict[int, Advertisement] = {}
        self._public: set[bytes] = set()
        self._graph = Graph(len(question.parties), 0, question.threshold)
        self._context = b""
        self._keys: Mapping[int, Advertisement] = {}
        self._choice_seeds: dict[int, bytes] = {}
        self._sealed: dict[int, dict[int, bytes]] = defaultdict(dict)
        self._choices: Choices = {}
        self._company = b""
        self._total = np.zeros(question.length, question.encoding.dtype)
        self._masked_signatures: dict[int, bytes] = {}
        self._survivors: frozenset[int] = frozenset()
        self._agreed = b""
        self._signatures: dict[int, bytes] = {}
        self._own_masks: dict[int, dict[int, bytes]] = defaultdict(dict)
        self._pair_masks: dict[int, dict[int, bytes]] = defaultdict(dict)
        self._heard: set[int] = set()
        self._rejected: dict[ProviderId, str] = {}
        self._receivers: dict[Round, Callable[[int, bytes], None]] = {
            Round.ADVERTISE: self._advertised,
            Round.SHARE: self._shared,
            Round.MASK: self._masked,
            Round.SIGN: self._signed,
            Round.UNMASK: self._unmasking,
        }

    @property
    def round(self) -> Round:
        """The round under way."""
        return self._round

    @property
    def waiting(self) -> frozenset[ProviderId]:
        """Whose message of this round has not come."""
        return frozenset(self._question.parties[i] for i in self._waiting - self._heard)

    @property
    def rejected(self) -> Mapping[ProviderId, str]:
        """Whose message was thrown away as wrong, and why; they count as dropped out."""
        return self._rejected

    def receive(self, party: ProviderId, body: bytes) -> None:
        """Take a party's message of the round under way.

        A second one, and one of a party that is not awaited, is ignored; a wrong one drops the
        party out.
        """
        index = self._indices.get(party)
        if index is None or index not in self._waiting or index in self._heard:
            return
        self._heard.add(index)
        try:
            self._receivers[self._round](index, body)
        except (Refused, _Wrong) as error:
            self._rejected[party] = str(error)

    def close(self) -> dict[ProviderId, bytes]:
        """End the round; whoever has not sent its message has dropped out.

        Returns:
            The messages that open the next round, by party.

        Raises:
            Aborted: Too few are left.
        """
        closing = {
            Round.ADVERTISE: self._close_advertise,
            Round.SHARE: self._close_share,
            Round.MASK: self._close_mask,
            Round.SIGN: self._close_sign,
        }[self._round]()
        following = self._round.following
        assert following is not None  # noqa: S101  # UNMASK is ended by `finish`
        self._round = following
        self._heard = set()
        self._waiting = frozenset(closing)
        return {self._question.parties[index]: body for index, body in closing.items()}

    def finish(self) -> Sum:
        """End the last round: take the masks off.

        Raises:
            Aborted: Too few shares came, or they do not give the secrets that were committed to.
        """
        plus: list[bytes] = []
        minus: list[bytes] = []
        for survivor in sorted(self._survivors):
            seed = self._reconstruct(survivor, self._own_masks[survivor])
            if (
                own_mask_commitment(self._question.transcript, seed)
                != self._keys[survivor].own_mask
            ):
                raise self._aborted(f"the shares of {self._name(survivor)}'s own mask are wrong")
            minus.append(self_key(seed, self._context))
        for dropped in sorted(self._choices.keys() - self._survivors):
            neighbours = mask_neighbours(self._choices, dropped) & self._survivors
            if not neighbours:
                continue
            secret = self._reconstruct(dropped, self._pair_masks[dropped])
            private = AgreementKey.from_bytes(secret)
            if private.public != self._keys[dropped].masking_key:
                raise self._aborted(f"the shares of {self._name(dropped)}'s masking key are wrong")
            for other in sorted(neighbours):
                agreed = private.agree(self._keys[other].masking_key)
                key = pair_key(agreed, self._context, dropped, other)
                (minus if other < dropped else plus).append(key)
        apply_masks(self._total, plus, minus)
        total = self._question.encoding.decode(self._total)
        return Sum(total, tuple(self._name(index) for index in sorted(self._survivors)))

    def _advertised(self, party: int, body: bytes) -> None:
        advertisement = Advertisement.decode(body)
        statement = advertised_statement(self._question.transcript, advertisement)
        self._check_signature(party, statement, advertisement.signature)
        self._check_public(advertisement.sealing_key)
        self._check_public(advertisement.masking_key)
        self._advertisements[party] = advertisement

    def _close_advertise(self) -> dict[int, bytes]:
        self._require(len(self._advertisements), "advertised keys")
        question = self._question
        try:
            self._graph = graph_for(
                len(question.parties),
                corrupt=question.corrupt,
                dropouts=question.dropouts,
                threshold=question.threshold,
                present=len(self._advertisements),
            )
        except ValueError as error:
            raise self._aborted(str(error)) from error
        self._keys = dict(sorted(self._advertisements.items()))
        keys = KeyList.of(self._keys)
        self._context = context_digest(question.transcript, keys)
        return dict.fromkeys(self._keys, keys.encode())

    def _shared(self, party: int, body: bytes) -> None:
        shares = SealedShares.decode(body)
        seed = shares.choice_seed
        if choice_commitment(self._question.transcript, seed) != self._keys[party].choice:
            raise _Wrong("it drew its neighbours from a seed that it had not committed to")
        drawn = draw(self._graph, tuple(self._keys), party, seed)
        if shares.sealed.keys() != drawn - {party}:
            raise _Wrong("it did not share with the parties that it drew")
        self._choice_seeds[party] = seed
        for receiver, share in shares.sealed.items():
            self._sealed[receiver][party] = share

    def _close_share(self) -> dict[int, bytes]:
        self._require(len(self._choice_seeds), "shared")
        seeds = dict(sorted(self._choice_seeds.items()))
        self._choices = choices(self._graph, tuple(self._keys), seeds)
        self._company = company_digest(self._context, seeds)
        deliveries = {
            party: Delivery(seeds, dict(sorted(self._sealed[party].items()))).encode()
            for party in seeds
        }
        self._sealed.clear()
        return deliveries

    def _masked(self, party: int, body: bytes) -> None:
        encoding = self._question.encoding
        masked = MaskedInput.decode(body, length=self._question.length, width=encoding.width)
        self._check_signature(party, masked_statement(self._company), masked.signature)
        np.add(self._total, masked.vector, out=self._total)
        self._masked_signatures[party] = masked.signature

    def _close_mask(self) -> dict[int, bytes]:
        self._require(len(self._masked_signatures), "sent a vector")
        survivors = Survivors(dict(sorted(self._masked_signatures.items())))
        self._survivors = frozenset(survivors.parties)
        if badly_held(self._choices, self._survivors, self._graph.threshold):
            raise self._aborted("too few holders of a survivor's shares survive")
        self._agreed = survivors_statement(self._company, survivors.parties)
        return dict.fromkeys(survivors.parties, survivors.encode())

    def _signed(self, party: int, body: bytes) -> None:
        signature = Signed.decode(body).signature
        self._check_signature(party, self._agreed, signature)
        self._signatures[party] = signature

    def _close_sign(self) -> dict[int, bytes]:
        self._require(len(self._signatures), "signed the survivors")
        agreement = Agreement(dict(sorted(self._signatures.items()))).encode()
        return dict.fromkeys(sorted(self._signatures), agreement)

    def _unmasking(self, party: int, body: bytes) -> None:
        unmasking = Unmasking.decode(body)
        for owners, shares in (
            (unmasking.own_masks, self._own_masks),
            (unmasking.pair_masks, self._pair_masks),
        ):
            for owner, share in owners.items():
                if party in self._choices.get(owner, ()):
                    shares[owner][party + 1] = share

    def _check_public(self, key: bytes) -> None:
        """Throw out a key for which every honest party would refuse the whole key list."""
        try:
            _ANYBODY.agree(key)
        except ValueError as error:
            raise _Wrong(str(error)) from error
        if key in self._public:
            raise _Wrong("it sent a key twice, or one that another party had sent")
        self._public.add(key)

    def _check_signature(self, party: int, statement: bytes, signature: bytes) -> None:
        if not self._verify(self._identities[self._name(party)], statement, signature):
            raise _Wrong("its signature does not hold for this attempt as the coordinator ran it")

    def _reconstruct(self, owner: int, shares: Mapping[int, bytes]) -> bytes:
        try:
            return reconstruct(shares, self._graph.threshold)
        except ShareError as error:
            raise self._aborted(f"the secret of {self._name(owner)} is lost: {error}") from error

    def _require(self, count: int, did: str) -> None:
        if count < self._question.threshold:
            raise self._aborted(f"{count} parties {did}; {self._question.threshold} have to")

    def _aborted(self, reason: str) -> Aborted:
        return Aborted(self._round, reason)

    def _name(self, index: int) -> ProviderId:
        return self._question.parties[index]


class _Wrong(Exception):  # noqa: N818 - drops the sender out, and is no error of ours
    """A party's message does not fit what came before."""
