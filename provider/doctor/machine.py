"""Checks of the machine: clock, disk, versions."""

import ctypes
import importlib.metadata
import platform
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from provider.doctor.finding import Finding, error, fine, warning

_TIME_ERROR = 5
"""adjtimex(2) says so where nothing keeps the clock right."""
_TIMEX_BYTES = 512
"""More than a struct timex has; all zero, it only asks."""
_LEAST_FREE = 2**30
_GIB = 2**30


def check_clock(latest_entry: float | None, now: float) -> Iterator[Finding]:
    """Check that the clock is kept right, and does not lie before what the ledger has.

    Args:
        latest_entry: Unix seconds of the last entry of the ledger; None without one.
        now: Unix seconds.
    """
    said = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if latest_entry is not None and now < latest_entry - 1:
        yield error(
            "clock",
            f"it says {said}, which is {latest_entry - now:.0f} s before the last entry of the "
            "ledger",
            "set the clock; budgets by day and certificates depend on it",
        )
        return
    kept = _clock_is_kept()
    if kept is False:
        yield warning(
            "clock",
            f"it says {said}, and no time service keeps it right",
            "start chrony or systemd-timesyncd: hours of work, budgets by day and certificates "
            "depend on the clock",
        )
    else:
        yield fine("clock", said)


def check_disk(folder: Path, needed: int) -> Iterator[Finding]:
    """Check that there is room for a snapshot of the data and a growing ledger.

    Args:
        folder: On the disk in question.
        needed: Bytes of a further snapshot.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        yield error(
            "disk",
            f"{free / _GIB:.1f} GiB are free; a snapshot of the data needs {needed / _GIB:.1f}",
            f"make room on the disk of {folder}, or move the node to a larger one",
        )
    elif free < needed + _LEAST_FREE:
        yield warning(
            "disk",
            f"{free / _GIB:.1f} GiB are free, little more than a snapshot of the data",
            f"make room on the disk of {folder}: with a full disk, no question is answered",
        )
    else:
        yield fine("disk", f"{free / _GIB:.1f} GiB are free")


def check_versions() -> Iterator[Finding]:
    """Check that what is installed is what this version was made for."""
    wrong = []
    for line in importlib.metadata.requires("synlearn") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = importlib.metadata.version(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            wrong.append(f"{requirement.name} is {found}, not {requirement.specifier}")
    own = f"synlearn {importlib.metadata.version('synlearn')}, Python {platform.python_version()}"
    if wrong:
        yield error("versions", f"{own}: {'; '.join(wrong)}", "install synlearn again with pip")
    else:
        yield fine("versions", own)


def _clock_is_kept() -> bool | None:
    """Whether a time service keeps the clock right; None where the system does not tell."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR
