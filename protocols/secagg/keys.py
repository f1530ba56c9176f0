"""Keys: signing identities, key agreement, sealing, key derivation, and the one keyed stream.

Thin, typed wrappers around `cryptography`, which has the primitives; nothing here draws randomness:
whoever makes a key brings its 32 bytes. Objects that hold a secret never show it in their `repr`.

Sources: Ed25519 (RFC 8032), X25519 (RFC 7748), HKDF (RFC 5869), ChaCha20-Poly1305 (RFC 8439),
AES in counter mode (NIST SP 800-38A).
"""

from typing import Self

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
SIGNATURE_BYTES = 64
SEAL_BYTES = 16
"""How much longer a sealed text is than the plain one."""

_FIELD = 2**255 - 19
_EDWARDS_D = -121665 * pow(121666, -1, _FIELD) % _FIELD
_NONCE = bytes(12)
_CHUNK = bytes(1 << 16)


class Unsealable(ValueError):  # noqa: N818 - says what the sealed text is
    """A sealed text that this key and these associated data do not open."""


def derive(secret: bytes, *, salt: bytes, info: bytes, length: int = KEY_BYTES) -> bytes:
    """`length` bytes (1 to 8160) that depend on every argument: HKDF-SHA256.

    Args:
        secret: What only the right parties know; uniform or not, but hard to guess.
        salt: Public; binds the result to its occasion, such as one transcript.
        info: Public; names the use, starting with "synlearn/".
        length: Bytes wanted.
    """
    return HKDF(SHA256(), length, salt, info).derive(secret)


class Identity:
    """A lasting signing key (Ed25519) of a party, a coordinator or the federation's authority."""

    __slots__ = ("_key", "public")

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()

    @classmethod
    def from_bytes(cls, private: bytes) -> Self:
        """The identity of a private key of 32 random bytes; ValueError at another length."""
        return cls(Ed25519PrivateKey.from_private_bytes(private))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message.

        The message must begin with what it is for ("synlearn/roster/v1", say), so that no signature
        can be passed off as another kind's.
        """
        return self._key.sign(message)

    def __repr__(self) -> str:
        return f"Identity(public={self.public.hex()})"


def verified(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is of `message` by the holder of `public`.

    False, and never an exception, for a key or a signature of another length, and for keys of low
    order, under which everybody can sign.
    """
    if len(public) != KEY_BYTES or _has_low_order(_height(public)):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


def is_identity(public: bytes) -> bool:
    """Whether these bytes can be somebody's public signing key.

    They must be a point of the curve, canonically encoded, and none of the eight points of
    low order. Whether anybody holds the private key is another matter.
    """
    if len(public) != KEY_BYTES:
        return False
    y = _height(public)
    if y >= _FIELD or _has_low_order(y):
        return False
    # On the curve, x^2 = (y^2 - 1) / (d y^2 + 1): a square if and only if the product is one.
    product = (y * y - 1) * (_EDWARDS_D * y * y + 1) % _FIELD
    return pow(product, (_FIELD - 1) // 2, _FIELD) == 1


def _height(public: bytes) -> int:
    """The y coordinate of an encoded point, without the bit that holds the sign of x."""
    return int.from_bytes(public, "little") & (2**255 - 1)


def _has_low_order(y: int) -> bool:
    """Whether a point at this y has order 1 (y = 1), 2 (y = -1), 4 (y = 0) or 8.

    Twice a point of order 8 has y = 0, hence x^2 = -y^2; put into the curve's equation,
    -x^2 + y^2 = 1 + d x^2 y^2, that is d y^4 + 2 y^2 - 1 = 0.
    """
    square = y * y % _FIELD
    return y * (square - 1) * (_EDWARDS_D * square * square + 2 * square - 1) % _FIELD == 0


class AgreementKey:
    """A key from which two parties agree on a secret (X25519); made for one attempt, forgotten."""

    __slots__ = ("_key", "public")

    def __init__(self, key: X25519PrivateKey) -> None:
        self._key = key
        self.public: bytes = key.public_key().public_bytes_raw()

    @classmethod
    def from_bytes(cls, private: bytes) -> Self:
        """The key of 32 random bytes; ValueError at another length."""
        return cls(X25519PrivateKey.from_private_bytes(private))

    def agree(self, peer: bytes) -> bytes:
        """The 32 bytes that only the holders of the two private keys can compute; derive from them.

        Args:
            peer: The other's public key, 32 bytes.

        Raises:
            ValueError: `peer` has another length, low order, or a second encoding of some key: who
                compares public keys must be able to rely on their bytes.
        """
        if len(peer) != KEY_BYTES or int.from_bytes(peer, "little") >= _FIELD:
            raise ValueError(f"a public agreement key has {KEY_BYTES} bytes, below 2**255 - 19")
        try:
            return self._key.exchange(X25519PublicKey.from_public_bytes(peer))
        except ValueError as error:
            raise ValueError("a public agreement key of low order agrees on nothing") from error

    def __repr__(self) -> str:
        return f"AgreementKey(public={self.public.hex()})"


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """`plaintext` encrypted and authenticated together with `associated`, which stays outside.

    The nonce is zero, so a key must seal one text only: derive it from all that makes the text
    unique (transcript, sender, receiver).

    Args:
        key: 32 bytes.
        plaintext: What to hide; the result is 16 bytes longer.
        associated: What `unseal` must be given again.
    """
    return ChaCha20Poly1305(key).encrypt(_NONCE, plaintext, associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """What `seal` was given with the same key and associated data.

    Raises:
        Unsealable: It was sealed under another key or other data, or was altered.
    """
    try:
        return ChaCha20Poly1305(key).decrypt(_NONCE, sealed, associated)
    except InvalidTag:
        raise Unsealable("the sealed text was altered, or is not for this key and use") from None


class ByteStream:
    """Endless bytes from a seed: the one source of randomness, named by what it is for.

    AES-256 in counter mode, under a key derived from seed and label. The same seed and label give
    the same bytes, however they are taken; another label gives unrelated ones.

    >>> stream = ByteStream(bytes(32), "doctest")
    >>> stream.take(3) + stream.take(5) == ByteStream(bytes(32), "doctest").take(8)
    True
    """

    __slots__ = ("_stream",)

    def __init__(self, seed: bytes, label: str) -> None:
        """Begin a stream.

        Args:
            seed: 32 random bytes; ValueError at another length.
            label: What the bytes are for; two uses of a seed must have two labels.
        """
        if len(seed) != KEY_BYTES:
            raise ValueError(f"a seed has {KEY_BYTES} bytes, not {len(seed)}")
        key = derive(seed, salt=b"", info=b"synlearn/stream/v1|" + label.encode())
        self._stream = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        return self._stream.update(bytes(count))

    def fill(self, buffer: bytearray | memoryview) -> None:
        """Put the next bytes into `buffer` (of an array, its `data`), until it is full.

        Read numbers from them as little-endian, so that every machine draws the same.
        """
        view = memoryview(buffer)
        if not view.nbytes:
            return
        view = view.cast("B")
        for start in range(0, len(view), len(_CHUNK)):
            part = view[start : start + len(_CHUNK)]
            part[:] = self._stream.update(_CHUNK[: len(part)])
