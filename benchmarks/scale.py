"""What jobs of 10,000 providers or 100,000 models would take: ``python -m benchmarks.scale``.

Nothing is run: the estimate behind `synlearn-coordinator plan` tells it, with the settings of
`examples/mixed.toml`, providers in turn like those of the shipped mini experiment (`--providers N`)
and models in turn like its 24 for learning. Prints a table for each step and one of the
coordinator, and writes ``<out>/results.json``.
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.record import Plain, write_record
from coordinator.estimate.capacity import Capacity, capacity_of
from coordinator.estimate.cost_model import Measured, read_cost_model, shipped_cost_model
from coordinator.estimate.estimate import estimate_of
from coordinator.estimate.models import LearningZoo, learning_zoo
from coordinator.estimate.participants import Participants, of_manifest
from coordinator.estimate.record import Estimate
from coordinator.estimate.time import Place, StepTime
from coordinator.grouped_job import GroupedJob
from coordinator.grouped_launch import chosen_models
from coordinator.job import read_job
from protocols.limits import MIB
from synlearn.datasets.mixed_pool_file import write_pool
from synlearn.evaluation.experiments.mixed_mini import open_mini

EXAMPLES: Final = Path(__file__).parents[1] / "examples"
PROVIDERS: Final = (100, 1_000, 10_000)
MODELS: Final = (240, 10_000, 100_000)
PLACE: Final = Place(cores=2, workers=0)
"""Sites of one core and 100 Mbit/s each, a coordinator of 1 Gbit/s, 30 ms there and back."""
_GIB: Final = 1024 * MIB


@dataclass(frozen=True, slots=True)
class Setting:
    """A job, and whom and what it is repeated over."""

    job: GroupedJob
    participants: Participants
    zoo: LearningZoo

    @property
    def classes(self) -> int:
        """That anybody holds."""
        return len({name for own in self.participants.counts.values() for name in own})


@dataclass(frozen=True, slots=True)
class Told:
    """One size of a federation.

    Attributes:
        providers, models: How many.
        estimate: Of the job.
        capacity: Of its coordinator.
        seconds: That telling took.
    """

    providers: int
    models: int
    estimate: Estimate
    capacity: Capacity
    seconds: float


Row = tuple[str, Callable[[Told], float], str]


def _step(step: str, of: Callable[[StepTime], float]) -> Callable[[Told], float]:
    return lambda told: sum(of(own) for own in told.estimate.steps if own.step == step)


def _of_step(step: str) -> Iterator[Row]:
    yield f"{step}: SQUERYs", _step(step, lambda own: own.questions), "{:,.0f}"
    yield f"{step}: GiB", _step(step, lambda own: (own.sent + own.received) / _GIB), "{:,.2f}"


ROWS: Final[tuple[Row, ...]] = (
    ("descriptors", lambda told: told.capacity.files, "{:,.0f}"),
    ("memory: sessions, MiB", lambda told: told.capacity.sessions_bytes / MIB, "{:,.0f}"),
    ("memory: unacknowledged, MiB", lambda told: told.capacity.remembered_bytes / MIB, "{:,.0f}"),
    ("memory: answers at a time, MiB", lambda told: told.capacity.held_bytes / MIB, "{:,.0f}"),
    ("memory: gathered, MiB", lambda told: told.capacity.gathered_bytes / MIB, "{:,.0f}"),
    ("joins, CPU s", _step("joining", lambda own: own.coordinator), "{:,.0f}"),
    ("heartbeats a second", lambda told: told.capacity.heartbeats, "{:,.0f}"),
    ("heartbeats, % of a core", lambda told: 100 * told.capacity.heartbeat_share, "{:,.1f}"),
    *_of_step("description"),
    *_of_step("pre-training"),
    *_of_step("validation"),
    *_of_step("evidence"),
    ("masked sums: attempts", lambda told: told.estimate.attempts, "{:,.0f}"),
    (
        "masked sums: parties, most",
        lambda told: max((own.most_parties for own in told.estimate.sums), default=0),
        "{:,.0f}",
    ),
    (
        "masked sums: one question, MiB",
        lambda told: max((own.question_bytes for own in told.estimate.sums), default=0) / MIB,
        "{:,.1f}",
    ),
    ("masked sums: GiB", lambda told: told.estimate.sum_bytes / _GIB, "{:,.1f}"),
    ("masked sums: wall s", _step("target datasets", lambda own: own.wall), "{:,.0f}"),
    ("validation: node s, each", lambda told: _node(told, "validation"), "{:,.1f}"),
    ("evidence: node s, each", lambda told: _node(told, "evidence"), "{:,.0f}"),
    ("files: GiB, of each site", lambda told: told.estimate.files.holder_bytes / _GIB, "{:,.2f}"),
    ("files: GiB, of all", lambda told: told.estimate.files.bytes / _GIB, "{:,.0f}"),
    ("checkpoint, MiB", lambda told: told.capacity.checkpoint_bytes / MIB, "{:,.0f}"),
    *(
        (f"wall h: {step}", _step(step, lambda own: own.wall / 3600), "{:,.2f}")
        for step in (
            "joining",
            "files",
            "pre-training",
            "validation",
            "target datasets",
            "learning",
            "evidence",
            "fusion",
        )
    ),
    ("wall h: all", lambda told: told.estimate.seconds / 3600, "{:,.2f}"),
    ("this estimate, s", lambda told: told.seconds, "{:,.1f}"),
)


def _node(told: Told, step: str) -> float:
    """Processor seconds of a step, of one node on average."""
    return _step(step, lambda own: own.nodes)(told) / told.providers


def _record(told: Told) -> dict[str, Plain]:
    sizes: dict[str, Plain] = {"providers": told.providers, "models": told.models}
    return sizes | {name: float(value(told)) for name, value, _ in ROWS}


def read_setting(scratch: Path) -> Setting:
    """The job of `examples/mixed.toml` on what is shipped."""
    mini = EXAMPLES / "mini"
    split, pool, zoo = open_mini(mini, scratch / "zoo")
    write_pool(scratch / "pool.safetensors", pool, split.digest)
    job = read_job(EXAMPLES / "mixed.toml")
    assert isinstance(job, GroupedJob)
    places = replace(job.providers, pool=scratch / "pool.safetensors", split=mini / "split.json")
    job = replace(job, zoo=zoo.root, providers=places)
    facts = learning_zoo(zoo, chosen_models(zoo, job.learning.models))
    return Setting(job, replace(of_manifest(job), embedded=False), facts)


def tell(setting: Setting, providers: int, models: int, measured: Measured) -> Told:
    """Estimate one size."""
    began = time.monotonic()
    participants, zoo = setting.participants.repeated(providers), setting.zoo.repeated(models)
    estimate = estimate_of(setting.job, participants, zoo, PLACE, measured)
    capacity = capacity_of(setting.job, estimate, zoo, setting.classes, measured.costs)
    return Told(providers, models, estimate, capacity, time.monotonic() - began)


def show(told: Sequence[Told], console: Console) -> None:
    """Print what was told, a column for each size."""
    table = Table("providers", *(f"{own.providers:,}" for own in told), show_lines=False)
    table.add_row("models", *(f"{own.models:,}" for own in told), end_section=True)
    for name, value, form in ROWS:
        table.add_row(name, *(form.format(value(own)) for own in told))
    console.print(table)
    for sentence in dict.fromkeys(each for own in told for each in own.estimate.warnings):
        console.print(sentence, highlight=False, soft_wrap=True)


def main(
    out: Annotated[Path, typer.Option(help="Folder for results.json.")] = Path("runs/scale"),
    model: Annotated[
        Path | None, typer.Option(help="A cost model; else what comes with the package.")
    ] = None,
    largest: Annotated[int, typer.Option(min=2, help="No more providers than these.")] = 10_000,
) -> None:
    """Tell what large federations would take."""
    measured = shipped_cost_model() if model is None else read_cost_model(model)
    console, told = Console(width=140), []
    with tempfile.TemporaryDirectory() as scratch:
        setting = read_setting(Path(scratch))
        for providers in (own for own in PROVIDERS if own <= largest):
            told += [tell(setting, providers, models, measured) for models in MODELS]
            show(told[-len(MODELS) :], console)
    rows = [_record(own) for own in told]
    write_record(out, "scale", {"cost_model": measured.machine, "sizes": rows})


if __name__ == "__main__":
    typer.run(main)
