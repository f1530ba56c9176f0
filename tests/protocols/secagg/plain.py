"""The protocol once more: slow, plain, and written from its description alone.

It shares no code with the product. What is fast there is naive here: whole keystreams, one value at
a time as a Python integer, Lagrange's formula as it stands in the book, bytes put together by hand.
Only honest runs with dropouts are played; `play` sees everybody's secrets at once. The tests check
the product against it, message by message and byte by byte.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocols.secagg.question import AggregationQuestion
from tests.protocols.secagg.plain_bytes import Plain, body

ROUNDS = ("advertise", "share", "mask", "sign", "unmask")
PRIME = 2**256 + 297


@dataclass(frozen=True)
class Inputs:
    """All that decides a run.

    Attributes:
        question: What is asked.
        identities: Private Ed25519 keys, by index of the party.
        seeds: Of the attempt.
        values: Each party's vector.
        silent: In which round a party no longer sends.
        degree: How many others a party draws to hold its shares; None where all hold all.
        holders: How many shares give a secret back.
        noise: Units that a party adds to its vector.
    """

    question: AggregationQuestion
    identities: Sequence[bytes]
    seeds: Sequence[bytes]
    values: Sequence[Sequence[float]]
    silent: Mapping[int, str]
    degree: int | None
    holders: int
    noise: Sequence[Sequence[int]] | None = None


@dataclass
class Played:
    """A run, message by message.

    Attributes:
        sent: By round and party: what the party sent.
        opened: By round and party: the coordinator's message that opened the round.
        shares: By owner and holder: both shares, before they were sealed.
        survivors: Whose vectors are in the sum.
        total: The sum in units, as whole numbers.
    """

    sent: dict[tuple[str, int], bytes] = field(default_factory=dict)
    opened: dict[tuple[str, int], bytes] = field(default_factory=dict)
    shares: dict[tuple[int, int], bytes] = field(default_factory=dict)
    survivors: list[int] = field(default_factory=list)
    total: list[int] = field(default_factory=list)


def play(given: Inputs) -> Played:  # noqa: PLR0912, PLR0915 - a protocol, from start to end
    """One attempt from its first message to the sum; there must be enough survivors."""
    question, played = given.question, Played()
    everybody = range(len(question.parties))
    transcript = sha256(question_bytes(question))

    def sends(round_: str, parties: Sequence[int]) -> list[int]:
        """Those of `parties` whose message of a round is sent."""
        done = ROUNDS.index(round_)
        return [i for i in parties if i not in given.silent or ROUNDS.index(given.silent[i]) > done]

    # ADVERTISE. Every secret comes from the party's seed and the question.
    def secret(party: int, what: str) -> bytes:
        return hkdf(given.seeds[party], transcript, f"synlearn/secagg/{what}/v1")

    def key(party: int, what: str) -> X25519PrivateKey:
        return X25519PrivateKey.from_private_bytes(secret(party, what))

    advertised = {}
    for i in sends("advertise", everybody):
        keys = (
            key(i, "sealing-key").public_key().public_bytes_raw()
            + key(i, "masking-key").public_key().public_bytes_raw()
            + tagged("own-mask", transcript + secret(i, "own-mask"))
            + tagged("choice", transcript + secret(i, "choice"))
        )
        signature = sign(given.identities[i], "advertised", transcript + keys)
        advertised[i] = keys + signature
        played.sent["advertise", i] = body("advertisement", {"keys": octets(advertised[i])})

    # SHARE. Everybody has the key list; each draws its holders and gives them shares.
    first = sorted(advertised)
    key_list = body(
        "keys", {"parties": numbers(first), "keys": table([advertised[i] for i in first], 192)}
    )
    context = tagged("context", transcript + key_list)
    for i in first:
        played.opened["share", i] = key_list

    def drawn(i: int) -> list[int]:
        if given.degree is None:
            return first
        words = Stream(secret(i, "choice"), "neighbours")
        me, others, found = first.index(i), len(first) - 1, set[int]()
        while len(found) < given.degree:
            word = int.from_bytes(words.take(4), "little")
            if word < 2**32 - 2**32 % others:
                found.add(word % others)
        return [first[place if place < me else place + 1] for place in sorted(found)]

    sealed: dict[tuple[int, int], bytes] = {}
    for i in sends("share", first):
        random = Stream(hkdf(given.seeds[i], context, "synlearn/secagg/v1"), "shares")
        holders = drawn(i)
        own = polynomial(secret(i, "own-mask"), given.holders, random)
        pair = polynomial(secret(i, "masking-key"), given.holders, random)
        for j in holders:
            plain = b"".join(
                value_at(coefficients, j + 1).to_bytes(33, "big") for coefficients in (own, pair)
            )
            played.shares[i, j] = plain
            if i != j:
                agreed = exchange(key(i, "sealing-key"), key(j, "sealing-key"))
                sealing = hkdf(agreed, context, f"synlearn/secagg/sealing/v1|{i}|{j}")
                addressed = context + f"|share of {i} for {j}".encode()
                sealed[i, j] = ChaCha20Poly1305(sealing).encrypt(bytes(12), plain, addressed)
        receivers = [j for j in holders if j != i]
        played.sent["share", i] = body(
            "shares",
            {
                "choice_seed": octets(secret(i, "choice")),
                "parties": numbers(receivers),
                "sealed": table([sealed[i, j] for j in receivers], 82),
            },
        )

    # MASK. Everybody has its shares; each masks against those it drew and those that drew it.
    second = sends("share", first)
    company = tagged(
        "company", context + counted(second) + b"".join(secret(i, "choice") for i in second)
    )
    for j in second:
        senders = [i for i in second if i != j and j in drawn(i)]
        played.opened["mask", j] = body(
            "delivery",
            {
                "sharers": numbers(second),
                "choice_seeds": table([secret(i, "choice") for i in second], 32),
                "parties": numbers(senders),
                "sealed": table([sealed[i, j] for i in senders], 82),
            },
        )
    width, length = question.encoding.width, question.length

    def pair_mask(i: int, j: int) -> list[int]:
        """What i adds; j, the one of the two with the higher index, subtracts it."""
        low, high = min(i, j), max(i, j)
        agreed = exchange(key(low, "masking-key"), key(high, "masking-key"))
        seed = hkdf(agreed, context, f"synlearn/secagg/pair-mask/v1|{low}|{high}")
        stream = keystream(seed, length, width)
        return stream if i < j else [-word for word in stream]

    def own_mask(seed: bytes) -> list[int]:
        return keystream(hkdf(seed, context, "synlearn/secagg/self-mask/v1"), length, width)

    def against(i: int) -> list[int]:
        return [j for j in second if j != i and (j in drawn(i) or i in drawn(j))]

    masked = {}
    signatures = {}
    for i in sends("mask", second):
        vector = [round(Fraction(x) / Fraction(question.encoding.step)) for x in given.values[i]]
        if given.noise is not None:
            vector = plus(vector, given.noise[i])
        vector = plus(vector, own_mask(secret(i, "own-mask")))
        for j in against(i):
            vector = plus(vector, pair_mask(i, j))
        masked[i] = [word % 2**width for word in vector]
        signatures[i] = sign(given.identities[i], "masked", company)
        words = np.array(masked[i], f"u{width // 8}").view(f"i{width // 8}")
        played.sent["mask", i] = body(
            "masked", {"vector": words, "signature": octets(signatures[i])}
        )

    # SIGN. Everybody has the survivors.
    third = played.survivors = sends("mask", second)
    survivors = body(
        "survivors",
        {"parties": numbers(third), "signatures": table([signatures[i] for i in third], 64)},
    )
    agreements = {}
    for i in third:
        played.opened["sign", i] = survivors
    for i in sends("sign", third):
        agreements[i] = sign(given.identities[i], "survivors", company + counted(third))
        played.sent["sign", i] = body("signed", {"signature": octets(agreements[i])})

    # UNMASK. Everybody has the signatures, and gives one of two shares of each party.
    fourth = sends("sign", third)
    agreement = body(
        "agreement",
        {"parties": numbers(fourth), "signatures": table([agreements[i] for i in fourth], 64)},
    )
    revealed: dict[int, dict[int, int]] = {i: {} for i in second}
    for j in fourth:
        played.opened["unmask", j] = agreement
    for j in sends("unmask", fourth):
        held = [i for i in second if j in drawn(i)]
        stay, gone = ([i for i in held if (i in third) == there] for there in (True, False))
        own_shares = {i: played.shares[i, j][:33] for i in stay}
        pair_shares = {i: played.shares[i, j][33:] for i in gone}
        played.sent["unmask", j] = body(
            "unmasking",
            {
                "survivors": numbers(stay),
                "own_masks": table(list(own_shares.values()), 33),
                "dropped": numbers(gone),
                "pair_masks": table(list(pair_shares.values()), 33),
            },
        )
        for i, share in {**own_shares, **pair_shares}.items():
            revealed[i][j + 1] = int.from_bytes(share, "big")

    # The sum: from all masked vectors the masks are taken off again.
    total = [0] * length
    for i in third:
        total = plus(total, masked[i])
        total = minus(total, own_mask(at_zero(revealed[i], given.holders)))
    for i in set(second) - set(third):
        if [j for j in against(i) if j in third]:
            assert at_zero(revealed[i], given.holders) == secret(i, "masking-key")
        for j in against(i):
            if j in third:
                total = minus(total, pair_mask(j, i))
    half = 2 ** (width - 1)
    played.total = [(word + half) % 2**width - half for word in total]
    return played


def question_bytes(question: AggregationQuestion) -> bytes:
    """The canonical encoding of a question."""
    encoding = question.encoding
    values: dict[str, Plain] = {
        "job": str(question.job),
        "query": f"{question.query.phase}.{question.query.step}.{question.query.part}",
        "attempt": question.attempt,
        "body": octets(question.body),
        "parties": tuple(map(str, question.parties)),
        "slots": question.slots,
        "rows": question.rows,
        "threshold": question.threshold,
        "corrupt": question.corrupt,
        "dropouts": question.dropouts,
        "length": question.length,
        "manifest": str(question.manifest),
        "encoding.bound": encoding.bound,
        "encoding.step": encoding.step,
        "encoding.width": encoding.width,
    }
    if encoding.noise is not None:
        values["encoding.noise_sigma"] = encoding.noise.sigma
        values["encoding.noise_threshold"] = encoding.noise.threshold
        values["encoding.noise_colluders"] = encoding.noise.colluders
    return body("aggregation/v1", values)


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def tagged(purpose: str, data: bytes) -> bytes:
    """A digest that can be of one kind of thing only."""
    return sha256(f"synlearn/secagg/{purpose}/v1|".encode() + data)


def sign(private: bytes, purpose: str, data: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(private)
    return key.sign(f"synlearn/secagg/{purpose}/v1|".encode() + data)


def exchange(mine: X25519PrivateKey, theirs: X25519PrivateKey) -> bytes:
    public = theirs.public_key().public_bytes_raw()
    return mine.exchange(X25519PublicKey.from_public_bytes(public))


def hkdf(secret: bytes, salt: bytes, info: str) -> bytes:
    """RFC 5869 with SHA-256, for 32 bytes: extract, then the first block of expand."""
    extracted = hmac.digest(salt, secret, "sha256")
    return hmac.digest(extracted, info.encode() + b"\x01", "sha256")


class Stream:
    """Random bytes from a seed and a label, a few at a time."""

    def __init__(self, seed: bytes, label: str) -> None:
        key = hkdf(seed, b"", f"synlearn/stream/v1|{label}")
        self._bytes = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def take(self, count: int) -> bytes:
        return self._bytes.update(bytes(count))


def keystream(key: bytes, length: int, width: int) -> list[int]:
    """AES-256 in counter mode from two, all of it at once, as little-endian words."""
    size, first = width // 8, (2).to_bytes(16, "big")
    data = Cipher(algorithms.AES(key), modes.CTR(first)).encryptor().update(bytes(length * size))
    return [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]


def polynomial(secret: bytes, threshold: int, random: Stream) -> list[int]:
    """Coefficients, the highest power's first and the secret last."""
    found: list[int] = []
    while len(found) < threshold - 1:
        value = int.from_bytes(random.take(33), "big")
        if value < 2**264 - 2**264 % PRIME:
            found.append(value % PRIME)
    return [*found, int.from_bytes(secret, "big")]


