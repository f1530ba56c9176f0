"""Errors of every model on every domain's testing rows: the truth behind the dSprites experiment.

The 224 testing rows of a domain, which no model and no job has learned from, are split once more:
24 *example* rows, from which target datasets are drawn, and 200 *truth* rows, whose mean squared
error is the true reusability. No row is both.
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from synlearn.atomic import write_atomically
from synlearn.datasets.dsprites import (
    Domain,
    domain_images_packed,
    domain_targets,
    split,
)
from synlearn.datasets.dsprites_renderer import unpack_images
from synlearn.datasets.stable_draw import stable_order
from synlearn.worker_process import start_worker
from synlearn.zoo.catalog import Zoo
from synlearn.zoo.dsprites import zoo_domains
from synlearn.zoo.stacked import StackedModels

EXAMPLES: Final = 24
Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """Squared errors, mean over the two targets; axis 0 is the domain, axis 1 the model.

    Attributes:
        domains: (d,) index of each domain, rising; model i was trained on domain i.
        examples: (d, d, 24) float32, on each example row.
        half_a: (d, d) float32, mean over one half of the truth rows.
        half_b: (d, d) float32, mean over the other half.
    """

    domains: NDArray[np.int64]
    examples: Float32
    half_a: Float32
    half_b: Float32

    @property
    def truth(self) -> Float32:
        """(d, d) mean squared error over all truth rows; lower is better."""
        return (self.half_a + self.half_b) / np.float32(2)


def example_rows(domain: Domain, split_seed: int) -> NDArray[np.int64]:
    """Instances 0..1023 of the domain from which target datasets are drawn, (24,)."""
    return _ordered_testing_rows(domain, split_seed)[:EXAMPLES]


def error_table(
    zoo: Zoo, cache: Path, *, split_seed: int, workers: int, on_domain: Callable[[], None]
) -> ErrorTable:
    """Return the table of a dSprites zoo, computing it where `cache` does not hold it.

    Args:
        zoo: Models of dSprites domains.
        cache: File that keeps the table, with the zoo's digest.
        split_seed: Of the domains' training and testing rows; the one the zoo was built with.
        workers: Processes, of one thread each.
        on_domain: Called as each domain is done.
    """
    stored = _read(cache, zoo.digest)
    if stored is not None:
        return stored
    domains = sorted(zoo_domains(zoo))
    rows = []
    with ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_start, initargs=(zoo.root,)
    ) as pool:
        for row in pool.map(partial(_domain_errors, split_seed=split_seed), domains, chunksize=4):
            rows.append(row)
            on_domain()
    errors = np.stack(rows)
    truth = errors[:, :, EXAMPLES:]
    table = ErrorTable(
        np.array(domains),
        errors[:, :, :EXAMPLES].copy(),
        truth[:, :, 0::2].mean(axis=2),
        truth[:, :, 1::2].mean(axis=2),
    )
    _write(cache, zoo.digest, table)
    return table


@dataclass(slots=True)
class _Worker:
    """What a worker process loads once."""

    models: StackedModels | None = None


_worker = _Worker()


def _start(root: Path) -> None:
    start_worker()
    zoo = Zoo.open(root)
    models = zoo_domains(zoo)
    _worker.models = zoo.stack([models[domain] for domain in sorted(models)])


def _domain_errors(index: int, split_seed: int) -> Float32:
    """Squared errors of all models on a domain's testing rows, (models, 224)."""
    domain = Domain(index)
    rows = _ordered_testing_rows(domain, split_seed)
    images = unpack_images(domain_images_packed(domain)[rows])
    assert _worker.models is not None  # noqa: S101  # set by `_start`
    predictions = _worker.models.predict(images)
    error: Float32 = ((predictions - domain_targets()[rows]) ** 2).mean(axis=2).astype(np.float32)
    return error


def _ordered_testing_rows(domain: Domain, split_seed: int) -> NDArray[np.int64]:
    testing = split(domain, split_seed).testing
    purpose = f"synlearn/dsprites/examples/v1/seed={split_seed}/domain={domain.index}"
    return testing[stable_order(purpose, len(testing))]


def _read(cache: Path, zoo: str) -> ErrorTable | None:
    try:
        with safe_open(cache, framework="numpy") as file:
            if (file.metadata() or {}).get("zoo") != zoo:
                return None
            names = ("domains", "examples", "half_a", "half_b")
            return ErrorTable(*(file.get_tensor(name) for name in names))
    except (OSError, SafetensorError):
        return None


def _write(cache: Path, zoo: str, table: ErrorTable) -> None:
    tensors = {
        name: np.ascontiguousarray(getattr(table, name)) for name in table.__dataclass_fields__
    }
    write_atomically(cache, save(tensors, metadata={"zoo": zoo}))
