"""What models say about all rows of each class, by provider."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from coordinator.holdings import Counts
from coordinator.named_tensors import Tensors
from protocols.ids import ProviderId
from protocols.queries import pack_names
from protocols.queries.describe import unpack_names

Float64 = npt.NDArray[np.float64]


class Outputs(NamedTuple):
    """Of m models about k classes.

    Attributes:
        soft: (k, m, z) float64 sums of output probabilities.
        hard: (k, m, z) int64, how often each output was the largest.
    """

    soft: Float64
    hard: Counts


class OutputSums:
    """What each provider has answered about its own classes.

    Providers come and go, and each is asked about a model once in a job. So sums over those who
    take part are made when they are used.

    Args:
        classes: k, of all.
        models: m.
        outputs: z, the largest number of classes of a model.
    """

    def __init__(self, classes: int, models: int, outputs: int) -> None:
        self._classes = classes
        self._shape = (models, outputs)
        self._known: dict[ProviderId, npt.NDArray[np.bool_]] = {}
        self._held: dict[ProviderId, Counts] = {}
        self._own: dict[ProviderId, Outputs] = {}

    def unknown(self, provider: ProviderId, held: Counts, models: Counts) -> Counts:
        """Which of some models a provider of these classes, by position, was not asked about."""
        if not self._has(provider, held):
            return models
        return models[~self._known[provider][models]]

    def add(self, provider: ProviderId, held: Counts, models: Counts, own: Outputs) -> None:
        """Put in what some models say about a provider's classes, (classes, models, z) each."""
        if not self._has(provider, held):
            shape = (len(held), *self._shape)
            self._known[provider] = np.zeros(shape[1], bool)
            self._held[provider] = held.copy()
            self._own[provider] = Outputs(np.zeros(shape), np.zeros(shape, np.int64))
        for ours, theirs in zip(self._own[provider], own, strict=True):
            ours[:, models] = theirs
        self._known[provider][models] = True

    def total(self, providers: Iterable[ProviderId]) -> Outputs:
        """The sums over some providers, in the order of their ids."""
        shape = (self._classes, *self._shape)
        found = Outputs(np.zeros(shape), np.zeros(shape, np.int64))
        for provider in sorted(set(providers) & self._own.keys()):
            held, own = self._held[provider], self._own[provider]
            found.soft[held] += own.soft
            found.hard[held] += own.hard
        return found

    def tensors(self) -> Tensors:
        """As named tensors, with the providers one behind the other; `restore` takes them back."""
        names = tuple(sorted(self._own))
        own = [self._own[name] for name in names]
        empty = np.zeros((0, *self._shape))
        arrays = {
            "providers": pack_names(names).copy(),
            "known": np.array([self._known[name] for name in names]).reshape(-1, self._shape[0]),
            "counts": np.array([len(self._held[name]) for name in names], np.int64),
            "classes": np.concatenate(
                [np.empty(0, np.int64), *(self._held[name] for name in names)]
            ),
            "soft": np.concatenate([empty, *(each.soft for each in own)]),
            "hard": np.concatenate([empty.astype(np.int64), *(each.hard for each in own)]),
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def restore(self, tensors: Tensors) -> None:
        """Become what `tensors` was called on; KeyError or ValueError where that does not fit."""
        arrays = {name: value.numpy() for name, value in tensors.items()}
        names = tuple(map(ProviderId, unpack_names(arrays["providers"])))
        ends = np.cumsum(arrays["counts"])[:-1]
        for name in ("soft", "hard"):
            if arrays[name].shape[1:] != self._shape:
                raise ValueError(f"'{name}' has shape {arrays[name].shape}")
        parts = [np.split(arrays[name], ends) for name in ("classes", "soft", "hard")]
        self._known = dict(zip(names, arrays["known"].astype(bool), strict=True))
        self._held = {name: parts[0][place] for place, name in enumerate(names)}
        self._own = {
            name: Outputs(parts[1][place], parts[2][place]) for place, name in enumerate(names)
        }

    def _has(self, provider: ProviderId, held: Counts) -> bool:
        """Whether a provider with these very classes has answered anything."""
        own = self._held.get(provider)
        return own is not None and np.array_equal(own, held)
