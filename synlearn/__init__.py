"""The learning library: tasks, zoos, the MRE model, and its evaluation.

No network in here, but for `Client`, which asks a service for rankings.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from synlearn.client import Client

__all__ = ["Client"]


def __getattr__(name: str) -> object:
    """`Client`, when it is first asked for: it imports PyTorch."""
    if name == "Client":
        from synlearn.client import Client  # noqa: PLC0415

        return Client
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
