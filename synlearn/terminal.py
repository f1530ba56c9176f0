"""What our command lines share: one sentence for a user's mistake, and exit code 2."""

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.markup import escape

from synlearn.errors import InputError

errors = Console(stderr=True)


@contextmanager
def explained() -> Iterator[None]:
    """Turn a user's mistake into one sentence and exit code 2."""
    try:
        yield
    except InputError as error:
        errors.print(f"[red]Error:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
        raise typer.Exit(2) from error
