"""The scores by name, and what each needs of a model and a task."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType

from numpy.typing import ArrayLike

from synlearn.errors import ScoreInputError
from synlearn.scorers.dds import diagram, inner
from synlearn.scorers.etran import etran
from synlearn.scorers.fda import fda
from synlearn.scorers.gbc import gbc
from synlearn.scorers.hscore import hscore
from synlearn.scorers.hscore_regularised import hscore_regularised
from synlearn.scorers.inputs import Float64, check_matrix
from synlearn.scorers.knn import knn
from synlearn.scorers.leep import leep
from synlearn.scorers.logme import logme
from synlearn.scorers.nce import nce
from synlearn.scorers.ncti import ncti
from synlearn.scorers.nleep import nleep
from synlearn.scorers.parc import parc
from synlearn.scorers.ped import ped
from synlearn.scorers.ridge_loo import ridge_loo
from synlearn.scorers.rsa import agreement, check_pair, pair_ranks
from synlearn.scorers.sfda import sfda
from synlearn.scorers.transrate import transrate


class Needs(StrEnum):
    """What a score takes besides labels."""

    FEATURES = "features"
    SOURCE_PROBS = "source_probs"
    GENERAL_FEATURES = "general_features"  # and features
    REFERENCE = "reference"  # and features


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """What one model makes of the task's rows; None where it was not computed.

    Attributes:
        features: (n, d).
        coordinates: (n, n) of the same rows, with the same inner products; None where n >= d.
        source_probs: (n, c_source).
        general_features: (m, d) of other, general images.
    """

    features: ArrayLike | None = None
    coordinates: Float64 | None = None
    source_probs: ArrayLike | None = None
    general_features: ArrayLike | None = None


@dataclass(frozen=True)
class Task:
    """What all models are scored for; what it costs to prepare the reference is spent once.

    Attributes:
        labels: (n,) whole numbers.
        reference: (n, d_reference) outputs of a network trained on this task.
    """

    labels: ArrayLike
    reference: ArrayLike | None = None

    @cached_property
    def reference_ranks(self) -> Float64:
        """The reference's side of `rsa`."""
        return pair_ranks(check_matrix(_given(self.reference), "reference"), "reference")

    @cached_property
    def reference_diagram(self) -> Float64:
        """The reference's side of `dds`."""
        return diagram(check_matrix(_given(self.reference), "reference"), "cosine", "reference")


Run = Callable[[ModelOutputs, Task], float]


@dataclass(frozen=True, slots=True)
class Score:
    """A score by name.

    Attributes:
        name: Name of the score, such as "leep".
        needs: What it takes besides labels.
        run: Calls it, with its defaults.
        inner_products_only: Whether it sees nothing of features but their rows' inner products,
            so that coordinates do as well.
    """

    name: str
    needs: Needs
    run: Run
    inner_products_only: bool = False


def find_scores(names: Iterable[str]) -> tuple[Score, ...]:
    """Scores of these names.

    Raises:
        ScoreInputError: A name is unknown or given twice, or there is none.
    """
    found: list[Score] = []
    for name in names:
        if name not in SCORES:
            near = get_close_matches(name, SCORES, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"choose from {', '.join(SCORES)}."
            raise ScoreInputError(f"no score is named {name!r}; {hint}")
        if SCORES[name] in found:
            raise ScoreInputError(f"scores name {name!r} twice; remove one.")
        found.append(SCORES[name])
    if not found:
        raise ScoreInputError(f"no score was named; choose from {', '.join(SCORES)}.")
    return tuple(found)


def _of_features(
    name: str, score: Callable[[ArrayLike, ArrayLike], float], *, inner_products_only: bool = False
) -> Score:
    def run(model: ModelOutputs, task: Task) -> float:
        if inner_products_only and model.coordinates is not None:
            return score(model.coordinates, task.labels)
        return score(_given(model.features), task.labels)

    return Score(name, Needs.FEATURES, run, inner_products_only)


def _of_source_probs(name: str, score: Callable[[ArrayLike, ArrayLike], float]) -> Score:
    def run(model: ModelOutputs, task: Task) -> float:
        return score(_given(model.source_probs), task.labels)

    return Score(name, Needs.SOURCE_PROBS, run)


def _ped(model: ModelOutputs, task: Task) -> float:
    return ped(_given(model.features), task.labels, _given(model.general_features))


def _rsa(model: ModelOutputs, task: Task) -> float:
    x, _ = check_pair(_given(model.features), _given(task.reference), at_least=3)
    return agreement(pair_ranks(x, "features"), task.reference_ranks)


def _dds(model: ModelOutputs, task: Task) -> float:
    x, _ = check_pair(_given(model.features), _given(task.reference), at_least=4)
    return inner(diagram(x, "cosine", "features"), task.reference_diagram)


def _given(array: ArrayLike | None) -> ArrayLike:
    if array is None:
        raise ScoreInputError("what this score needs was not computed; see `Score.needs`.")
    return array


# In the order in which tables show them.
SCORES: Mapping[str, Score] = MappingProxyType(
    {
        score.name: score
        for score in (
            _of_features("ridge_loo", ridge_loo, inner_products_only=True),
            _of_features("knn", knn, inner_products_only=True),
            _of_source_probs("nce", nce),
            _of_source_probs("leep", leep),
            _of_features("nleep", nleep),
            _of_features("logme", logme, inner_products_only=True),
            _of_features("hscore", hscore, inner_products_only=True),
            _of_features("hscore_regularised", hscore_regularised),
            _of_features("transrate", transrate, inner_products_only=True),
            _of_features("parc", parc),
            _of_features("gbc", gbc),
            _of_features("fda", fda),
            _of_features("sfda", sfda),
            _of_features("etran", etran),
            _of_features("ncti", ncti),
            Score("ped", Needs.GENERAL_FEATURES, _ped),
            Score("rsa", Needs.REFERENCE, _rsa),
            Score("dds", Needs.REFERENCE, _dds),
        )
    }
)
