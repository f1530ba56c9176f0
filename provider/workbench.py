"""What answers of one provider and job are computed with."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from protocols.ids import JobId, QueryId
from provider.answers import Context
from provider.answers.limits import RowLimits
from provider.dataset import Dataset
from provider.feature_store import FeatureStore
from provider.model_api import Models
from provider.rows import RowSplit, row_generator, subject_generator

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Workbench:
    """Rows, models and the thread that brings them together.

    Attributes:
        dataset: The rows.
        secret: 32 bytes that key the drawing of rows; never leaves the node.
        models: What computes with model files; shared by the nodes of a process.
        executor: One thread, in which answers are computed.
        features: What models made of the rows before; None where nothing is kept.
    """

    dataset: Dataset
    secret: bytes = field(repr=False)
    models: Models
    executor: Executor
    features: FeatureStore | None = None

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Do something in the thread of answers; its log lines say whose question it is."""
        here = partial(copy_context().run, work, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self.executor, here)

    def context(
        self,
        job: JobId,
        query: QueryId,
        files: dict[str, bytes],
        *,
        attempt: int = 0,
        limits: RowLimits | None = None,
    ) -> Context:
        """All that one question needs.

        Args:
            job: Who asks.
            query: The question's id.
            files: Its model files by digest, digests checked.
            attempt: Counts the attempts at a masked question; 0 otherwise.
            limits: Of what a row may add, where the answer is to be noisy.
        """
        return Context(
            dataset=self.dataset,
            files=files,
            models=self.models,
            random=row_generator(self.secret, job, query, attempt),
            split=RowSplit(self.secret),
            random_about=partial(subject_generator, self.secret, job),
            limits=limits,
            store=self.features,
        )
