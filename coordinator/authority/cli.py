"""`synlearn-coordinator federation`: found one, admit sites, revoke them, renew."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coordinator.authority.expiry import expiries
from coordinator.authority.folder import FederationFolder
from coordinator.authority.membership import (
    admit,
    found,
    read_request,
    renew,
    revoke,
    rotate,
    utc_now,
)
from protocols.ids import digest_of
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.terminal import explained

federation = typer.Typer(
    no_args_is_help=True, help="Who belongs to the federation, under which keys."
)
console = Console(highlight=False, soft_wrap=True)
FolderArgument = Annotated[Path, typer.Argument(help="The federation's folder.")]


@federation.command("init")
def init(
    folder: FolderArgument,
    name: Annotated[str, typer.Option(help="Of the federation.")],
    host: Annotated[list[str], typer.Option(help="Under which nodes dial you; repeatable.")],
    port: Annotated[int, typer.Option(min=1, max=65535, help="Of the session port.")] = 9092,
) -> None:
    """Make keys and certificates of a new federation."""
    with explained():
        made = found(folder, name, tuple(host), port)
        console.print(f"Authority {made.public.hex()}")
    console.print(
        f"Take {escape(str(folder / 'authority'))} off line: who has it can make members."
    )


@federation.command("admit")
def admit_sites(
    folder: FolderArgument,
    request: Annotated[list[Path], typer.Argument(help="Files made by sites' `request`.")],
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(help="Of each identity, as its owner told you; else they are asked for."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the admissions.")] = Path(),
) -> None:
    """Admit sites, or renew their certificates; writes NAME.admission for each."""
    with explained():
        asked = [read_request(path) for path in request]
        told = {"".join(each.split()) for each in fingerprint or ()}
        for each in asked:
            digest = digest_of(each.identity)
            if digest not in told:
                if fingerprint:
                    raise InputError(f"No --fingerprint is that of {each.provider}.")
                typer.confirm(f"{each.provider}: is its fingerprint {digest}?", abort=True)
        for name, admission in admit(FederationFolder(folder), asked).items():
            path = out / f"{name}.admission"
            write_atomically(path, admission.encode())
            console.print(f"Admitted: {name}; send it {escape(str(path))}")


@federation.command("revoke")
def revoke_site(folder: FolderArgument, name: Annotated[str, typer.Argument()]) -> None:
    """Take a site out of the federation; a coordinator that runs refuses it from then on."""
    with explained():
        roster = revoke(FederationFolder(folder), name)
    console.print(f"Revoked: {escape(name)}, with version {roster.version} of the roster.")
    console.print("Bring the new file of rosters/ to the coordinator, if that is another machine.")


@federation.command("renew")
def renew_certificate(folder: FolderArgument) -> None:
    """Give the coordinator a new certificate; jobs that run go on."""
    with explained():
        ends = renew(FederationFolder(folder))
    console.print(f"Renewed until {ends:%Y-%m-%d}: no restart is needed, and sites do nothing.")


@federation.command("rotate")
def rotate_identity(folder: FolderArgument) -> None:
    """Give the coordinator a new identity and certificate; no job that runs can go on."""
    with explained():
        rotate(FederationFolder(folder))
    console.print("Renewed: restart the coordinator; sites keep what they have.")


@federation.command("nodes")
def nodes(folder: FolderArgument) -> None:
    """List the members, and when certificates run out."""
    with explained():
        place = FederationFolder(folder)
        roster, issued, now = place.roster(), place.certificates(), utc_now()
        table = Table("member", "fingerprint of its identity", "classes", "certificate ends")
        for member in roster.members if roster else ():
            digest, own = digest_of(member.identity), issued.get(member.provider)
            ends = f"{own.ends:%Y-%m-%d}" if own else "not known here"
            table.add_row(member.provider, digest[:32], str(len(member.classes)), ends)
        console.print(table)
        for each in expiries(place):
            warning = each.term.warning(now)
            if warning:
                line = f"The certificate of {each.of} [red]{warning}[/]: {escape(each.next)}."
                console.print(line)
            elif each.of not in issued:
                console.print(f"The certificate of {each.of} ends on {each.term.ends:%Y-%m-%d}")
