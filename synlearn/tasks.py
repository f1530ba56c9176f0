"""Tasks, and the environment that draws them (SynLearn, Algorithm 1, line 8)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sample:
    """Tasks and models drawn for one round: rising indices."""

    tasks: Indices
    models: Indices


@dataclass(frozen=True, slots=True)
class TaskEnvironment:
    """Draws mu ~ T and h ~ M, uniformly, without asking a provider anything.

    Attributes:
        tasks: How many tasks there are.
        models: How many models there are.
        seed: Of the draws; round r's draw depends on (seed, r) alone, so that a job that is
            resumed draws the same again.
    """

    tasks: int
    models: int
    seed: int

    def sample(self, round_index: int, tasks: int, models: int) -> Sample:
        """Draw for one round; asking for more than there are draws all."""
        random = np.random.default_rng([self.seed, round_index])
        return Sample(
            np.sort(random.choice(self.tasks, size=min(tasks, self.tasks), replace=False)),
            np.sort(random.choice(self.models, size=min(models, self.models), replace=False)),
        )
