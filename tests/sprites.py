"""Small data for tests: a few rendered sprites at random places."""

import numpy as np
import numpy.typing as npt

from synlearn.datasets.dsprites_renderer import Shape, render

Float32 = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


class Sprites:
    """A provider's dataset: one shape, its positions to be told."""

    input_shape = (1, 64, 64)
    targets = 2

    def __init__(self, shape: Shape, rows: int, seed: int = 0) -> None:
        self._name = shape.name.lower()
        random = np.random.default_rng([int(shape), seed])
        self._values = random.random((rows, 2))
        self._images = render(shape, 0.8, 0.3 * seed, *self._values.T)[:, None].astype(np.float32)

    @property
    def rows(self) -> int:
        return len(self._values)

    @property
    def classes(self) -> dict[str, int]:
        return {self._name: self.rows}

    def rows_of(self, name: str) -> Indices:
        return np.arange(self.rows if name == self._name else 0)

    def images(self, rows: Indices) -> Float32:
        return self._images[rows]

    def values(self, rows: Indices) -> Float32:
        return self._values[rows].astype(np.float32)
