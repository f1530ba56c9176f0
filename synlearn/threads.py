"""One thread of arithmetic, where there are many small products.

On them PyTorch's threads mostly wait for each other, and where other work keeps the cores busy they
take many times as long as one thread alone.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let PyTorch compute in one thread until the block ends."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
