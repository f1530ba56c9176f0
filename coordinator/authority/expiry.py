"""When the certificates of a federation run out, and whom to tell in time."""

import logging
from dataclasses import dataclass
from datetime import datetime

from coordinator.authority.folder import FederationFolder
from protocols.certificates import Term, term
from synlearn.errors import InputError

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Expiry:
    """One certificate.

    Attributes:
        of: Whose it is, as in "the certificate of ...".
        term: When it is in force.
        next: What to do about it.
    """

    of: str
    term: Term
    next: str


def expiries(folder: FederationFolder) -> tuple[Expiry, ...]:
    """The authority's certificate, the coordinator's, and the last one issued to each member.

    Raises:
        InputError: A file of the folder is missing or damaged.
    """
    renew = f"synlearn-coordinator federation renew {folder.root}"
    admit = "it sends a new request (synlearn-provider request), and you admit it again"
    return (
        Expiry("the authority", _term("ca.pem", folder.ca), "found a new federation before"),
        Expiry("the coordinator", _term("tls.pem", folder.server.certificate), renew),
        *(Expiry(name, end, admit) for name, end in sorted(folder.certificates().items())),
    )


def warn_of_expiry(folder: FederationFolder, now: datetime) -> None:
    """Put into the log what runs out within 30 days, or has run out; call it once a day.

    gRPC does not tell who was refused for an old certificate: these lines do.

    Args:
        folder: Of the federation; a file of it that cannot be read is a line of the log, too.
        now: With its time zone.
    """
    try:
        found = expiries(folder)
    except InputError as error:
        _log.warning("it is not known when certificates run out: %s", error)
        return
    for each in found:
        if warning := each.term.warning(now):
            over = ", and connections with it are refused" if each.term.problem(now) else ""
            _log.warning("the certificate of %s %s%s: %s", each.of, warning, over, each.next)


def _term(name: str, chain: bytes) -> Term:
    try:
        return term(chain)
    except ValueError as error:
        raise InputError(f"{name} cannot be used: {error}.") from error
