"""How a site asks to become a member, and takes in what the authority sends back."""

import json
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_public_key,
)

from protocols.enrolment import Admission, Enrolment, sign_enrolment
from protocols.errors import Refused
from provider.data.labels import LEFT_OUT
from provider.data.settings import open_source
from provider.site.config import check_address
from provider.site.federation import federation_under
from provider.site.memory import Memory
from synlearn.atomic import write_atomically
from synlearn.errors import InputError


def request(memory: Memory, supernode: Path | None = None) -> bytes:
    """What the site asks of the authority, signed; makes a TLS key where there is none.

    Args:
        memory: The site's.
        supernode: File with the public key of its Flower SuperNode, as `ssh-keygen` writes it.

    Raises:
        InputError: The data cannot be listed, or a file cannot be read or written.
    """
    local = open_source(memory.config.node.data).local_classes()
    names = memory.config.labels.resolve(local)
    enrolment = Enrolment(
        memory.provider,
        memory.key.identity.public,
        frozenset(name for name in names.values() if name != LEFT_OUT),
        _certificate_request(memory),
        b"" if supernode is None else _supernode_key(supernode),
    )
    return sign_enrolment(enrolment, memory.key.identity).encode()


def read_admission(path: Path) -> Admission:
    """What the authority has sent.

    Raises:
        InputError: The file cannot be read, or is none such.
    """
    try:
        return Admission.decode(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path} is no admission: {error}.") from error


def take_in(memory: Memory, admission: Admission) -> None:
    """Check an admission against keys and roster, and keep its papers.

    Args:
        memory: The site's.
        admission: Whose authority the owner has compared with what was told another way.

    Raises:
        InputError: It is not for this site, or does not hold.
    """
    if admission.provider != memory.provider:
        raise InputError(f"It is for {admission.provider}; this is {memory.provider}.")
    for address in admission.coordinators:
        check_address(address)
    federation = federation_under(memory, admission.authority)
    try:
        federation.follow(admission.rosters).check_self(memory.provider, memory.key.identity.public)
    except Refused as refused:
        raise InputError(f"It does not hold: {refused.local}.") from refused
    _check_certificate(memory, admission.certificate)
    write_atomically(memory.home.ca, admission.ca)
    write_atomically(memory.home.certificate, admission.certificate)
    lines = {
        "authority": admission.authority.hex(),
        "coordinators": list(admission.coordinators),
        "ca": memory.home.ca.name,
        "certificate": memory.home.certificate.name,
        "key": memory.home.tls_key.name,
    }
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    write_atomically(memory.home.federation, text.encode())
    memory.journal.append("enrolled", {"authority": admission.authority.hex()})


def _certificate_request(memory: Memory) -> bytes:
    key = _tls_key(memory.home.tls_key)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, memory.provider[:64])])
    made = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    return made.public_bytes(Encoding.PEM)


def _supernode_key(path: Path) -> bytes:
    """A public key in DER, from an OpenSSH file."""
    try:
        key = load_ssh_public_key(path.read_bytes())
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise InputError(
            f"{path} holds no public key of a SuperNode; make one: "
            "ssh-keygen -t ecdsa -b 384 -N '' -f supernode"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise InputError(f"{path} holds another kind of key than ECDSA, which Flower asks for.")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def _tls_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        data = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        write_atomically(path, data)
        path.chmod(0o600)
    try:
        key = load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path} holds no private key; move it away, and ask again.") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise InputError(f"{path} holds another kind of key; move it away, and ask again.")
    return key


def _check_certificate(memory: Memory, certificate: bytes) -> None:
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    own = _tls_key(memory.home.tls_key).public_key().public_bytes(*form)
    try:
        given = x509.load_pem_x509_certificate(certificate).public_key().public_bytes(*form)
    except ValueError as error:
        raise InputError("Its certificate is damaged; ask for it again.") from error
    if given != own:
        raise InputError("Its certificate is for another key; ask again: synlearn-provider request")
