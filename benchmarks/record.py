"""Writes what a benchmark measured, with what a reader needs to judge it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path

from synlearn.evaluation.output import write_output
from synlearn.evaluation.provenance import DEFAULT_PACKAGES, machine_facts, package_versions

Plain = bool | int | float | str


def write_record(
    folder: Path,
    benchmark: str,
    content: Mapping[str, Plain | list[dict[str, Plain]]],
    packages: Iterable[str] = (),
) -> None:
    """Write `<folder>/results.json`; raises InputError when it cannot be written.

    `packages` names those whose versions matter besides the usual ones.
    """
    folder.mkdir(parents=True, exist_ok=True)
    record = {
        "benchmark": benchmark,
        **content,
        "versions": package_versions((*DEFAULT_PACKAGES, *packages)),
        "machine": asdict(machine_facts()),
    }
    write_output(folder / "results.json", (json.dumps(record, indent=2) + "\n").encode())
