"""An estimate for people: tables; and for programs: JSON."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from coordinator.estimate.record import DELTA, Estimate
from protocols.limits import MIB

FORMAT: Final = "synlearn-plan/1"
_PLAIN: Final[dict[str, Any]] = {"box": SIMPLE, "padding": (0, 1, 0, 0), "title_justify": "left"}


def as_json(estimate: Estimate) -> str:
    """One JSON object; docs/plan.md says what its fields are."""
    totals = {
        "questions": estimate.questions,
        "question_bytes": estimate.question_bytes,
        "attempts": estimate.attempts,
        "sum_bytes": estimate.sum_bytes,
        "file_bytes": estimate.files.bytes,
        "seconds": estimate.seconds,
    }
    table = {"format": FORMAT, **asdict(estimate), "totals": totals}
    table["files"]["bytes"] = estimate.files.bytes
    return json.dumps(table, indent=2)


def show(estimate: Estimate, console: Console) -> None:
    """Print tables."""
    for line in _about(estimate):
        console.print(line, highlight=False, soft_wrap=True)
    console.print(_functions(estimate))
    console.print(_steps(estimate))
    for line in _rest(estimate):
        console.print(line, highlight=False, soft_wrap=True)


def _about(estimate: Estimate) -> Iterator[str]:
    where = "in local processes" if estimate.embedded else "at sites"
    yield (
        f"[bold]{escape(estimate.name)}[/] ({estimate.job}): {len(estimate.providers):,} providers "
        f"{where}, {estimate.models:,} models; nothing has run."
    )
    yield f"Who takes part is known by {escape(estimate.providers_known_by)}."


def _functions(estimate: Estimate) -> Table:
    table = Table(
        Column("function", no_wrap=True),
        "travels",
        *(Column(name, justify="right") for name in ("asked", "down", "up", "of one", "agreed to")),
        title="What is asked, in MiB down to nodes and up; most of one provider, and what owners "
        "agree to at most (questions, MiB up)",
        **_PLAIN,
    )
    for own in estimate.functions:
        table.add_row(
            own.function,
            own.transport,
            f"{own.questions:,}",
            f"{own.sent_bytes / MIB:,.1f}",
            f"{own.received_bytes / MIB:,.1f}",
            f"{own.most_questions:,}, {own.most_bytes / MIB:,.1f}",
            f"{own.agreed_questions:,}, {own.agreed_bytes / MIB:,.1f}",
        )
    return table


def _steps(estimate: Estimate) -> Table:
    table = Table(
        "step",
        *(Column(name, justify="right") for name in ("expected", "all nodes", "coordinator")),
        title="How long, and processor time",
        **_PLAIN,
    )
    for step in estimate.steps:
        table.add_row(step.step, *map(_time, (step.wall, step.nodes, step.coordinator)))
    table.add_row("all", _time(estimate.seconds), style="bold")
    return table


def _rest(estimate: Estimate) -> Iterator[str]:
    for sums in estimate.sums:
        parties = f"{sums.fewest_parties:,} to {sums.most_parties:,}"
        yield (
            f"{sums.function}: {sums.attempts:,} attempts by {parties} parties each, vectors of up "
            f"to {sums.longest_vector:,} entries, {_mib(sums.sent_bytes)} down and "
            f"{_mib(sums.received_bytes)} up in all."
        )
    if any(own.rho for own in estimate.functions):
        for own in estimate.functions:
            if own.rho:
                yield (
                    f"{own.function}: rho {own.rho:.3g} of one provider's rows, which is epsilon "
                    f"{own.epsilon:.3g} at delta {DELTA:g}."
                )
    else:
        yield "Noise: the job adds none; a provider's own policy may."
    files = estimate.files
    holders = "processes" if estimate.embedded else "sites"
    yield (
        f"Files: {files.models:,} models ({_mib(files.model_bytes)}) and {files.backbones:,} "
        f"states of the backbone ({_mib(files.backbone_bytes)} each); each of {files.holders:,} "
        f"{holders} pulls {_mib(files.holder_bytes)}."
    )
    most = max(estimate.functions, key=lambda own: own.at_once_bytes)
    yield f"Answers held at a time: up to {_mib(most.at_once_bytes)} ({most.function})."
    yield (
        f"In all: {estimate.questions:,} SQUERYs ({_mib(estimate.question_bytes)}), "
        f"{estimate.attempts:,} MQUERYs ({_mib(estimate.sum_bytes)}), {_mib(files.bytes)} of files."
    )
    for sentence in estimate.warnings:
        yield f"[yellow]{escape(sentence)}[/]"
    yield f"Costs were measured on {escape(estimate.cost_model)}. Taken for granted:"
    for sentence in estimate.assumptions:
        yield f"- {escape(sentence)}"


def _mib(size: float) -> str:
    return f"{size / MIB:,.1f} MiB"


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 100 else f"{minutes / 60:.1f} h"
