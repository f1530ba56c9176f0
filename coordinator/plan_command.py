"""`synlearn-coordinator plan`: what a job would ask before anything runs."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from synlearn.terminal import explained


def plan(  # noqa: PLR0917 - a command's parameters are its options
    job_file: Annotated[Path, typer.Argument(metavar="JOB.toml", help="What would be run.")],
    federation: Annotated[
        Path | None, typer.Option(help="At sites: the folder of `federation init`.")
    ] = None,
    providers: Annotated[
        int | None,
        typer.Option(help="As many as this, in turn like those that the job names."),
    ] = None,
    embedded: Annotated[
        int, typer.Option(min=1, max=64, help="Local processes that would hold nodes.")
    ] = 2,
    rows: Annotated[
        int, typer.Option(min=1, help="Of each class of a site, which only sites know.")
    ] = 100,
    cost_model: Annotated[
        Path | None, typer.Option(help="What `./run benchmark cost_model` wrote on this machine.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Tell what a job would ask, send and take; nobody is asked, and nothing is written."""
    # Here, not at the top: PyTorch takes a second to import.
    from coordinator.estimate.report import as_json as in_json  # noqa: PLC0415
    from coordinator.estimate.report import show  # noqa: PLC0415
    from coordinator.estimate.request import Request, estimate_of_request  # noqa: PLC0415

    request = Request(job_file, federation, providers, embedded, rows, cost_model)
    with explained():
        estimate = estimate_of_request(request)
    if as_json:
        typer.echo(in_json(estimate))
    else:
        show(estimate, Console())
