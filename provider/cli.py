"""`synlearn-provider`: the node of somebody who answers for data."""

import typer

from provider.commands import approvals, data, health, jobs, make, membership, record, run
from provider.commands.rules import policy

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)

for command, name in (
    (make.init, "init"),
    (membership.ask, "request"),
    (membership.enrol, "enrol"),
    (health.doctor, "doctor"),
    (data.data, "data"),
    (run.start, "start"),
    (run.pause, "pause"),
    (run.resume, "resume"),
    (run.status, "status"),
    (jobs.invite, "invite"),
    (jobs.preview_job, "preview"),
    (jobs.join, "join"),
    (jobs.decline, "decline"),
    (jobs.leave, "leave"),
    (approvals.approvals, "approvals"),
    (approvals.approve, "approve"),
    (approvals.deny, "deny"),
    (record.left, "left"),
    (record.history, "history"),
    (record.backup, "backup"),
    (record.restore, "restore"),
):
    app.command(name)(command)
app.add_typer(policy, name="policy")
