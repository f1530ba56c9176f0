"""Tasks, and the environment that draws them, for isolated closures (Algorithm 1, line 8)."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from synlearn.datasets.stable_draw import stable_order
from synlearn.errors import InputError

Indices = npt.NDArray[np.int64]

SAMPLING = 0
"""Keeps these draws apart from others of the same seed and round."""


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
        random = np.random.default_rng([self.seed, SAMPLING, round_index])
        return Sample(
            np.sort(random.choice(self.tasks, size=min(tasks, self.tasks), replace=False)),
            np.sort(random.choice(self.models, size=min(models, self.models), replace=False)),
        )


@dataclass(frozen=True, slots=True)
class DomainSplit:
    """Domains for learning, and domains never seen in it: rising positions in the zoo."""

    in_distribution: Indices
    out_of_distribution: Indices


def split_domains(count: int, learning: int, seed: int) -> DomainSplit:
    """Split `count` domains at random, `learning` of them for learning.

    The first of the stable order named `synlearn/dsprites/in-distribution/v1/seed=<seed>`.

    Raises:
        InputError: There are fewer domains than asked for.
    """
    if learning > count:
        raise InputError(
            f"{learning} providers were asked for, but the zoo has models of {count} domains; ask "
            "for fewer, or build a larger zoo."
        )
    order = stable_order(f"synlearn/dsprites/in-distribution/v1/seed={seed}", count)
    return DomainSplit(np.sort(order[:learning]), np.sort(order[learning:]))
