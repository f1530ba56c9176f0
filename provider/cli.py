"""`synlearn-provider`: what a data owner can look into."""

import sqlite3
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from protocols.ids import JobId, ProviderId
from protocols.queries import QUERIES
from provider.policy import OpenPolicy
from provider.sqlite_attempts import SqliteAttempts
from provider.sqlite_ledger import LedgerFile, SqliteLedger

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
errors = Console(stderr=True)


@app.callback()
def main() -> None:
    """Look into what a provider's node answers, and what it has answered."""


@app.command()
def policy() -> None:
    """Print the closed list of questions, what an answer is, and the rules of the open profile."""
    table = Table("question", "what leaves the node")
    for name, kind in sorted(QUERIES.items()):
        sentences = " ".join((kind.__doc__ or "").split())
        table.add_row(name, escape(sentences))
    Console().print(table)
    rules = OpenPolicy()
    typer.echo(
        "Profile: open (exact answers; for tests and data without secrets). "
        f"At least {rules.min_rows} row behind each answer, model files up to "
        f"{rules.max_model_bytes // 2**20} MiB."
    )


@app.command()
def left(
    ledger: Annotated[Path, typer.Argument(help="A ledger file, such as nodes/worker-0-of-2.db.")],
    provider: Annotated[str | None, typer.Option(help="Only this provider's entries.")] = None,
) -> None:
    """Show every question that a ledger holds, and what became of it."""
    if not ledger.is_file():
        _fail(f"{ledger} does not exist; give the ledger file of a node.")
    try:
        file = LedgerFile(ledger)
        owners = [owner for owner in file.owners() if provider in (None, owner[0])]
    except sqlite3.DatabaseError:
        _fail(f"{ledger} is not a ledger; give a file such as nodes/worker-0-of-2.db.")
    if not owners:
        _fail(f"{ledger} has no entry of provider {provider}.")
    table = Table("provider", "question", "function", "state", "answer (SHA-256)")
    for owner, job in owners:
        for entry in SqliteLedger(file, ProviderId(owner), JobId(job)).entries():
            digest = (entry.answer or "")[:16]
            table.add_row(owner, str(entry.query), entry.function, entry.state.value, digest)
        for attempt in SqliteAttempts(file, ProviderId(owner), JobId(job)).attempts():
            # A masked vector has left under the digest of what it was asked for.
            name = f"{attempt.query} (attempt {attempt.number})"
            function, digest = f"masked {attempt.function}", attempt.transcript[:16]
            table.add_row(owner, name, function, attempt.state.value, digest)
    Console().print(table)
    file.close()


def _fail(sentence: str) -> NoReturn:
    errors.print(f"[red]Error:[/] {escape(sentence)}", highlight=False, soft_wrap=True)
    raise typer.Exit(2)
