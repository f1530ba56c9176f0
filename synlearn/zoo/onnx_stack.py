"""Several ONNX models of the same sizes, with the face of a stack; each is run by itself."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from synlearn.errors import InputError
from synlearn.zoo.formats.onnx import OnnxFile
from synlearn.zoo.networks import OnnxNetwork

Float32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class OnnxStack:
    """M ONNX models that take and give arrays of the same shapes.

    ids: (M,), their order is that of the first axis everywhere. architecture: of each.
    """

    ids: tuple[str, ...]
    architecture: OnnxNetwork
    files: tuple[OnnxFile, ...]

    @classmethod
    def of(cls, ids: Sequence[str], files: Sequence[OnnxFile]) -> Self:
        """Bring models together; raises InputError when there are none or their sizes differ."""
        if not files:
            raise InputError("There is no model to evaluate; name at least one.")
        for name, file in zip(ids, files, strict=True):
            if file.network != files[0].network:
                raise InputError(
                    f"Models {ids[0]} and {name} differ in their sizes and cannot be evaluated "
                    "together; choose models of the same sizes."
                )
        return cls(tuple(ids), files[0].network, tuple(files))

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, rows: Sequence[int]) -> Self:
        """Return those in these places, in this order."""
        return replace(
            self,
            ids=tuple(self.ids[row] for row in rows),
            files=tuple(self.files[row] for row in rows),
        )

    def predict(self, images: NDArray[np.floating]) -> Float32:
        """Return logits of (n, channels, height, width) images in [0, 1], (M, n, classes)."""
        return np.stack([file.run(images)[0] for file in self.files])

    def features(self, images: NDArray[np.floating]) -> Float32:
        """Return features of such images, (M, n, features)."""
        return np.stack([file.run(images)[1] for file in self.files])
