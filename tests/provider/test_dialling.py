"""What a node says of a dial that failed."""

from datetime import UTC, datetime, timedelta

import pytest

from provider.connections import ClientTls
from provider.dialling import meaning
from tests.certificates import Authority

NOW = datetime.now(UTC)
AUTHORITY = Authority()
OWN = AUTHORITY.issue("alice")
TLS = ClientTls(AUTHORITY.certificate, OWN.certificate, OWN.key)
HANDSHAKE = (
    "The connection was lost: failed to connect to all addresses; last error: UNKNOWN: "
    "ipv4:127.0.0.1:1: Tls handshake failed (TSI_PROTOCOL_FAILURE): SSL_ERROR_SSL: "
    "error:1000007d:SSL routines:OPENSSL_internal:{}: OK."
)


@pytest.mark.parametrize(
    ("details", "says"),
    [
        (HANDSHAKE.format("CERTIFICATE_VERIFY_FAILED: certificate has expired"), "ran out"),
        (HANDSHAKE.format("CERTIFICATE_VERIFY_FAILED: certificate is not yet valid"), "clocks"),
        (HANDSHAKE.format("CERTIFICATE_VERIFY_FAILED: unable to get issuer"), "`ca`"),
        (HANDSHAKE.format("BAD_SIGNATURE: certificate signature failure"), "`ca`"),
        (HANDSHAKE.format("WRONG_VERSION_NUMBER: Invalid context"), "no TLS"),
        (HANDSHAKE.format("UNSUPPORTED_PROTOCOL: Invalid context"), "not safe"),
        ("Hostname Verification Check failed.", "another name"),
        ("ipv4:127.0.0.1:1: Socket closed.", "may not take this node's certificate"),
        ("ipv4:127.0.0.1:1: Failed to connect to remote host: Connection refused.", ""),
    ],
)
def test_what_failed_in_words_of_the_owner(details: str, says: str) -> None:
    said = meaning(details, TLS, NOW)
    assert says in said
    assert bool(said) == bool(says)


def test_its_own_certificate_is_looked_at_first() -> None:
    later = NOW + timedelta(days=1)
    said = meaning("Socket closed.", TLS, later)
    assert said.startswith("This node's own certificate ran out on ")
    assert "synlearn-provider request" in said
    assert "is not in force before" in meaning("Socket closed.", TLS, NOW - timedelta(days=1))


def test_without_tls_there_is_no_certificate_to_blame() -> None:
    assert "may want TLS" in meaning("Socket closed.", None, NOW)
    assert meaning("Connection refused.", ClientTls(AUTHORITY.certificate), NOW) == ""
