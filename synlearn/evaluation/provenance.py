"""Facts that a reader needs to judge a number: the machine and the versions behind it.

No host name, user name or path is read, so that a results file can be published as it is.
"""

import os
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

DEFAULT_PACKAGES = ("synlearn", "numpy", "scipy", "torch", "grpcio", "protobuf", "safetensors")


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """The machine that produced the numbers.

    Attributes:
        cores: processor cores this process may use.
        memory_bytes: physical memory, or the smaller limit of its control group; 0 if unknown.
        cpu: model name of the processor.
        platform: operating system and architecture, such as "Linux x86_64".
        python: version of the interpreter.
        accelerator: name of the GPU that was used, "none" where there was none.
    """

    cores: int
    memory_bytes: int
    cpu: str
    platform: str
    python: str
    accelerator: str = "none"


def machine_facts(*, accelerator: str = "none", root: Path = Path("/")) -> MachineFacts:
    """Describe this machine.

    Args:
        accelerator: name of the GPU in use; the caller knows it, this module imports no torch.
        root: where /proc and /sys are found; tests pass a directory of their own.
    """
    return MachineFacts(
        cores=_cores(),
        memory_bytes=_memory(root),
        cpu=_cpu(root),
        platform=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        accelerator=accelerator,
    )


def package_versions(names: Iterable[str] = DEFAULT_PACKAGES) -> dict[str, str]:
    """Installed versions by distribution name, "not installed" where there is none.

    >>> package_versions(["no-such-package"])
    {'no-such-package': 'not installed'}
    """
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # not on macOS
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory(root: Path) -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", _read(root / "proc/meminfo"), re.MULTILINE)
    total = 1024 * int(found[1]) if found else 0
    limit = _read(root / "sys/fs/cgroup/memory.max").strip()
    return min(total, int(limit)) if limit.isdecimal() else total


def _cpu(root: Path) -> str:
    found = re.search(r"^model name\s*:\s*(.+)$", _read(root / "proc/cpuinfo"), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
