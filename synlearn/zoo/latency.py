"""How long a model takes on this machine, measured once for each model and kept.

One image at a time, in one thread: what a model costs, not how well a machine is filled. A
measurement holds for the machine, the version of PyTorch and the model's file, and is kept under
all three; on another machine it is measured again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import nn

from synlearn.atomic import write_atomically
from synlearn.evaluation.provenance import MachineFacts, machine_facts
from synlearn.threads import one_thread
from synlearn.zoo.card import ModelId
from synlearn.zoo.catalog import Zoo

FORMAT: Final = "synlearn-latency/1"
_WARM: Final = 3
_RUNS: Final = (9, 201)
"""Fewest and most passes; their median counts."""
_LONG_ENOUGH: Final = 0.02
"""Seconds after which no pass more is timed, once the fewest are."""

Clock = Callable[[], float]
"""Seconds, rising."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What a measurement holds for.

    Attributes:
        processor: Name of its model.
        platform: Operating system and architecture.
        torch: Version of PyTorch.
    """

    processor: str
    platform: str
    torch: str

    @classmethod
    def of(cls, facts: MachineFacts) -> "Machine":
        """The machine of these facts, with the installed PyTorch."""
        return cls(facts.cpu, facts.platform, version("torch"))

    @property
    def digest(self) -> str:
        """SHA-256, hex, of all of it."""
        text = "\0".join((FORMAT, self.processor, self.platform, self.torch))
        return hashlib.sha256(text.encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.processor}, {self.platform}, torch {self.torch}, one thread, one image"


@dataclass(frozen=True, slots=True)
class Latencies:
    """Measured latencies of models, kept in one file for each machine.

    Attributes:
        folder: Where they are kept.
        machine: This one.
        clock: Of this process.
    """

    folder: Path
    machine: Machine
    clock: Clock
    _known: dict[str, float] = field(default_factory=dict, repr=False)

    @classmethod
    def here(cls, clock: Clock, folder: Path | None = None) -> "Latencies":
        """Return those of this machine, with what earlier runs have measured.

        Args:
            clock: Seconds, rising; such as `time.perf_counter`.
            folder: Default: `synlearn` in the user's folder for caches.
        """
        return cls.of(folder or _user_cache(), Machine.of(machine_facts()), clock)

    @classmethod
    def of(cls, folder: Path, machine: Machine, clock: Clock) -> "Latencies":
        """Return those of a machine, with what is kept in a folder."""
        found = cls(folder, machine, clock)
        found._known.update(_read(found._path, machine))
        return found

    def milliseconds(self, zoo: Zoo, models: Sequence[ModelId]) -> Mapping[ModelId, float]:
        """Return the time that one image takes each of these models, measuring what is not known.

        Raises:
            InputError: A model cannot be used.
        """
        missing = [model for model in models if zoo.model_digest(model) not in self._known]
        with one_thread():
            for model in missing:
                shape = zoo.card(model).input.shape
                self._known[zoo.model_digest(model)] = timed(zoo.load(model), shape, self.clock)
        if missing:
            self._keep()
        return {model: self._known[zoo.model_digest(model)] for model in models}

    @property
    def _path(self) -> Path:
        return self.folder / f"latency-{self.machine.digest[:32]}.json"

    def _keep(self) -> None:
        content = {
            "format": FORMAT,
            "machine": str(self.machine),
            "milliseconds": dict(sorted(self._known.items())),
        }
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, (json.dumps(content, indent=1) + "\n").encode())
        except OSError:
            return  # measured again next time


def timed(model: nn.Module, shape: tuple[int, int, int], clock: Clock) -> float:
    """Return the median time of a pass of one image, in milliseconds.

    Args:
        model: In evaluation mode.
        shape: Channels, height and width of its images.
        clock: Seconds, rising.
    """
    image = torch.full((1, *shape), 0.5)
    least, most = _RUNS
    found: list[float] = []
    with torch.inference_mode():
        for _ in range(_WARM):
            model(image)
        while len(found) < least or (len(found) < most and sum(found) < _LONG_ENOUGH):
            start = clock()
            model(image)
            found.append(clock() - start)
    return 1e3 * float(np.median(found))


def _user_cache() -> Path:
    """By the XDG base directory specification."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(given) if given else Path.home() / ".cache") / "synlearn"


def _read(path: Path, machine: Machine) -> dict[str, float]:
    """What is kept; nothing where it cannot be read: a cache may be lost."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT or content["machine"] != str(machine):
            return {}
        found = {str(digest): float(own) for digest, own in content["milliseconds"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}
    return found if all(0 < own < np.inf for own in found.values()) else {}
