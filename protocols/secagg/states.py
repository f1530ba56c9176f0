"""Where a party stands after each round of an attempt; secrets live here, and never on disk."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from protocols.ids import ProviderId
from protocols.secagg.floors import Floors
from protocols.secagg.graph import Graph
from protocols.secagg.keys import AgreementKey, Identity, verified
from protocols.secagg.messages import Advertisement
from protocols.secagg.neighbours import Choices
from protocols.secagg.question import AggregationQuestion

Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]
"""Checks a signature: (public key, message, signature) -> whether it holds."""


@dataclass(frozen=True, slots=True)
class Party:
    """Who takes part, and on whose terms; the same for all rounds of an attempt.

    Attributes:
        name: The party.
        question: What is asked.
        identity: The party's lasting signing key.
        identities: Public identity keys of all parties, from the roster.
        floors: What the party demands of its company.
        verify: Checks a signature: (public key, message, signature) -> whether it holds.
    """

    name: ProviderId
    question: AggregationQuestion
    identity: Identity
    identities: Mapping[ProviderId, bytes]
    floors: Floors
    verify: Verify = verified

    @property
    def index(self) -> int:
        """The party's place in the question."""
        return self.question.index(self.name)


@dataclass(frozen=True, slots=True)
class Advertised:
    """After ADVERTISE.

    Attributes:
        party: Who.
        seed: 32 random bytes, from which all secrets of the attempt are derived.
        sealing: Private key for sealing shares.
        masking: Private key for masks, and its 32 bytes, which are shared out.
        masking_secret: See `masking`.
        own_seed: 32 bytes behind the party's own mask, shared out too.
        choice_seed: 32 bytes from which its neighbours are drawn.
        advertisement: What was sent.
    """

    party: Party
    seed: bytes = field(repr=False)
    sealing: AgreementKey
    masking: AgreementKey
    masking_secret: bytes = field(repr=False)
    own_seed: bytes = field(repr=False)
    choice_seed: bytes = field(repr=False)
    advertisement: Advertisement


@dataclass(frozen=True, slots=True)
class Shared:
    """After SHARE.

    Attributes:
        before: The state before.
        keys: All advertisements, by party.
        context: Digest of question and key list, 32 bytes.
        graph: Who shares with how many.
        own_shares: On the complete graph, the party's shares of its own secrets; else empty.
    """

    before: Advertised
    keys: Mapping[int, Advertisement]
    context: bytes
    graph: Graph
    own_shares: bytes


@dataclass(frozen=True, slots=True)
class Masked:
    """After MASK: the party's own secrets are forgotten.

    Attributes:
        party: Who.
        graph: Who shared with how many.
        company: Digest of question, key list and who shared, 32 bytes.
        choices: Whom each that shared had drawn.
        held: Shares by sender: of its own mask's seed, then of its masking key.
    """

    party: Party
    graph: Graph
    company: bytes
    choices: Choices
    held: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class HasSigned:
    """After SIGN.

    Attributes:
        before: The state before.
        survivors: The list that was signed.
        statement: What was signed.
    """

    before: Masked
    survivors: frozenset[int]
    statement: bytes
