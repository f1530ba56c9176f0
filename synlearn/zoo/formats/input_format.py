"""What a model's images look like."""

from dataclasses import dataclass
from math import isfinite


@dataclass(frozen=True, slots=True)
class InputFormat:
    """What the model's images look like.

    shape: (channels, height, width). Pixel values lie in [low, high], then `mean` is subtracted and
    the result divided by `std`, each a number per channel.
    """

    shape: tuple[int, int, int]
    low: float
    high: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def is_sound(self) -> bool:
        """Whether images can be brought to it."""
        numbers = (self.low, self.high, *self.mean, *self.std)
        channels = self.shape[0]
        return (
            channels in (1, 3)
            and len(self.mean) == len(self.std) == channels
            and all(map(isfinite, numbers))
            and self.low < self.high
            and all(each > 0 for each in self.std)
        )
