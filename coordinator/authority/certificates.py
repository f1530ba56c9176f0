"""The authority's TLS certificates: its own, the coordinator's, the sites'."""

import ipaddress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

from synlearn.errors import InputError

AUTHORITY_DAYS = 3650
MEMBER_DAYS = 365
_SKEW = timedelta(minutes=10)
"""Clocks may differ by so much."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """PEM texts of a certificate and its private key."""

    certificate: bytes
    key: bytes = field(repr=False)


def new_key() -> bytes:
    """A fresh TLS key, PEM, not encrypted."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_authority(name: str, now: datetime) -> KeyPair:
    """The federation's own certificate, which signs all others."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = _name(name)
    certificate = (
        _builder(subject, subject, key.public_key(), now, AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate.public_bytes(Encoding.PEM), private)


def issue_server(authority: KeyPair, hosts: tuple[str, ...], now: datetime) -> KeyPair:
    """A certificate for the coordinator's session port.

    Args:
        authority: Signs it.
        hosts: Names and addresses under which it is dialled; at least one.
        now: From when on.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.SubjectAlternativeName([_host(host) for host in hosts])
    usage = ExtendedKeyUsageOID.SERVER_AUTH
    certificate = _member(authority, key.public_key(), names, usage, name=hosts[0], now=now)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return KeyPair(certificate, private)


def issue_site(authority: KeyPair, request: bytes, name: str, now: datetime) -> bytes:
    """A certificate, PEM, to the key of a site's request; its name is what the authority says.

    Raises:
        InputError: The request is damaged, or not signed by its own key.
    """
    try:
        asked = x509.load_pem_x509_csr(request)
        sound = asked.is_signature_valid
    except (ValueError, InvalidSignature) as error:
        raise InputError("The certificate request of the site is damaged; ask for it again.") from (
            error
        )
    key = asked.public_key()
    if not sound or not isinstance(key, ec.EllipticCurvePublicKey):
        raise InputError("The certificate request is not signed by an own EC key; ask again.")
    names = x509.SubjectAlternativeName([x509.DNSName(name)])
    usage = ExtendedKeyUsageOID.CLIENT_AUTH
    return _member(authority, key, names, usage, name=name, now=now)


def _member(
    authority: KeyPair,
    public: ec.EllipticCurvePublicKey,
    names: x509.SubjectAlternativeName,
    usage: x509.ObjectIdentifier,
    *,
    name: str,
    now: datetime,
) -> bytes:
    signer = load_pem_private_key(authority.key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)  # noqa: S101 - `make_authority` made it
    issuer = x509.load_pem_x509_certificate(authority.certificate).subject
    certificate = (
        _builder(_name(name), issuer, public, now, MEMBER_DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(names, critical=False)
        .sign(signer, hashes.SHA256())
    )
    return certificate.public_bytes(Encoding.PEM)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs,
        crl_sign=signs,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name[:64])])


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
