"""Sets of class vectors of different sizes, as one padded tensor and a mask."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from synlearn.errors import InputError


@dataclass(frozen=True, slots=True)
class ClassSets:
    """One vector for each class of each of n owners: tasks or models.

    Attributes:
        values: (n, c, w), c the largest number of classes; 0 where a class is absent.
        present: (n, c) bool; each owner has at least one class.
    """

    values: Tensor
    present: Tensor

    @classmethod
    def of(cls, matrices: Sequence[ArrayLike]) -> "ClassSets":
        """Pad matrices (c_i, w), c_i >= 1, to one float32 tensor.

        Raises:
            InputError: There is no matrix, or one is empty, not of width w or not finite.
        """
        rows = [np.asarray(matrix, np.float32) for matrix in matrices]
        widths = {matrix.shape[1:] for matrix in rows}
        if not rows or len(widths) != 1 or any(m.ndim != 2 or not len(m) for m in rows):
            raise InputError(
                "class vectors must be matrices of one width with a row for each class, at least "
                f"one; got shapes {sorted({matrix.shape for matrix in rows})}."
            )
        joined = np.concatenate(rows)
        if not np.isfinite(joined).all():
            raise InputError("class vectors hold a NaN or an infinity; leave their owner out.")
        counts = torch.tensor([len(matrix) for matrix in rows])
        present = torch.arange(int(counts.max())) < counts[:, None]
        values = torch.zeros(*present.shape, joined.shape[1])
        values[present] = torch.from_numpy(joined)
        return cls(values, present)

    @classmethod
    def full(cls, values: Tensor) -> "ClassSets":
        """Sets of the same size, (n, c, w): every class is present."""
        return cls(values, torch.ones(values.shape[:2], dtype=torch.bool, device=values.device))

    def __len__(self) -> int:
        return len(self.values)

    def select(self, owners: ArrayLike) -> "ClassSets":
        """Return the sets of these owners, in this order; the padding stays."""
        index = torch.as_tensor(np.asarray(owners, np.int64), device=self.values.device)
        return ClassSets(self.values[index], self.present[index])

    def to(self, device: torch.device | str) -> "ClassSets":
        """Return the same sets on a device."""
        return ClassSets(self.values.to(device), self.present.to(device))
