"""What can be read off a TLS certificate: when it is in force, and whether a key belongs to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

WARN_BEFORE = timedelta(days=30)
"""How long before its end a certificate is worth a warning."""


@dataclass(frozen=True, slots=True)
class Term:
    """From when until when a certificate is in force; times have a zone."""

    begins: datetime
    ends: datetime

    def problem(self, now: datetime) -> str:
        """Why it is not in force, as the end of a sentence; empty where it is."""
        if now > self.ends:
            return f"ran out on {self.ends:%Y-%m-%d}"
        if now < self.begins:
            return f"is not in force before {self.begins:%Y-%m-%d %H:%M} UTC"
        return ""

    def warning(self, now: datetime) -> str:
        """Its problem, or that it will have one soon; empty where all is well."""
        if (problem := self.problem(now)) or now <= self.ends - WARN_BEFORE:
            return problem
        return f"runs out in {(self.ends - now).days} days, on {self.ends:%Y-%m-%d}"


def term(chain: bytes) -> Term:
    """When every certificate of a chain is in force.

    Args:
        chain: PEM, at least one certificate.

    Raises:
        ValueError: There is none.
    """
    certificates = _certificates(chain)
    return Term(
        max(each.not_valid_before_utc for each in certificates),
        min(each.not_valid_after_utc for each in certificates),
    )


def check_pair(chain: bytes, key: bytes) -> None:
    """Check that a private key is that of a chain's first certificate.

    Args:
        chain: PEM, the own certificate first.
        key: PEM, not encrypted.

    Raises:
        ValueError: It is not, or one of them cannot be read; the sentence says which.
    """
    certificate = _certificates(chain)[0]
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise ValueError("the key file holds no private key") from error
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if private.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        raise ValueError("the key is not that of the certificate")


def _certificates(chain: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain)
    except ValueError as error:
        raise ValueError("the certificate file holds no certificate") from error
