"""What a failed dial means, said so that an owner knows what to do."""

from datetime import datetime

from protocols.certificates import term
from provider.connections import ClientTls

# Words of gRPC and BoringSSL, of versions 1.70 to 1.85, and what they mean at this end.
_MEANINGS = (
    ("certificate has expired", "The coordinator's certificate ran out: tell its operator."),
    ("not yet valid", "The coordinator's certificate is not in force yet: look at the clocks."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "The coordinator's certificate is not of the authority in `ca`: nothing was sent to it.",
    ),
    (
        "certificate signature failure",
        "The coordinator's certificate is not of the authority in `ca`: nothing was sent to it.",
    ),
    (
        "ostname Verification",
        "The coordinator's certificate is for another name than the one dialled: nothing was sent "
        "to it.",
    ),
    ("WRONG_VERSION_NUMBER", "What answers there speaks no TLS: nothing was sent to it."),
    (
        "UNSUPPORTED_PROTOCOL",
        "What answers there speaks only versions of TLS that are not safe: nothing was sent to it.",
    ),
)
_HUNG_UP = ("Socket closed", "onnection reset", "Broken pipe")


def meaning(details: str, tls: ClientTls | None, now: datetime) -> str:
    """What this end can say about a stream that was lost before it was let in.

    Args:
        details: What gRPC says.
        tls: What was dialled with; None for plaintext.
        now: With its time zone.

    Returns:
        One or two sentences; empty where nothing more is known.
    """
    said = [own_problem(tls, now)] if tls else []
    said += [sentence for words, sentence in _MEANINGS if words in details][:1]
    if not any(said) and any(words in details for words in _HUNG_UP):
        said.append(
            "If it was the coordinator that hung up, its log says why: it may not take this "
            "node's certificate."
            if tls
            else "The coordinator may want TLS, and it was dialled without."
        )
    return " ".join(filter(None, said))


def own_problem(tls: ClientTls, now: datetime) -> str:
    """Why the node's own certificate will not be taken; empty where it is in force."""
    if tls.certificate is None:
        return ""
    problem = term(tls.certificate).problem(now)
    return (
        f"This node's own certificate {problem}: ask for a new one with synlearn-provider request."
        if problem
        else ""
    )