def value_at(coefficients: Sequence[int], x: int) -> int:
    powers = [pow(x, power, PRIME) for power in reversed(range(len(coefficients)))]
    return sum(a * b for a, b in zip(coefficients, powers, strict=True)) % PRIME


def at_zero(shares: Mapping[int, int], threshold: int) -> bytes:
    """Lagrange's formula, from any `threshold` of the shares; here the last ones."""
    points = sorted(shares)[-threshold:]
    assert len(points) == threshold
    value = 0
    for x in points:
        term = shares[x]
        for y in points:
            if y != x:
                term = term * y % PRIME * pow(y - x, PRIME - 2, PRIME) % PRIME
        value += term
    return (value % PRIME).to_bytes(32, "big")


def plus(a: Sequence[int], b: Sequence[int]) -> list[int]:
    return [x + y for x, y in zip(a, b, strict=True)]


def minus(a: Sequence[int], b: Sequence[int]) -> list[int]:
    return [x - y for x, y in zip(a, b, strict=True)]


def octets(data: bytes) -> np.ndarray:
    return np.frombuffer(data, np.uint8)


def table(rows: Sequence[bytes], width: int) -> np.ndarray:
    return octets(b"".join(rows)).reshape(len(rows), width)


def numbers(indices: Sequence[int]) -> np.ndarray:
    return np.array(indices, np.int32)


def counted(indices: Sequence[int]) -> bytes:
    return f"{len(indices)}|".encode() + b"".join(i.to_bytes(4, "big") for i in indices)
