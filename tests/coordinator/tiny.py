"""A tiny job, and the state it starts from."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from coordinator.job import Job, Learning, Metric, Pretraining, Providers
from coordinator.state import State, initial_state

SPECIFICATIONS = torch.randn(5, 7, generator=torch.Generator().manual_seed(3))
"""Of the tiny job's five models."""
JOB = Job(
    name="tiny",
    zoo=Path("zoo"),
    providers=Providers(count=4),
    threads=1,
    pretraining=Pretraining(rounds=3, classes=2, rows_per_class=2, width=2, features=6),
    learning=Learning(
        rounds=2,
        tasks_per_round=3,
        models_per_round=4,
        validation_rows=5,
        k=3,
        draws=2,
        updates_per_round=5,
    ),
    metric=Metric(hidden=8, embedding=5, members=2, batch_tasks=2, batch_models=3),
)


def with_mode(mode: str) -> Job:
    """The tiny job with another way of pre-training."""
    return replace(JOB, pretraining=replace(JOB.pretraining, mode=mode))


def fresh(job: Job = JOB) -> State:
    """The state before the first round."""
    return initial_state(job, tasks=4, models=5, specification_length=7)


def bits(tensors: dict[str, torch.Tensor]) -> dict[str, bytes]:
    """Content of every tensor: equal where no bit differs."""
    return {
        name: str((tensor.dtype, tensor.shape)).encode() + np.asarray(tensor.detach()).tobytes()
        for name, tensor in tensors.items()
    }
