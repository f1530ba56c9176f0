"""What the commands have in common."""

import os
from pathlib import Path
from typing import Annotated, TypeAlias

import typer
from rich.console import Console

from protocols.errors import Refused
from synlearn.errors import InputError

VARIABLE = "SYNLEARN_PROVIDER_HOME"

console = Console(highlight=False, soft_wrap=True)


def default_home() -> Path:
    """The folder named by the variable, or one in the user's own."""
    return Path(os.environ.get(VARIABLE) or Path.home() / ".synlearn-provider")


HomeOption: TypeAlias = Annotated[
    Path, typer.Option("--home", help=f"The node's folder; or set {VARIABLE}.")
]
JobArgument: TypeAlias = Annotated[str, typer.Argument(help="Its name; `status` lists them.")]


def said_to_owner(refused: Refused) -> InputError:
    """A refusal on one's own screen: here the reason may be told."""
    return InputError(refused.local or refused.code.sentence)
