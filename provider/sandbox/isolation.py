"""What a process gives up for good before it looks at a model: one layer after the other.

Each layer stands alone, since kernels and containers differ in what they allow; whoever needs one
asks for it (`ModelWorker`).
"""

import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from provider.sandbox.landlock import no_files
from provider.sandbox.linux import (
    DUMPABLE,
    NEW_IPC,
    NEW_NET,
    NEW_USER,
    NEW_UTS,
    NO_NEW_PRIVS,
    drop_capabilities,
    prctl,
    unshare,
)
from provider.sandbox.seccomp import filter_calls

_DESCRIPTORS = 8
"""Below which all the worker's own lie; no other can be opened."""


class Layer(Enum):
    """One way in which the kernel keeps a worker in, in the order in which they are entered."""

    LIMITS = "limits"
    NO_NEW_PRIVS = "no_new_privs"
    NAMESPACES = "namespaces"
    LANDLOCK = "landlock"
    CAPABILITIES = "capabilities"
    SECCOMP = "seccomp"


@dataclass(frozen=True, slots=True)
class LayerState:
    """Whether a layer holds here.

    Attributes:
        layer: Which one.
        active: It holds.
        why_not: One sentence where it does not, or covers less than it could; empty otherwise.
    """

    layer: Layer
    active: bool
    why_not: str = ""


def enter(layers: Iterable[Layer], memory: int) -> tuple[LayerState, ...]:
    """Enter layers, in the order given.

    `LIMITS` has to come before `LANDLOCK`, and both, like `NAMESPACES`, before the process has a
    second thread.

    Args:
        layers: Which ones.
        memory: Bytes beyond what is used now, of private memory as of address space; for `LIMITS`.

    Returns:
        How each went; a kernel that refuses one is no error.
    """
    return tuple(_enter(layer, memory) for layer in layers)


def _enter(layer: Layer, memory: int) -> LayerState:
    if sys.platform != "linux":
        return LayerState(layer, False, f"{sys.platform} has no such layer; run the node on Linux.")
    try:
        return LayerState(layer, True, _STEPS[layer](memory))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        return LayerState(layer, False, f"The kernel or container refuses: {why}.")


def _limits(memory: int) -> str:
    used = _used()
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _DESCRIPTORS,
        resource.RLIMIT_DATA: used["VmData"] + memory,
        resource.RLIMIT_AS: used["VmSize"] + memory,
    }
    for what, limit in wanted.items():
        _, hard = resource.getrlimit(what)
        least = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(what, (least, least))
    return ""


def _no_new_privs(_: int) -> str:
    prctl(NO_NEW_PRIVS, 1)
    prctl(DUMPABLE, 0)  # nobody else looks into this memory
    return ""


def _landlock(_: int) -> str:
    return no_files()


def _namespaces(_: int) -> str:
    unshare(NEW_USER | NEW_NET | NEW_IPC | NEW_UTS)
    return ""


def _capabilities(_: int) -> str:
    drop_capabilities()
    return ""


def _seccomp(_: int) -> str:
    filter_calls()
    return ""


_STEPS: Final[Mapping[Layer, Callable[[int], str]]] = MappingProxyType(
    {
        Layer.LIMITS: _limits,
        Layer.NO_NEW_PRIVS: _no_new_privs,
        Layer.NAMESPACES: _namespaces,
        Layer.LANDLOCK: _landlock,
        Layer.CAPABILITIES: _capabilities,
        Layer.SECCOMP: _seccomp,
    }
)


def _used() -> dict[str, int]:
    """Sizes of this process in bytes, as /proc names them."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    return {name: int(value.split()[0]) * 1024 for name, value in pairs}
