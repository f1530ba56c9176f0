"""`invite`, `preview`, `join`, `decline`, `leave`: a job, from its invitation to its end."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from protocols.errors import Refused
from protocols.ids import JobId
from protocols.invitation import MAX_BYTES
from protocols.job_plan import JobPlan
from provider.commands.shared import (
    HomeOption,
    JobArgument,
    console,
    default_home,
    said_to_owner,
)
from provider.policies.owner_policy import OwnerPolicy
from provider.policies.policy_file import read_policy
from provider.policies.preview import Preview, preview, preview_table
from provider.policies.signers import endorsed_files
from provider.site.engagements import Standing
from provider.site.federation import site_federation
from provider.site.home import Home
from provider.site.memory import Memory, open_memory
from provider.site.reception import Reception, plan_of
from provider.sqlite_ledger import SqliteLedger
from synlearn.errors import InputError
from synlearn.terminal import explained


def invite(
    file: Annotated[Path, typer.Argument(help="An invitation that reached you as a file.")],
    home: HomeOption = default_home(),
) -> None:
    """Take in an invitation; nothing is answered before you join."""
    with explained(), open_memory(Home(home)) as memory:
        try:
            with file.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
            said = Reception(memory, site_federation(memory)).receive(data)
        except OSError as error:
            raise InputError(f"{file} cannot be read ({error.strerror}).") from error
        except Refused as refused:
            raise said_to_owner(refused) from refused
    console.print(f"{said} See: synlearn-provider preview JOB", markup=False)


def preview_job(job: JobArgument, home: HomeOption = default_home()) -> None:
    """Show what a job would ask, and what your policy says to it."""
    with explained(), open_memory(Home(home)) as memory:
        console.print(preview_table(_preview(memory, plan_of(memory.engagements, job))))


def join(
    job: JobArgument,
    home: HomeOption = default_home(),
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask again.")] = False,
) -> None:
    """Agree to the plan of a job: it is answered from now on, within plan and policy."""
    with explained(), open_memory(Home(home)) as memory:
        shown = memory.engagements.find(job)
        if not yes:
            plan = JobPlan.decode(shown.invitation.plan.body)
            console.print(preview_table(_preview(memory, plan)))
            typer.confirm("Answer this job, within this plan and your policy?", abort=True)
        memory.engagements.agree(shown)
    console.print(f"Joined: {escape(job)}. `synlearn-provider start` answers it.")


def decline(job: JobArgument, home: HomeOption = default_home()) -> None:
    """Say no to a job; it gets no answer."""
    with explained(), open_memory(Home(home)) as memory:
        memory.engagements.move(JobId(job), Standing.DECLINED, "the owner declined")
    console.print(f"Declined: {escape(job)}.")


def leave(job: JobArgument, home: HomeOption = default_home()) -> None:
    """Withdraw from a job for good, and drop the answers kept for it."""
    with explained(), open_memory(Home(home)) as memory:
        memory.engagements.move(JobId(job), Standing.LEFT, "the owner withdrew")
        SqliteLedger(memory.journal, JobId(job)).purge()
    console.print(
        f"Left: {escape(job)}. Kept answers are gone; what was sent before stays with the "
        "coordinator."
    )


def _preview(memory: Memory, plan: JobPlan) -> Preview:
    # Here, not at the top: it brings PyTorch, which takes seconds to import.
    from provider.site.gate import noise_rule  # noqa: PLC0415

    rules = read_policy(memory.home.policy)
    files = endorsed_files(
        plan.endorsements,
        signers=rules.models.signers,
        coordinator=plan.coordinator,
        now=time.time(),
    )
    policy = OwnerPolicy(rules).for_job(files)

    def rho_each(function: str) -> float:
        rule = noise_rule(policy, function)
        return rule.rho if rule else 0.0

    spent = SqliteLedger(memory.journal, plan.job).totals()
    return preview(plan, policy, rho_each=rho_each, spent=spent)
