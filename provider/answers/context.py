"""What an answer may use."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from provider.dataset import Dataset, Indices
from provider.models import ModelCache
from provider.rows import RowSplit


@dataclass(frozen=True, slots=True)
class Context:
    """Data, model files and randomness for one question.

    Attributes:
        dataset: The provider's rows.
        files: The question's model files by digest, digests checked.
        models: Parsed files, shared by the nodes of the process.
        random: Keyed by the node's secret and the question's id.
        split: Of each class into halves, keyed by the node's secret.
        random_about: Randomness keyed by the node's secret, the job and what is asked about, see
            `provider.rows.subject_generator`: the same for every question about it.
    """

    dataset: Dataset
    files: dict[str, bytes]
    models: ModelCache
    random: np.random.Generator
    split: RowSplit
    random_about: Callable[[bytes], np.random.Generator]

    def draw_rows(self, count: int) -> Indices:
        """Draw `count` different rows."""
        return self.random.choice(self.dataset.rows, size=count, replace=False)

    def draw_rows_of(self, name: str, count: int) -> Indices:
        """Draw `count` different rows of a class."""
        return self.random.choice(self.dataset.rows_of(name), size=count, replace=False)

    def torch_generator(self) -> torch.Generator:
        """Return a PyTorch generator seeded from this question's randomness."""
        return torch.Generator().manual_seed(int(self.random.integers(2**63 - 1)))
