"""`synlearn-coordinator serve` and `keys`: rankings for downstream teams."""

from dataclasses import replace
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from coordinator.service.keys import add_key, read_keys, remove_key
from coordinator.service.settings import ServiceSettings
from synlearn.errors import InputError
from synlearn.logs import LogFormat, start_logs
from synlearn.settings import read_settings
from synlearn.terminal import explained

keys = typer.Typer(no_args_is_help=True, help="API keys of the service.")
KeysOption = Annotated[Path, typer.Option("--keys", help="File of the keys.")]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")]
_NEEDED = ("fastapi", "uvicorn", "python_multipart", "grpc_health", "grpc_reflection")


def serve(
    settings: Annotated[
        Path | None, typer.Option(help="Settings file; see docs/service.md. Options go before it.")
    ] = None,
    mre: Annotated[Path | None, typer.Option(help="MRE model: the folder 'mre' of a job.")] = None,
    zoo: Annotated[Path | None, typer.Option(help="Zoo of the models to rank.")] = None,
    http: Annotated[str | None, typer.Option(help="host:port; empty: not at all.")] = None,
    grpc: Annotated[str | None, typer.Option(help="host:port; empty: not at all.")] = None,
    key_file: Annotated[Path | None, typer.Option("--keys", help="File of the API keys.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes.")] = None,
    log_format: Annotated[
        LogFormat, typer.Option(help="Of the lines on standard error.")
    ] = LogFormat.TEXT,
) -> None:
    """Serve rankings over gRPC and HTTP, with a page, until it is ended."""
    start_logs(log_format)
    with explained():
        if missing := [name for name in _NEEDED if find_spec(name) is None]:
            raise InputError(
                f"the service needs what is not installed ({', '.join(missing)}); install it with: "
                'pip install "synlearn[service]"'
            )
        # Here, not at the top: it imports PyTorch.
        from coordinator.service.serve import serve as run  # noqa: PLC0415

        found = ServiceSettings() if settings is None else read_settings(ServiceSettings, settings)
        found = replace(
            found,
            mre=mre or found.mre,
            zoo=zoo or found.zoo,
            keys=key_file or found.keys,
            workers=workers or found.workers,
            http=found.http if http is None else replace(found.http, listen=http),
            grpc=found.grpc if grpc is None else replace(found.grpc, listen=grpc),
        )
        run(found, log_format)


@keys.command()
def add(name: NameArgument, path: KeysOption) -> None:
    """Make a key and print it, once; only its digest is kept."""
    with explained():
        key = add_key(path, name, datetime.now(UTC))
    Console(stderr=True).print(
        f"The key of {name}; it is not kept and will not be shown again:", markup=False
    )
    typer.echo(key)


@keys.command("list")
def list_keys(path: KeysOption) -> None:
    """Say whose keys there are."""
    with explained():
        records = read_keys(path)
    table = Table("name", "made", "SHA-256")
    for each in records:
        table.add_row(Text(each.name), Text(each.created), f"{each.sha256[:12]}...")
    Console().print(table)


@keys.command()
def remove(name: NameArgument, path: KeysOption) -> None:
    """Take a key back; a service that runs refuses it within seconds."""
    with explained():
        remove_key(path, name)
