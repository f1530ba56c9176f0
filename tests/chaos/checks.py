"""Whether a job came out right, whatever went wrong: model, ledgers, counts."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from tests.integration.region import Region
from tests.integration.sites import Owner

_PLAIN = (
    "backbone.",
    "answers.score",
    "answers.outputs.soft",
    "answers.outputs.hard",
    "answers.tasks",
)
"""Tensors of a checkpoint that plain answers determine."""
_ALL = (*_PLAIN, "answers.features", "metric.")
_LEFT = {"answered", "acknowledged", "purged"}


def wrong_with(region: Region, name: str, twin: Path, kills: int) -> list[str]:
    """What is wrong with a job that has finished; empty when nothing is.

    Args:
        region: Where it ran.
        name: Of its run.
        twin: Folder of the same job's run in an embedded federation.
        kills: How often a node was killed: an answer on its way may be computed once more.
    """
    run = region.runs / name
    found = [*_models_differ(run, twin, region.events(name))]
    job = json.loads((run / "job.json").read_text())["id"]
    asked = _asked(region.events(name))
    for owner in region.owners:
        lines = _left(owner, job)
        found += _charged_wrongly(owner, lines, asked, kills)
        verdict = owner.run("left", "--verify").output
        if "The ledger holds" not in verdict:
            found.append(f"{owner.name}: {verdict.strip()}")
    return found


def _models_differ(run: Path, twin: Path, events: list[dict[str, Any]]) -> Iterator[str]:
    ours, theirs = (load_file(each / "checkpoint.safetensors") for each in (run, twin))
    again = any(e["event"] == "aggregation" and (e["attempt"] > 1 or e["failure"]) for e in events)
    for key in sorted(theirs):
        if not key.startswith(_PLAIN if again else _ALL):
            continue
        if key not in ours or ours[key].shape != theirs[key].shape:
            yield f"{key} is missing, or of another shape"
            continue
        one, other = ours[key].double().numpy(), theirs[key].double().numpy()
        if not np.allclose(one, other, rtol=1e-4, atol=1e-5, equal_nan=True):
            yield f"{key} differs by {np.nanmax(np.abs(one - other)):.3g}"
    for line in events:
        if line["event"] == "targets" and line["datasets"] != line["wanted"] and not again:
            yield f"only {line['datasets']} of {line['wanted']} target datasets came"


def _charged_wrongly(
    owner: Owner, lines: list[dict[str, Any]], asked: Counter[str], kills: int
) -> Iterator[str]:
    plain = Counter(line["question"] for line in lines if line["attempt"] == 0)
    masked = Counter((line["question"], line["attempt"]) for line in lines if line["attempt"])
    for what, times in [*plain.items(), *masked.items()]:
        if times > 1:
            yield f"{owner.name}: {what} was charged {times} times"
    answered = {line["question"] for line in lines if line["verdict"] in _LEFT}
    for question in asked:
        if question in plain and question not in answered:
            yield f"{owner.name}: {question} was counted, and stands as unanswered"
    computed = sum(line.get("computed", 1) for line in lines if line["attempt"] == 0)
    if computed > len(plain) + kills:
        yield f"{owner.name}: {computed} computations for {len(plain)} questions, {kills} kills"


def _left(owner: Owner, job: str) -> list[dict[str, Any]]:
    text = owner.run("left", "--json", "--job", job).output
    return [json.loads(line) for line in text.splitlines()]


def _asked(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(line["query"] for line in events if line["event"] == "questions")
