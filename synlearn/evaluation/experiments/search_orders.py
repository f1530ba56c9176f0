"""In which order each strategy tries the candidates, for every task and seed, kept on disk."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from synlearn.atomic import write_atomically
from synlearn.evaluation.experiments.search_bench import SearchBench
from synlearn.strategies.candidate import Candidate
from synlearn.strategies.strategy import Places, SearchTask, Strategy

_VERSION = "synlearn/search/orders/v1"

Orders = NDArray[np.int64]
"""(t, m): positions of candidates, the one to try first in front."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """A strategy whose order of all candidates is known; pools take their part of it.

    Attributes:
        whole: All candidates, as the order counts them.
        places: (m,) their order for the task at hand.
    """

    whole: tuple[Candidate, ...]
    places: Places

    def order(self, candidates: Sequence[Candidate], task: SearchTask) -> Places:
        """See `Strategy`."""
        del task  # the order is its own
        position = {own.model: place for place, own in enumerate(candidates)}
        names = (self.whole[place].model for place in self.places)
        return np.array([position[name] for name in names if name in position])


def measure_orders(
    path: Path,
    bench: SearchBench,
    strategies: Mapping[str, Callable[[int], Strategy]],
    seeds: Sequence[int],
    *,
    source: str,
    on_done: Callable[[int], None],
) -> dict[tuple[str, int], Orders]:
    """Ask every strategy for every task, or read what is kept of it.

    Args:
        path: Where it is kept: a safetensors file, an array for each strategy and seed.
        bench: Candidates and tasks.
        strategies: By name; each is made for a seed.
        seeds: Draws of the examples.
        source: Digest of everything that orders depend on besides names and seeds.
        on_done: Told how many pairs of strategy and seed more are ready.

    Returns:
        Orders by strategy and seed.
    """
    names = (_VERSION, source, str(bench.k), *(task.name for task in bench.tasks))
    models = (own.model for own in bench.candidates)
    digest = hashlib.sha256("\0".join((*names, *models)).encode()).hexdigest()
    known = _read(path, digest)
    found = {}
    for name, make in strategies.items():
        for seed in seeds:
            key = f"{digest}/{name}/seed={seed}"
            if key not in known:
                strategy = make(seed)
                orders = [
                    strategy.order(bench.candidates, bench.task(place, seed))
                    for place in range(len(bench.tasks))
                ]
                known[key] = np.stack(orders).astype(np.int64)
                write_atomically(path, save(known))
            found[name, seed] = known[key]
            on_done(1)
    return found


def _read(path: Path, digest: str) -> dict[str, Orders]:
    try:
        content = load(path.read_bytes())
    except (OSError, SafetensorError):
        return {}
    return {name: array for name, array in content.items() if name.startswith(digest)}
