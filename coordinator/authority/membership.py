"""What an authority does: found a federation, admit sites, revoke them, renew certificates."""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from coordinator.authority.certificates import issue_server, issue_site, make_authority
from coordinator.authority.folder import (
    FederationFolder,
    new_identity,
    read_identity,
    write_secret,
)
from protocols.certificates import term
from protocols.enrolment import Admission, Enrolment, accept_enrolment
from protocols.ids import ProviderId
from protocols.masked import MASKED
from protocols.queries import QUERIES, SUM_QUERIES
from protocols.secagg.member import Member
from protocols.secagg.roster import Roster, sign_roster
from synlearn.atomic import write_atomically
from synlearn.errors import InputError


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)


def found(root: Path, name: str, hosts: tuple[str, ...], port: int) -> FederationFolder:
    """Make the folder of a federation: keys, certificates, configuration; no member yet.

    Raises:
        InputError: The folder is not empty, or there is no host.
    """
    if not hosts:
        raise InputError("Give at least one --host, under which nodes dial the coordinator.")
    if root.exists() and any(root.iterdir()):
        raise InputError(f"{root} is not empty; give a new folder.")
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = utc_now()
    authority = make_authority(f"{name} authority", now)
    server = issue_server(authority, hosts, now)
    write_secret(root / "authority" / "tls.key", authority.key)
    write_secret(root / "authority" / "identity.pem", new_identity())
    write_secret(root / "coordinator" / "identity.pem", new_identity())
    write_secret(root / "coordinator" / "tls.key", server.key)
    write_atomically(root / "coordinator" / "tls.pem", server.certificate)
    write_atomically(root / "ca.pem", authority.certificate)
    folder = FederationFolder(root)
    write_atomically(root / "authority.pub", f"{folder.authority.public.hex()}\n".encode())
    text = f"name = {json.dumps(name)}\nhosts = {json.dumps(list(hosts))}\nport = {port}\n"
    write_atomically(root / "federation.toml", text.encode())
    return folder


def read_request(path: Path) -> Enrolment:
    """What a site asks for.

    Raises:
        InputError: The file cannot be read, or is none such.
    """
    try:
        return accept_enrolment(path.read_bytes())
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path} is no request of a site: {error}.") from error


def admit(folder: FederationFolder, enrolments: Iterable[Enrolment]) -> dict[ProviderId, Admission]:
    """Make sites members, or renew what they have, in one new version of the roster.

    Where nothing but certificates is new, the roster stays as it is, and so do the jobs that run
    under it. A member that comes with another identity is refused: revoke it first.

    Raises:
        InputError: So, or the authority's keys are not here.
    """
    asked = {each.provider: each for each in enrolments}
    before = folder.roster()
    members = dict(before.by_name) if before else {}
    for name, each in asked.items():
        known = members.get(name)
        if known is not None and known.identity != each.identity:
            raise InputError(
                f"{name} is a member under another identity; revoke it first, if that is right."
            )
        members[name] = _member(folder, each)
    tls, config, now = folder.tls_authority, folder.config, utc_now()
    issued = {
        name: issue_site(tls, each.certificate_request, name, now) for name, each in asked.items()
    }
    if before is None or members != before.by_name:
        _publish(folder, before, members.values())
    for name, each in asked.items():
        folder.keep_supernode(name, each.supernode)
        folder.keep_certificate(name, issued[name])
    return {
        name: Admission(
            provider=name,
            authority=folder.public,
            rosters=folder.links(),
            ca=folder.ca,
            certificate=certificate,
            coordinators=config.addresses,
        )
        for name, certificate in issued.items()
    }


def revoke(folder: FederationFolder, name: str) -> Roster:
    """Take a member out of the next version of the roster.

    Raises:
        InputError: There is no such member.
    """
    before = folder.roster()
    if before is None or name not in before.by_name:
        raise InputError(f"{name} is no member; see: synlearn-coordinator federation nodes")
    folder.keep_supernode(ProviderId(name), b"")
    folder.keep_certificate(ProviderId(name), b"")
    return _publish(folder, before, [each for each in before.members if each.provider != name])


def renew(folder: FederationFolder) -> datetime:
    """Give the coordinator a new TLS certificate and key, and nothing else; returns its end.

    Its identity and the roster stay, so jobs that run go on; a coordinator that runs takes the new
    files for the next connection.

    Raises:
        InputError: The authority's keys are not here.
    """
    server = issue_server(folder.tls_authority, folder.config.hosts, utc_now())
    _replace(folder, "tls.key", server.key)
    _replace(folder, "tls.pem", server.certificate)
    return term(server.certificate).ends


def rotate(folder: FederationFolder) -> None:
    """Renew the coordinator's identity and its certificate; the former ones count no more.

    No job that began under the former identity can go on.

    Raises:
        InputError: The authority's keys are not here.
    """
    before, _ = folder.roster(), folder.authority
    renew(folder)
    _replace(folder, "identity.pem", new_identity())
    if before is not None:
        _publish(folder, before, before.members)


def _replace(folder: FederationFolder, name: str, data: bytes) -> None:
    path = folder.root / "coordinator" / name  # a folder that only its owner may enter
    write_atomically(path, data)
    path.chmod(0o600)


def _member(folder: FederationFolder, enrolment: Enrolment) -> Member:
    functions = frozenset(QUERIES) | frozenset(MASKED)
    masked = frozenset(folder.config.masked) | frozenset(SUM_QUERIES)
    return Member(
        enrolment.provider,
        enrolment.identity,
        classes=enrolment.classes,
        plain=functions - masked,
        masked=masked,
    )


def _publish(folder: FederationFolder, before: Roster | None, members: Iterable[Member]) -> Roster:
    coordinators = [read_identity(folder.root / "coordinator" / "identity.pem").public]
    make: Callable[[Iterable[Member], Iterable[bytes]], Roster] = (
        before.following if before else Roster.first
    )
    roster = make(members, coordinators)
    folder.add_link(roster, sign_roster(roster, folder.authority))
    return roster
