"""Specifications of classifiers: for each class of a model, its responses to the public anchors.

The model specification generator of the paper (SynLearn, section 2.2) for classification. What is
kept, from one pass over the anchors, is the probability that the model gives each of its classes
on each anchor, and a profile of its features: how well they tell groups of anchors apart
(`feature_profile.py`), also from a few anchors of each (`few_shot_profile.py`), and which groups
they find alike (`feature_similarity.py`). Each `Generator` makes class vectors of that:

    profiled    mean probability over each group of anchors, relative to an even one, as a
                logarithm; then the profile, the same for all classes of a model
    responses   every anchor's probability, relative to an even one, as a logarithm
    soft        mean probability over each group of anchors
    ternary     the same below 0.2: -1, above 0.8: 1, otherwise 0, as in the released code

In the mixed experiment the profile says much more about reusability than probabilities do; the
others are the paper's own and stay for comparison.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from synlearn.atomic import write_atomically
from synlearn.errors import InputError
from synlearn.threads import one_thread
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.feature_cache import Responses, compute_responses
from synlearn.zoo.feature_profile import feature_profile, profile_width
from synlearn.zoo.feature_similarity import SKETCH, feature_similarity
from synlearn.zoo.few_shot_profile import (
    AnchorTasks,
    anchor_tasks,
    few_shot_profile,
    few_shot_profile_width,
)
from synlearn.zoo.picture_anchors import PictureAnchors, picture_anchors

CLASS_SPECIFICATIONS: Final = "class_specifications.safetensors"
_VERSION: Final = "anchor-views/v2"
LOW, HIGH = 0.2, 0.8
FLOOR: Final = 1e-3
_PROFILE: Final = ".profile"

Float32 = NDArray[np.float32]


class Generator(StrEnum):
    """How class vectors are made of probabilities; see the module."""

    PROFILED = "profiled"
    RESPONSES = "responses"
    SOFT = "soft"
    TERNARY = "ternary"


@dataclass(frozen=True, slots=True)
class ClassSpecifications:
    """Specifications of classifiers.

    Attributes:
        ids: (m,) model ids.
        probabilities: m arrays (classes of the model, a) float32: p(class | anchor).
        profiles: (m, q) float32.
        anchors: The anchors.
    """

    ids: tuple[ModelId, ...]
    probabilities: tuple[Float32, ...]
    profiles: Float32
    anchors: PictureAnchors

    def vectors(self, generator: Generator) -> tuple[Float32, ...]:
        """Return m arrays (classes of the model, p), p the same for all models."""
        return tuple(
            class_vectors(own, profile, self.anchors, generator)
            for own, profile in zip(self.probabilities, self.profiles, strict=True)
        )

    def blocks(self, generator: Generator) -> tuple[int, ...]:
        """Return how many numbers of a class vector are of one kind, kind after kind."""
        match generator:
            case Generator.PROFILED:
                return (len(self.anchors.names), *profile_blocks(self.anchors))
            case Generator.RESPONSES:
                return (len(self.anchors.groups),)
            case Generator.SOFT | Generator.TERNARY:
                return (len(self.anchors.names),)

    def source(self, generator: Generator) -> str:
        """Return what vectors have to agree in to be compared: generator and anchors."""
        return f"{generator}/{_VERSION} {self.anchors.digest}"

    def select(self, ids: Sequence[ModelId]) -> "ClassSpecifications":
        """Return the specifications of these models, in this order."""
        row = {model: index for index, model in enumerate(self.ids)}
        rows = [row[model] for model in ids]
        chosen = tuple(self.probabilities[place] for place in rows)
        return ClassSpecifications(tuple(ids), chosen, self.profiles[rows], self.anchors)


def class_vectors(
    probabilities: Float32, profile: Float32, anchors: PictureAnchors, generator: Generator
) -> Float32:
    """Make class vectors of p(class | anchor), (classes, a), and a profile, (q,); see the module.

    Relative logarithms are log((p + 1e-3) / (1/classes + 1e-3)): zero where the model is undecided,
    whatever its number of classes.
    """
    if generator is Generator.RESPONSES:
        return _relative(probabilities)
    member = np.eye(len(anchors.names), dtype=np.float32)[anchors.groups]
    means: Float32 = probabilities @ (member / member.sum(axis=0))
    match generator:
        case Generator.PROFILED:
            repeated = np.broadcast_to(profile, (len(means), len(profile)))
            return np.hstack([_relative(means), repeated])
        case Generator.SOFT:
            return means
        case Generator.TERNARY:
            return ((means > HIGH).astype(np.float32) - (means < LOW)).astype(np.float32)


def profile_blocks(anchors: PictureAnchors) -> tuple[int, ...]:
    """Return the numbers of each part of a profile."""
    return (profile_width(anchors), few_shot_profile_width(anchors), SKETCH)


def profile_of(
    features: NDArray[np.floating], anchors: PictureAnchors, tasks: Sequence[AnchorTasks]
) -> Float32:
    """Return the profile, (q,), of a model; its parts joined.

    Args:
        features: (a, f), of the anchors.
        anchors: The anchors.
        tasks: `anchor_tasks` of them.
    """
    return np.concatenate(
        [
            feature_profile(features, anchors),
            few_shot_profile(features, tasks),
            feature_similarity(features, anchors),
        ]
    )


def _relative(probabilities: Float32) -> Float32:
    ratios: Float32 = (probabilities + FLOOR) / (1 / len(probabilities) + FLOOR)
    return np.log(ratios).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _View:
    """What is kept of a model. probabilities: (classes, a) float16; profile: (q,) float32."""

    probabilities: NDArray[np.float16]
    profile: Float32


def class_specifications_of(zoo: Zoo, anchors: PictureAnchors | None = None) -> ClassSpecifications:
    """Return the specifications of all models of a zoo, computing those not stored yet.

    They are stored beside the models where the folder can be written to, each under its model's
    digest and with the anchors' digest, so a changed model or anchor set is never mistaken.

    Raises:
        InputError: A model is unusable, or gives outputs that are not finite.
    """
    anchors = anchors or picture_anchors()
    path = zoo.root / CLASS_SPECIFICATIONS
    known = _read(path, anchors)
    missing = [model for model in zoo if zoo.model_digest(model) not in known]
    with one_thread():
        for model, view in _views(zoo, missing, anchors):
            known[zoo.model_digest(model)] = view
    views = [known[zoo.model_digest(model)] for model in zoo]
    if missing:
        _write(
            path,
            {zoo.model_digest(model): known[zoo.model_digest(model)] for model in zoo},
            anchors,
        )
    return ClassSpecifications(
        zoo.ids,
        tuple(view.probabilities.astype(np.float32) for view in views),
        np.stack([view.profile for view in views]),
        anchors,
    )


def keep_specification(
    zoo: Zoo, model: ModelId, seen: Responses, anchors: PictureAnchors | None = None
) -> None:
    """Store the specification of one model of a zoo, from its responses to the anchors.

    Raises:
        InputError: They are not finite.
    """
    anchors = anchors or picture_anchors()
    path = zoo.root / CLASS_SPECIFICATIONS
    digests = {zoo.model_digest(own) for own in zoo}
    known = {digest: view for digest, view in _read(path, anchors).items() if digest in digests}
    known[zoo.model_digest(model)] = _view(model, seen, anchors, anchor_tasks(anchors))
    _write(path, known, anchors)


def _view(
    model: ModelId, seen: Responses, anchors: PictureAnchors, tasks: Sequence[AnchorTasks]
) -> _View:
    if not (np.isfinite(seen.probabilities).all() and np.isfinite(seen.features).all()):
        raise InputError(
            f"Model {model} gives outputs that are not finite; remove it from the zoo."
        )
    profile = profile_of(seen.features, anchors, tasks)
    return _View(np.ascontiguousarray(seen.probabilities.T), profile)


def store_specifications(zoo: Zoo, known: ClassSpecifications) -> None:
    """Store specifications beside the models, where `class_specifications_of` looks for them.

    Args:
        zoo: Of the models.
        known: Of all its models, in its order.
    """
    views = {
        zoo.model_digest(model): _View(probabilities.astype(np.float16), profile)
        for model, probabilities, profile in zip(
            zoo.ids, known.probabilities, known.profiles, strict=True
        )
    }
    _write(zoo.root / CLASS_SPECIFICATIONS, views, known.anchors)


def _views(
    zoo: Zoo, models: Sequence[ModelId], anchors: PictureAnchors
) -> Iterator[tuple[ModelId, _View]]:
    """Show the anchors to models."""
    tasks = anchor_tasks(anchors) if models else ()
    for model, seen in compute_responses(zoo, models, anchors.pictures):
        yield model, _view(model, seen, anchors, tasks)


def _source(anchors: PictureAnchors) -> str:
    return f"{_VERSION} {anchors.digest}"


def _read(path: Path, anchors: PictureAnchors) -> dict[str, _View]:
    """Return what is stored for these anchors, by model digest; nothing where unreadable."""
    try:
        with safe_open(path, framework="numpy") as file:
            if (file.metadata() or {}).get("anchors") != _source(anchors):
                return {}
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return {}
    found = {}
    for name, array in stored.items():
        profile = stored.get(f"{name}{_PROFILE}")
        if profile is not None and _is_view(array, profile, anchors):
            found[name] = _View(array, profile)
    return found


def _is_view(probabilities: np.ndarray, profile: np.ndarray, anchors: PictureAnchors) -> bool:
    return (
        probabilities.dtype == np.float16
        and profile.dtype == np.float32
        and probabilities.ndim == 2
        and len(probabilities) > 0
        and probabilities.shape[1] == len(anchors.groups)
        and profile.shape == (sum(profile_blocks(anchors)),)
        and bool(((probabilities >= 0) & (probabilities <= 1)).all())
        and bool(np.isfinite(profile).all())
    )


def _write(path: Path, views: dict[str, _View], anchors: PictureAnchors) -> None:
    arrays: dict[str, np.ndarray] = {}
    for name, view in views.items():
        arrays |= {name: view.probabilities, f"{name}{_PROFILE}": view.profile}
    try:
        write_atomically(path, save(arrays, metadata={"anchors": _source(anchors)}))
    except OSError:
        return  # a read-only zoo works as well, only slower
