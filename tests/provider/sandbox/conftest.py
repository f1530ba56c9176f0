from collections.abc import Iterator

import pytest

from provider.sandbox.process import ModelWorker, WorkerLimits


@pytest.fixture(scope="session")
def worker() -> Iterator[ModelWorker]:
    """One worker for all tests: a start takes seconds."""
    shared = ModelWorker(WorkerLimits(seconds=60, memory=2**30))
    yield shared
    shared.close()
