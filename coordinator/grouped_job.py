"""A job file with `closure = "grouped"`: classification; several providers hold a class."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

from coordinator.job_sections import Pretraining, Session, job_id_of
from protocols.ids import JobId
from protocols.queries import SCORES
from synlearn.errors import InputError
from synlearn.settings import as_table, setting


@dataclass(frozen=True)
class GroupedProviders:
    """[providers]: who takes part.

    Attributes:
        pool: The images of an embedded federation, one file (`synlearn zoo build mixed` makes it).
        split: The manifest that says who holds which classes of it.
        profile: The nodes' policy.
        min_parties_per_class: The nodes' floor: fewest parties with rows in each class of a sum.
        dropouts: How many holders of one class may be lost without a sum falling below the floor.
    """

    pool: Path | None = setting(None)
    split: Path | None = setting(None)
    profile: str = setting("open", choices=("open",))
    min_parties_per_class: int = setting(2, low=1, high=1000)
    dropouts: int = setting(1, low=0, high=1000)

    @property
    def places(self) -> tuple[Path, Path]:
        """Pool and split of an embedded federation.

        Raises:
            InputError: The job names none.
        """
        if self.pool is None or self.split is None:
            raise InputError(
                "[providers] names no pool or no split; an embedded federation needs both, a "
                "deployed one is named by --federation."
            )
        return self.pool, self.split


@dataclass(frozen=True)
class GroupedLearning:
    """[learning]: Algorithm 1, lines 7 to 12.

    Attributes:
        models: Names the zoo's models to learn with: a pattern with `*` and `?`.
        ways: Classes of a task, all of one set.
        k_least, k_most: Instances of each class in a target dataset, drawn uniformly from these.
        draws: Target datasets of each task.
    """

    models: str = setting("*")
    rounds: int = setting(4, low=1, high=100_000)
    tasks_per_round: int = setting(240, low=2, high=10_000)
    models_per_round: int = setting(1000, low=2, high=100_000)
    ways: int = setting(5, low=2, high=256)
    k_least: int = setting(1, low=1, high=10_000)
    k_most: int = setting(10, low=1, high=10_000)
    draws: int = setting(12, low=1, high=1000)
    updates_per_round: int = setting(500, low=1, high=1_000_000)

    def __post_init__(self) -> None:
        if self.k_least > self.k_most:
            raise InputError(f"k_least is {self.k_least}, above k_most, which is {self.k_most}.")


@dataclass(frozen=True)
class Validation:
    """[validation]: line 9, what true reusability is.

    Attributes:
        function: What a few-shot head can be expected to reach, from sums over all rows; the
            accuracy of a head re-trained on one half of the rows, counted on the other; or a score
            of the models' outputs.
        examples: Numbers of examples of a class that few-shot heads are judged for.
        draws: Of synthetic rows behind each few-shot head's expected accuracy.
        width: Features of a head, at most; longer ones are projected.
        unit_length: Whether features are divided by their length first.
        models_per_question: How many models one question is about.
    """

    function: str = setting(
        "few_shot_accuracy", choices=("few_shot_accuracy", "head_accuracy", "leep", "nce")
    )
    examples: tuple[int, ...] = setting((1, 3, 10))
    draws: int = setting(8, low=1, high=1000)
    width: int = setting(64, low=2, high=512)
    unit_length: bool = setting(default=False)
    models_per_question: int = setting(16, low=1, high=256)

    def __post_init__(self) -> None:
        _check_rising("examples", self.examples)

    @property
    def levels(self) -> tuple[int, ...]:
        """Numbers of examples that reusability is told apart for; one of 0 where it is not."""
        return self.examples if self.function == "few_shot_accuracy" else (0,)


@dataclass(frozen=True)
class Fusion:
    """[fusion]: evidence from providers' own tasks, after Algorithm 1.

    Attributes:
        folds: Metrics that are trained without a part of models and tasks; 0: no fusion.
        examples: Numbers of examples of a class, where a provider has as many.
        draws: Target datasets of each task for each of them.
        scores: Direct scores to weigh.
    """

    folds: int = setting(6, low=0, high=100)
    examples: tuple[int, ...] = setting((1, 2, 5, 10, 20))
    draws: int = setting(6, low=1, high=100)
    scores: tuple[str, ...] = setting(SCORES)

    def __post_init__(self) -> None:
        _check_rising("examples", self.examples)
        if not self.scores or list(self.scores) != [s for s in SCORES if s in self.scores]:
            raise InputError(
                f"scores is {list(self.scores)}; name some of {', '.join(SCORES)}, in that order."
            )
        if self.folds == 1:
            raise InputError("folds is 1; give 2 or more, or 0 for no fusion.")


@dataclass(frozen=True)
class GroupedMetric:
    """[metric]: the MRE model's shape, and its optimiser.

    `gamma_1` and `gamma_2` are of attention; `dropout` is of models' specifications.
    """

    specification: str = setting("profiled", choices=("profiled", "responses", "soft", "ternary"))
    width: int = setting(64, low=2, high=4096)
    hidden: int = setting(128, low=2, high=4096)
    members: int = setting(2, low=1, high=64)
    distance: str = setting("cosine", choices=("cosine", "half_squared_l2"))
    pairs: str = setting("within", choices=("within", "across"))
    margin: float = setting(0.5, low=0.0, high=100.0)
    keep_triplets: int = setting(100_000, low=1, high=100_000_000)
    attention_weight: float = setting(0.3, low=0.0, high=1000.0)
    attention_labels: str = setting("soft", choices=("soft", "hard"))
    gamma_1: float = setting(0.7, low=0.0, high=1.0)
    gamma_2: float = setting(0.2, low=0.0, high=1.0)
    batch_tasks: int = setting(16, low=1, high=10_000)
    batch_models: int = setting(48, low=2, high=10_000)
    dropout: float = setting(0.5, low=0.0, high=0.99)
    learning_rate: float = setting(1e-3, low=0.0, high=1.0)
    weight_decay: float = setting(1e-2, low=0.0, high=1.0)
    device: str = setting("auto", choices=("auto", "cpu", "cuda"))


@dataclass(frozen=True)
class GroupedSession(Session):
    """[session]: how long the coordinator waits, and for how many it does not.

    Attributes:
        absent_most: How many of the expected providers may be missing when the job begins, or
            leave; of none is it made a condition which.
    """

    absent_most: int = setting(0, low=0, high=1000)


@dataclass(frozen=True)
class GroupedJob:
    """One run of Algorithm 1 for grouped closures.

    Attributes:
        name: Of the job, for people.
        seed: Of every draw the coordinator makes.
        zoo: Folder of the models to learn with.
        threads: CPU threads of the coordinator's own training.
    """

    name: str = setting()
    zoo: Path = setting()
    providers: GroupedProviders = setting()
    seed: int = setting(0, low=0, high=2**31 - 1)
    threads: int = setting(2, low=1, high=1024)
    pretraining: Pretraining = field(default_factory=Pretraining)
    learning: GroupedLearning = field(default_factory=GroupedLearning)
    validation: Validation = field(default_factory=Validation)
    metric: GroupedMetric = field(default_factory=GroupedMetric)
    fusion: Fusion = field(default_factory=Fusion)
    session: GroupedSession = field(default_factory=GroupedSession)

    @property
    def id(self) -> JobId:
        """Name of the job on the wire: derived from every setting that says what is asked.

        So places are left out, and how many may be absent: a job that stopped for want of
        providers can be allowed more of them, and resumed.
        """
        table = as_table(self)
        del table["session"]["absent_most"]
        places = table["providers"] | {"pool": "", "split": ""}
        return job_id_of(table | {"closure": "grouped", "zoo": "", "providers": places})

    @property
    def below_floor(self) -> bool:
        """Whether a target dataset may have fewer instances of a class than the floor asks for."""
        return self.learning.k_least < self.providers.min_parties_per_class

    def relative_to(self, folder: Path) -> Self:
        """Return the job with its relative paths taken from here."""
        places = {
            name: folder / place
            for name in ("pool", "split")
            if (place := getattr(self.providers, name)) is not None
        }
        providers = replace(self.providers, **places)
        return replace(self, zoo=folder / self.zoo, providers=providers)


def _check_rising(name: str, numbers: tuple[int, ...]) -> None:
    rising = sorted(set(numbers))
    if not rising or rising != list(numbers) or rising[0] < 1 or rising[-1] > 1000:
        raise InputError(f"{name} is {list(numbers)}; give rising whole numbers from 1 to 1000.")
