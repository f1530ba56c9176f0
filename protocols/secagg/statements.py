"""What parties commit to and sign: each with its own prefix, bound to all that came before.

Three digests of 32 bytes grow with the attempt: the question's transcript; the context, which adds
the key list; the company, which adds who shared. Fields have fixed lengths, or are encodings of
which equal values have equal bytes.
"""

import hashlib
from collections.abc import Iterable, Mapping

from protocols.secagg.messages import Advertisement, KeyList


def own_mask_commitment(transcript: bytes, seed: bytes) -> bytes:
    """The commitment to the seed of a party's own mask."""
    return _digest(b"own-mask", transcript, seed)


def choice_commitment(transcript: bytes, seed: bytes) -> bytes:
    """The commitment to the seed from which a party draws its neighbours."""
    return _digest(b"choice", transcript, seed)


def context_digest(transcript: bytes, keys: KeyList) -> bytes:
    """What keys and masks are bound to: the question and everybody's keys."""
    return _digest(b"context", transcript, keys.encode())


def company_digest(context: bytes, choice_seeds: Mapping[int, bytes]) -> bytes:
    """Who shared, and with whom: between these, masks are exchanged."""
    return _digest(b"company", context, _numbers(choice_seeds), *choice_seeds.values())


def advertised_statement(transcript: bytes, keys: Advertisement) -> bytes:
    """What a party signs in ADVERTISE: these are my keys for this question."""
    return _prefix(b"advertised") + transcript + keys.unsigned


def masked_statement(company: bytes) -> bytes:
    """What a party signs in MASK: with this company I masked."""
    return _prefix(b"masked") + company


def survivors_statement(company: bytes, survivors: Iterable[int]) -> bytes:
    """What a party signs in SIGN: these, and no others, are in the sum."""
    return _prefix(b"survivors") + company + _numbers(survivors)


def _digest(purpose: bytes, *parts: bytes) -> bytes:
    return hashlib.sha256(_prefix(purpose) + b"".join(parts)).digest()


def _prefix(purpose: bytes) -> bytes:
    return b"synlearn/secagg/%s/v1|" % purpose


def _numbers(indices: Iterable[int]) -> bytes:
    numbers = list(indices)
    return b"%d|" % len(numbers) + b"".join(index.to_bytes(4, "big") for index in numbers)
