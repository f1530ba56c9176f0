"""What an answer may use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from provider.answers.limits import RowLimits
from provider.dataset import Dataset, Indices
from provider.feature_store import FeatureStore
from provider.model_api import Models
from provider.rows import RowSplit


@dataclass(frozen=True, slots=True)
class Context:
    """Data, model files and randomness for one question.

    Attributes:
        dataset: The provider's rows.
        files: The question's model files by digest, digests checked.
        models: What computes with the files.
        random: Keyed by the node's secret and the question's id.
        split: Of each class into halves, keyed by the node's secret.
        random_about: Randomness keyed by the node's secret, the job and what is asked about, see
            `provider.rows.subject_generator`: the same for every question about it.
        limits: Of what a row may add, where the answer is to be noisy; None for exact answers.
        store: What models made of whole classes before; None where nothing is kept.
    """

    dataset: Dataset
    files: dict[str, bytes]
    models: Models
    random: np.random.Generator
    split: RowSplit
    random_about: Callable[[bytes], np.random.Generator]
    limits: RowLimits | None = None
    store: FeatureStore | None = None

    @property
    def bounded(self) -> bool:
        """Whether every row's part has to be bounded, and a number."""
        return self.limits is not None

    def draw_rows(self, count: int) -> Indices:
        """Draw `count` different rows."""
        return self.random.choice(self.dataset.rows, size=count, replace=False)

    def draw_rows_of(self, name: str, count: int) -> Indices:
        """Draw `count` different rows of a class."""
        return self.random.choice(self.dataset.rows_of(name), size=count, replace=False)

    def torch_generator(self) -> torch.Generator:
        """Return a PyTorch generator seeded from this question's randomness."""
        return torch.Generator().manual_seed(int(self.random.integers(2**63 - 1)))
