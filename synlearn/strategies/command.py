"""Strategies by name, for `synlearn rank --strategy NAME --budget B`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from numpy.typing import ArrayLike

from synlearn.errors import InputError
from synlearn.scorers.direct import Direct
from synlearn.strategies.candidate import candidates_of
from synlearn.strategies.choice import Choice
from synlearn.strategies.hybrid import Hybrid
from synlearn.strategies.linear_head import LinearHead
from synlearn.strategies.strategy import Strategy, pick
from synlearn.strategies.task_agnostic import TaskAgnostic
from synlearn.strategies.task_aware import TaskAware
from synlearn.strategies.zoo_task import ZooTask
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.filters import ModelFilter

if TYPE_CHECKING:
    from synlearn.mre.classification_model import ClassificationMRE


@dataclass(frozen=True, slots=True)
class Sources:
    """What learned strategies are made of.

    Attributes:
        zoo: The candidates.
        mre: Folder of an MRE model; None where there is none.
        history: File of a history (`synlearn-coordinator history`); None where there is none.
    """

    zoo: Zoo
    mre: Path | None = None
    history: Path | None = None


def choose_models(
    strategy: str,
    budget: int,
    sources: Sources,
    images: ArrayLike,
    labels: ArrayLike | None,
    *,
    where: ModelFilter | None = None,
) -> Choice:
    """Choose models of a zoo for the task that the examples are of.

    Args:
        strategy: One of `NAMES`.
        budget: How many models, B.
        sources: Of the strategy.
        images: (n, channels, h, w) in [0, 1].
        labels: (n,) class of each; None where nobody knows.
        where: Conditions that candidates have to meet; what a strategy learns or scores stays
            relative to the whole zoo.

    Raises:
        InputError: There is no such strategy, it lacks something, or the budget cannot be spent.
    """
    made, zoo = named_strategy(strategy, sources), sources.zoo
    selection = None if where is None else where.select(zoo)
    models = [model for model in zoo if selection is None or model in selection.facts]
    task = ZooTask(images, labels, zoo)
    found = pick(made, candidates_of(zoo, models), task, budget)
    notes = (selection.in_words(),) if selection is not None and selection.conditions else ()
    return Choice(strategy, found, candidates=len(models), notes=notes)


def named_strategy(name: str, sources: Sources) -> Strategy:
    """Make a strategy.

    Raises:
        InputError: There is none of this name, or it needs a source that is not given.
    """
    make = STRATEGIES.get(name)
    if make is None:
        near = get_close_matches(name, STRATEGIES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(STRATEGIES)}."
        raise InputError(f"There is no strategy named {name!r}; {hint}")
    return make(sources)


def _metric(sources: Sources) -> Strategy:
    from synlearn.strategies.metric import LearnedMetric  # noqa: PLC0415  # few strategies need it

    return LearnedMetric(_mre(sources, "metric"), sources.zoo)


def _fusion(sources: Sources) -> Strategy:
    from synlearn.fusion.storage import has_fusion, load_fusion  # noqa: PLC0415
    from synlearn.strategies.fused import EvidenceFusion  # noqa: PLC0415

    model = _mre(sources, "fusion")
    assert sources.mre is not None  # noqa: S101  # it was just read
    if not has_fusion(sources.mre):
        raise InputError(
            f"{sources.mre} has no fitted fusion, which the strategy fusion needs; choose metric, "
            "or run the job with [fusion] folds."
        )
    return EvidenceFusion(model, load_fusion(sources.mre), sources.zoo)


def _fennec(sources: Sources) -> Strategy:
    from synlearn.fennec.history_file import read_history  # noqa: PLC0415
    from synlearn.fennec.proxy import BackboneProxy  # noqa: PLC0415
    from synlearn.fennec.recommender import Recommender, described  # noqa: PLC0415
    from synlearn.fennec.zoo_graphs import zoo_graphs  # noqa: PLC0415
    from synlearn.strategies.fennec import FennecSearch  # noqa: PLC0415

    if sources.history is None:
        raise InputError(
            "The strategy fennec needs --history, a file of `synlearn-coordinator history`."
        )
    proxy = BackboneProxy(_mre(sources, "fennec").backbone)
    candidates = candidates_of(sources.zoo)
    graphs = zoo_graphs(sources.zoo)
    features = described(candidates, [graphs[own.model] for own in candidates])
    return FennecSearch(Recommender.fit(read_history(sources.history), features, proxy))


def _mre(sources: Sources, strategy: str) -> "ClassificationMRE":
    from synlearn.mre.classification_model import ClassificationMRE  # noqa: PLC0415

    if sources.mre is None:
        raise InputError(f"The strategy {strategy} needs --mre, the folder 'mre' of a job's run.")
    return ClassificationMRE.load(sources.mre)


STRATEGIES: Final[Mapping[str, Callable[[Sources], Strategy]]] = MappingProxyType(
    {
        "task-agnostic": lambda _: TaskAgnostic(),
        "linear": lambda _: LinearHead(),
        "knn": lambda _: TaskAware(Direct.KNN),
        "ridge": lambda _: TaskAware(Direct.RIDGE),
        "leep": lambda _: TaskAware(Direct.LEEP),
        "logme": lambda _: TaskAware(Direct.LOGME),
        "hybrid": lambda _: Hybrid(TaskAgnostic(), LinearHead()),
        "metric": _metric,
        "fusion": _fusion,
        "fennec": _fennec,
    }
)

NAMES: Final = tuple(STRATEGIES)
"""For a command's help."""

WITH_MRE: Final = ("metric", "fusion", "fennec")
"""Those that look at an MRE model."""
WITH_HISTORY: Final = ("fennec",)
"""Those that look at a history."""
