"""`python -m tests.fuzz`: drive the fuzz targets by atheris, or try one input again."""

import argparse
import importlib.util
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.fuzz.campaign import Outcome, fuzz
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS, by_name

LEAST_SECONDS = 5


def main() -> int:
    """Return 0 where nothing was found, 1 where something was, 2 where nothing could run."""
    asked = _arguments()
    chosen = [by_name(name) for name in asked.target] or list(TARGETS)
    if asked.replay is not None:
        if len(chosen) != 1:
            sys.exit("name the one target that the input is for: --target NAME --replay FILE")
        chosen[0].run(asked.replay.read_bytes())
        print(f"{asked.replay} finds no defect in {chosen[0].name}.")
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(
            "atheris is not installed; install it (Linux, CPython 3.11 to 3.13): "
            'pip install -c constraints.txt -e ".[dev,fuzz]".',
            file=sys.stderr,
        )
        return 2
    outcomes = [
        fuzz(target, seconds, asked.out / target.name)
        for target, seconds in _shares(chosen, asked.minutes)
    ]
    _show(outcomes)
    return 1 if any(outcome.findings for outcome in outcomes) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    names = [target.name for target in TARGETS]
    parser.add_argument("--minutes", type=float, default=10.0, help="in all, imports left out")
    parser.add_argument("--target", action="append", default=[], choices=names, metavar="NAME")
    parser.add_argument(
        "--replay", type=Path, metavar="FILE", help="run one input, without atheris"
    )
    parser.add_argument("--out", type=Path, default=Path("runs/fuzz"), help="corpus and findings")
    parser.epilog = f"targets: {', '.join(names)}"
    return parser.parse_args()


def _shares(targets: list[Target], minutes: float) -> list[tuple[Target, int]]:
    """Each target's seconds, by its share."""
    whole = sum(target.share for target in targets)
    return [
        (target, max(LEAST_SECONDS, round(60 * minutes * target.share / whole)))
        for target in targets
    ]


def _show(outcomes: list[Outcome]) -> None:
    table = Table(title="fuzzing")
    table.add_column("target")
    for column in ("seconds", "executions", "edges seen", "corpus", "findings"):
        table.add_column(column, justify="right")
    for own in outcomes:
        numbers = (own.runs, own.covered, own.corpus, len(own.findings))
        table.add_row(own.target, f"{own.seconds:.0f}", *map(str, numbers))
    console = Console()
    console.print(table)
    for own in outcomes:
        for path in own.findings:
            console.print(f"{own.target}: {path}", soft_wrap=True)
            if path.parent.name == "findings":
                console.print(
                    f"  again: ./run fuzz --target {own.target} --replay {path}", soft_wrap=True
                )


if __name__ == "__main__":
    sys.exit(main())
