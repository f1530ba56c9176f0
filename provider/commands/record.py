"""`left`, `backup`, `restore`: what left the site, and the record of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.markup import escape
from rich.table import Table

from protocols.ids import JobId, ProviderId
from provider.backup import SHORTEST_PASSPHRASE
from provider.backup import backup as back_up
from provider.backup import restore as bring_back
from provider.chain import Head
from provider.commands.shared import HomeOption, console, default_home
from provider.ledger_file import LedgerFile
from provider.left_report import lines, row_of, table
from provider.projection import PROJECTED_KINDS
from provider.site.config import read_config
from provider.site.home import Home
from provider.site.identity import SiteKey, keep_key, load_key
from provider.site.memory import open_memory
from provider.verification import verify
from synlearn.errors import InputError
from synlearn.terminal import explained

PassphraseOption: TypeAlias = Annotated[
    Path | None, typer.Option(help="First line of it; asked for where none.")
]
DAMAGED = 1
"""Exit code where a ledger does not hold."""


def left(
    home: HomeOption = default_home(),
    job: Annotated[str | None, typer.Option(help="Only this job's.")] = None,
    provider: Annotated[str | None, typer.Option(help="Only this provider's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
    check: Annotated[
        bool, typer.Option("--verify", help="Find any edit, deletion or reordering instead.")
    ] = False,
    head: Annotated[
        str | None, typer.Option(help="With --verify: a head that you kept elsewhere.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option(help="Another ledger, such as nodes/worker-0-of-2.db.")
    ] = None,
) -> None:
    """Show every question that was ever asked, and what became of it."""
    with explained():
        path = ledger or Home(home).ledger
        if not path.is_file():
            raise InputError(f"{path} does not exist; nothing was asked yet, or see --ledger.")
        if check:
            return _verify(Home(home), head)
        file = LedgerFile(path)
        try:
            found = lines(
                file, ProviderId(provider) if provider else None, JobId(job) if job else None
            )
            if as_json:
                for line in found:
                    typer.echo(line.to_json())
                return None
            shown = table()
            for line in found:
                shown.add_row(*row_of(line))
            console.print(shown if shown.row_count else "Nothing was asked yet.")
        finally:
            file.close()


def history(
    home: HomeOption = default_home(),
    as_json: Annotated[bool, typer.Option("--json", help="A line of JSON each.")] = False,
) -> None:
    """Show what was decided here: consent, pauses, approvals, policies, backbones evaluated."""
    with explained(), open_memory(Home(home)) as memory:
        shown = Table("entry", "time (UTC)", "what", "details")
        for event in memory.journal.events():
            if event.kind in PROJECTED_KINDS:
                continue
            time = datetime.fromtimestamp(event.time / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
            if as_json:
                details = json.loads(event.details)
                line = {"entry": event.seq, "time": time, "kind": event.kind, **details}
                typer.echo(json.dumps(line))
            else:
                shown.add_row(str(event.seq), time, *map(escape, (event.kind, event.details)))
        if not as_json:
            console.print(shown if shown.row_count else "Nothing was decided yet.")


def backup(
    target: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    home: HomeOption = default_home(),
    passphrase_file: PassphraseOption = None,
) -> None:
    """Copy ledger and identity, also while the node runs; the key is encrypted."""
    with explained():
        place = Home(home)
        place.check()
        provider = read_config(place.config).node.name
        words = _passphrase(passphrase_file, twice=True)
        private = load_key(place.key).private_bytes
        end = back_up(place.ledger, provider, private, target, words)
    console.print(f"Backed up to {escape(str(target))}, up to entry {end}", markup=False)


def restore(
    source: Annotated[Path, typer.Argument(help="The folder that `backup` made.")],
    home: HomeOption = default_home(),
    passphrase_file: PassphraseOption = None,
) -> None:
    """Bring ledger and identity back into a node that has lost them."""
    with explained():
        place = Home(home)
        place.check()
        if place.key.exists():
            raise InputError(f"{place.key} exists; restore never overwrites a key: move it away.")
        provider = read_config(place.config).node.name
        words = _passphrase(passphrase_file, twice=False)
        found = bring_back(source, provider, words, ledger=place.ledger, head=place.head)
        keep_key(place.key, SiteKey.of(found.identity))
    console.print(f"Restored up to entry {found.head}", markup=False)
    if found.missing:
        console.print(f"[yellow]{found.missing} later entries are lost[/]; that goes on record.")


def _verify(home: Home, head: str | None) -> None:
    home.check()
    try:
        kept = Head.parse(head) if head else None
    except ValueError as error:
        raise InputError(f"--head: {error}.") from error
    provider = read_config(home.config).node.name
    public = load_key(home.key).identity.public
    found = verify(home.ledger, provider, public, head=home.head, kept=kept)
    for finding in found:
        console.print(f"[red]{escape(str(finding))}[/]")
    if found:
        raise typer.Exit(DAMAGED)
    console.print("The ledger holds: every entry is signed, in its place, and as it was written.")


def _passphrase(file: Path | None, *, twice: bool) -> str:
    if file is None:
        words: str = typer.prompt("Passphrase", hide_input=True, confirmation_prompt=twice)
    else:
        try:
            words = file.read_text(encoding="utf-8").partition("\n")[0]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file} cannot be read as text.") from error
    if len(words) < SHORTEST_PASSPHRASE:
        raise InputError(f"A passphrase has at least {SHORTEST_PASSPHRASE} characters.")
    return words
