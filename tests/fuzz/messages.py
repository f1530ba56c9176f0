"""Everything signed or sent in a secure aggregation, and invitations: decoders of bytes."""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import numpy as np

from protocols.endorsement import Endorsement, SignedEndorsement
from protocols.errors import FrameError, Refused
from protocols.invitation import Invitation
from protocols.job_plan import JobPlan, SignedPlan
from protocols.mquery import SignedQuestion
from protocols.secagg.manifest import JobManifest, SignedManifest
from protocols.secagg.messages import (
    ADVERTISEMENT_BYTES,
    SEALED_BYTES,
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
from protocols.secagg.question import AggregationQuestion
from protocols.secagg.roster import Roster, SignedRoster
from protocols.secagg.shamir import SHARE_BYTES
from protocols.secagg.standing import Standing
from protocols.values import decode_values
from tests.fuzz import signed as s
from tests.fuzz.bodies import body
from tests.fuzz.target import Target

_LENGTH = 6


class Encodes(Protocol):
    """What has bytes."""

    def encode(self) -> bytes:
        """Its bytes."""
        ...


Decoder: TypeAlias = Callable[[bytes], Encodes]


def _masked(data: bytes) -> MaskedInput:
    return MaskedInput.decode(data, length=_LENGTH, width=32)


REFUSING: tuple[Decoder, ...] = (
    Advertisement.decode,
    KeyList.decode,
    SealedShares.decode,
    Delivery.decode,
    _masked,
    Survivors.decode,
    Signed.decode,
    Agreement.decode,
    Unmasking.decode,
    SignedRoster.decode,
    SignedManifest.decode,
    SignedQuestion.decode,
    AggregationQuestion.decode,
    Invitation.decode,
    SignedPlan.decode,
    SignedEndorsement.decode,
)
"""Decoders that raise Refused, and nothing else."""
PARSING: tuple[Decoder, ...] = (
    Roster.decode,
    JobManifest.decode,
    JobPlan.decode,
    Endorsement.decode,
    Standing.decode,
)
"""Decoders that raise ValueError; those who call them know."""


def run(data: bytes) -> None:
    """Every decoder refuses in its own way; what it takes encodes to the very same bytes."""
    for decode in REFUSING:
        try:
            _check(decode, decode(data), data)
        except Refused as refused:
            assert refused.local
    for decode in PARSING:
        try:
            _check(decode, decode(data), data)
        except ValueError as error:
            assert type(error) in {ValueError, FrameError}, error


def _check(decode: Decoder, found: Encodes, data: bytes) -> None:
    again = found.encode()
    _, wanted = decode_values(data)
    _, have = decode_values(again)
    assert have.keys() <= wanted.keys()  # the messages of a round may carry more than is read
    assert decode(again).encode() == again
    if isinstance(found, KeyList):
        assert len(found.unpacked) == len(found.parties)
    if isinstance(found, AggregationQuestion):
        assert again == data
        assert len(found.transcript) == 32


def seeds() -> list[bytes]:
    """One of each."""
    keys = Advertisement(bytes(32), bytes(32), bytes(32), bytes(32), bytes(64))
    sealed = {1: bytes(SEALED_BYTES), 2: bytes(SEALED_BYTES)}
    seeds = {0: bytes(32), 1: bytes(32)}
    shares = {0: bytes(SHARE_BYTES), 2: bytes(SHARE_BYTES)}
    signatures = {0: bytes(64), 2: bytes(64)}
    made: tuple[Encodes, ...] = (
        keys,
        KeyList((0, 2), bytes(2 * ADVERTISEMENT_BYTES)),
        SealedShares(bytes(32), sealed),
        Delivery(seeds, sealed),
        MaskedInput(np.arange(_LENGTH, dtype=np.uint32), bytes(64)),
        Survivors(signatures),
        Signed(bytes(64)),
        Agreement(signatures),
        Unmasking(shares, {1: bytes(SHARE_BYTES)}),
        s.SIGNED_ROSTER,
        s.SIGNED_MANIFEST,
        s.SIGNED_QUESTION,
        s.QUESTION,
        s.NOISY,
        s.INVITATION,
        s.ROSTER,
        s.MANIFEST,
        s.PLAN,
        s.SIGNED_PLAN,
        s.ENDORSEMENT,
        s.SIGNED_ENDORSEMENT,
        s.STANDING,
    )
    return [one.encode() for one in made]


TARGET = Target("messages", run, seeds, body, examples=300)
