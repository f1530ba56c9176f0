"""`request`, `enrol`: become a member of a federation."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from provider.commands.shared import HomeOption, console, default_home
from provider.site.home import Home
from provider.site.identity import fingerprint
from provider.site.membership import read_admission, request, take_in
from provider.site.memory import open_memory
from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.terminal import explained


def ask(
    out: Annotated[Path, typer.Argument(help="The file to send to the authority.")],
    supernode: Annotated[
        Path | None, typer.Option(help="Public key file of your Flower SuperNode.")
    ] = None,
    home: HomeOption = default_home(),
) -> None:
    """Ask to become a member, or for a new certificate; nothing in the file is secret."""
    with explained(), open_memory(Home(home)) as memory:
        write_atomically(out, request(memory, supernode))
        mark = fingerprint(memory.key.identity.public)
    console.print(f"Send {escape(str(out))} to the authority, and tell it another way:")
    console.print(f"Fingerprint {mark}")


def enrol(
    file: Annotated[Path, typer.Argument(help="The admission that came back.")],
    authority: Annotated[str, typer.Option(help="Its public key, as you were told another way.")],
    home: HomeOption = default_home(),
) -> None:
    """Take in an admission: whom to believe, whom to dial, and your certificate."""
    with explained(), open_memory(Home(home)) as memory:
        admission = read_admission(file)
        if admission.authority.hex() != authority.strip().lower():
            raise InputError(
                f"{file} is of authority {admission.authority.hex()}, not of the one you name."
            )
        take_in(memory, admission)
        dialled = ", ".join(admission.coordinators)
    console.print(f"Enrolled. The node dials {escape(dialled)} and nobody else.")
